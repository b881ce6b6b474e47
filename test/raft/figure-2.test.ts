/**
 * The rules of figure 2 of the Raft paper, one by one, on a single server (number 0, of three) to which the test
 * plays the others.
 */

import { expect } from 'chai';
import { Disk } from '../support/raft/disk.js';
import {
  allOf,
  appendEntries,
  appendEntriesResponse,
  entries,
  preVoteResponse,
  requestVote,
  requestVoteResponse,
  textOfLog,
  theOnly,
} from '../support/raft/messages.js';
import { ELECTION_TIMEOUT_MS, HEARTBEAT_MS, Server } from '../support/raft/server.js';

describe('figure 2 of the paper', () => {
  const fresh = () => new Server(0, 3);
  const withLog = (log: string) => new Server(0, 3, { disk: Disk.holding(entries(log)) });

  /** A server that has just become the leader of the term after that of its log. */
  function leaderWithLog(log: string): Server {
    const server = withLog(log);
    server.pass(ELECTION_TIMEOUT_MS);
    const term = server.raft.currentTerm + 1;
    server.receive(preVoteResponse({ term }));
    server.receive(requestVoteResponse({ term }));
    expect(server.raft.role).to.equal('leader');
    return server;
  }

  function accept(server: Server, from: number, matchIndex: number): void {
    const term = server.raft.currentTerm;
    const result = { outcome: 'accepted', matchIndex } as const;
    server.receive(appendEntriesResponse({ from, term, result }));
  }

  describe('state', () => {
    it('starts in term 0, without a vote, a log or anything committed', () => {
      const { raft } = fresh();
      expect(raft.hardState).to.deep.equal({ currentTerm: 0, votedFor: undefined });
      expect(raft.lastLog).to.deep.equal({ index: 0, term: 0 });
      expect(raft.commitIndex).to.equal(0);
    });

    it('puts term, vote and entries on disk before it answers a request', () => {
      const server = fresh();
      server.holdDisk();
      expect(server.receive(requestVote({ term: 2 }))).to.deep.equal([]);
      expect(server.receive(appendEntries({ term: 2, entries: entries('2:-') }))).to.deep.equal([]);

      const answers = server.writeDisk().map(({ type }) => type);
      expect(answers).to.deep.equal(['RequestVoteResponse', 'AppendEntriesResponse']);
      expect(server.disk.hardState).to.deep.equal({ currentTerm: 2, votedFor: 1 });
      expect(textOfLog(server.disk.entries)).to.equal('2:-');
    });

    it('answers not even a heartbeat before the new term is on disk', () => {
      const server = fresh();
      server.holdDisk();
      expect(server.receive(appendEntries({ term: 2 }))).to.deep.equal([]);
      expect(theOnly('AppendEntriesResponse', server.writeDisk()).term).to.equal(2);
    });

    it('starts a leader with nextIndex after its log, and matchIndex 0', () => {
      const server = withLog('1:a 1:b');
      server.pass(ELECTION_TIMEOUT_MS);
      server.receive(preVoteResponse({ term: 2 }));
      const first = allOf('AppendEntries', server.receive(requestVoteResponse({ term: 2 })));
      expect(first.map(({ prevLogIndex }) => prevLogIndex)).to.deep.equal([2, 2]);
      expect(server.raft.commitIndex, 'nobody is taken to have anything').to.equal(0);
    });
  });

  describe('AppendEntries, receiver', () => {
    it('1: refuses a leader of an older term', () => {
      const server = withLog('3:a');
      const answer = theOnly('AppendEntriesResponse', server.receive(appendEntries({ term: 2 })));
      expect(answer.term).to.equal(3);
      expect(answer.result).to.deep.equal({ outcome: 'stale' });
    });

    it('2: refuses when its log has no entry at prevLogIndex', () => {
      const server = withLog('1:a');
      const request = appendEntries({
        prevLogIndex: 3,
        prevLogTerm: 1,
        entries: entries('1:d', { after: 3 }),
      });
      const { result } = theOnly('AppendEntriesResponse', server.receive(request));
      expect(result).to.deep.equal({ outcome: 'rejected', rejectedIndex: 3, hint: { index: 1, term: 1 } });
      expect(server.log).to.equal('1:a');
    });

    it('2: refuses when its entry at prevLogIndex is of another term', () => {
      const server = withLog('1:a 2:b');
      const request = appendEntries({ term: 4, prevLogIndex: 2, prevLogTerm: 3 });
      const { result } = theOnly('AppendEntriesResponse', server.receive(request));
      expect(result).to.include({ outcome: 'rejected', rejectedIndex: 2 });
      expect(server.log, 'only an entry that conflicts is removed, and none was sent').to.equal('1:a 2:b');
    });

    it('3: removes an entry that conflicts with a new one, and all that follow it', () => {
      const server = withLog('1:a 2:b 2:c 2:d');
      const request = { term: 3, prevLogIndex: 1, prevLogTerm: 1, entries: entries('3:x', { after: 1 }) };
      server.receive(appendEntries(request));
      expect(server.log).to.equal('1:a 3:x');
      expect(textOfLog(server.disk.entries)).to.equal('1:a 3:x');
    });

    it('3: keeps what follows entries that it has already', () => {
      const server = withLog('1:a 1:b 1:c');
      server.receive(appendEntries({ entries: entries('1:a 1:b') }));
      expect(server.log, 'the request was late, not the log wrong').to.equal('1:a 1:b 1:c');
    });

    it('4: appends the entries that it lacks', () => {
      const server = withLog('1:a');
      const { result } = theOnly(
        'AppendEntriesResponse',
        server.receive(appendEntries({ entries: entries('1:a 1:b 1:c') })),
      );
      expect(server.log).to.equal('1:a 1:b 1:c');
      expect(result).to.deep.equal({ outcome: 'accepted', matchIndex: 3 });
    });

    it('5: commits up to leaderCommit', () => {
      const server = withLog('1:a 1:b 1:c');
      server.receive(appendEntries({ prevLogIndex: 3, prevLogTerm: 1, leaderCommit: 2 }));
      expect(server.raft.commitIndex).to.equal(2);
    });

    it('5: commits no further than the last entry that the request vouches for', () => {
      const server = withLog('1:a 1:b 1:c');
      server.receive(appendEntries({ term: 2, entries: entries('1:a 1:b'), leaderCommit: 3 }));
      expect(server.raft.commitIndex, 'entry 3 may conflict with the leader’s').to.equal(2);
    });

    it('5: never takes a commit back', () => {
      const server = withLog('1:a 1:b');
      server.receive(appendEntries({ prevLogIndex: 2, prevLogTerm: 1, leaderCommit: 2 }));
      server.receive(appendEntries({ prevLogIndex: 1, prevLogTerm: 1, leaderCommit: 1 }));
      expect(server.raft.commitIndex).to.equal(2);
    });
  });

  describe('RequestVote, receiver', () => {
    it('1: refuses a candidate of an older term', () => {
      const server = new Server(0, 3, { disk: Disk.holding([], 3) });
      const answer = theOnly('RequestVoteResponse', server.receive(requestVote({ term: 2 })));
      expect(answer).to.include({ term: 3, voteGranted: false });
    });

    it('2: grants its vote if it has none in this term', () => {
      const answer = theOnly('RequestVoteResponse', fresh().receive(requestVote({ from: 2 })));
      expect(answer).to.include({ to: 2, term: 1, voteGranted: true });
    });

    it('2: grants it again to the same candidate, whose answer may be lost', () => {
      const server = fresh();
      server.receive(requestVote({ from: 2 }));
      const again = theOnly('RequestVoteResponse', server.receive(requestVote({ from: 2 })));
      expect(again.voteGranted).to.equal(true);
    });

    it('2: votes once in a term', () => {
      const server = fresh();
      server.receive(requestVote({ from: 1 }));
      const second = theOnly('RequestVoteResponse', server.receive(requestVote({ from: 2 })));
      expect(second.voteGranted).to.equal(false);
    });

    for (const { log, last, voteGranted, because } of [
      { log: '1:a 1:b', last: { index: 2, term: 1 }, voteGranted: true, because: 'the logs end alike' },
      { log: '1:a 1:b', last: { index: 3, term: 1 }, voteGranted: true, because: 'it is longer' },
      { log: '1:a 1:b', last: { index: 1, term: 1 }, voteGranted: false, because: 'it is shorter' },
      { log: '1:a 1:b', last: { index: 1, term: 2 }, voteGranted: true, because: 'its last term is later' },
      {
        log: '1:a 2:b',
        last: { index: 9, term: 1 },
        voteGranted: false,
        because: 'its last term is earlier',
      },
    ]) {
      it(`2: ${voteGranted ? 'votes for' : 'refuses'} a candidate whose log ends at ${last.term}@${last.index} \
where its own is ${log}: ${because}`, () => {
        const server = withLog(log);
        server.pass(ELECTION_TIMEOUT_MS);
        const request = requestVote({ term: 9, lastLogIndex: last.index, lastLogTerm: last.term });
        expect(theOnly('RequestVoteResponse', server.receive(request)).voteGranted).to.equal(voteGranted);
      });
    }
  });

  describe('rules for all servers', () => {
    it('applies what is committed, in order, once', () => {
      const server = fresh();
      server.receive(appendEntries({ entries: entries('1:a 1:b 1:c'), leaderCommit: 2 }));
      expect(server.applied).to.equal('a b');
      server.receive(appendEntries({ prevLogIndex: 3, prevLogTerm: 1, leaderCommit: 3 }));
      expect(server.applied).to.equal('a b c');
    });

    it('enters a later term that a request names, as a follower', () => {
      const server = leaderWithLog('1:a');
      server.receive(appendEntries({ from: 2, term: 7 }));
      expect(server.raft).to.include({ role: 'follower', currentTerm: 7, leader: 2 });
    });

    it('enters a later term that an answer names, as a follower', () => {
      const server = leaderWithLog('1:a');
      server.receive(appendEntriesResponse({ term: 7, result: { outcome: 'stale' } }));
      expect(server.raft).to.include({ role: 'follower', currentTerm: 7, leader: undefined });
    });
  });

  describe('followers', () => {
    it('answer requests and ask for nothing themselves', () => {
      const server = fresh();
      expect(server.receive(appendEntries({})).map(({ type }) => type)).to.deep.equal([
        'AppendEntriesResponse',
      ]);
      expect(server.pass(ELECTION_TIMEOUT_MS - 1)).to.deep.equal([]);
    });

    it('campaign when an election timeout passes without a word from a leader', () => {
      const server = fresh();
      server.pass(ELECTION_TIMEOUT_MS - 1);
      server.receive(appendEntries({}));
      server.pass(ELECTION_TIMEOUT_MS - 1);
      expect(server.raft.role, 'the leader was heard').to.equal('follower');
      server.pass(1);
      expect(server.raft.role).to.equal('precandidate');
    });

    it('wait a full timeout after they voted', () => {
      const server = fresh();
      server.pass(ELECTION_TIMEOUT_MS - 1);
      server.receive(requestVote({}));
      server.pass(ELECTION_TIMEOUT_MS - 1);
      expect(server.raft.role).to.equal('follower');
      server.pass(1);
      expect(server.raft.role).to.equal('precandidate');
    });

    it('do not wait longer for a candidate whom they refused', () => {
      const server = fresh();
      server.receive(requestVote({ from: 1 }));
      server.pass(ELECTION_TIMEOUT_MS - 1);
      server.receive(requestVote({ from: 2 }));
      server.pass(1);
      expect(server.raft.role).to.equal('precandidate');
    });
  });

  describe('candidates', () => {
    function candidate(): Server {
      const server = fresh();
      server.pass(ELECTION_TIMEOUT_MS);
      server.receive(preVoteResponse({ term: 1 }));
      return server;
    }

    it('raise the term, vote for themselves, and ask all others', () => {
      const server = fresh();
      server.pass(ELECTION_TIMEOUT_MS);
      const requests = allOf('RequestVote', server.receive(preVoteResponse({ term: 1 })));
      expect(server.disk.hardState).to.deep.equal({ currentTerm: 1, votedFor: 0 });
      expect(requests.map(({ to, term }) => ({ to, term }))).to.deep.equal([
        { to: 1, term: 1 },
        { to: 2, term: 1 },
      ]);
    });

    it('lead once a majority voted for them', () => {
      const server = candidate();
      server.receive(requestVoteResponse({ from: 2 }));
      expect(server.raft.role).to.equal('leader');
    });

    it('follow a leader of their term that they hear from', () => {
      const server = candidate();
      server.receive(appendEntries({ from: 2 }));
      expect(server.raft).to.include({ role: 'follower', leader: 2, currentTerm: 1 });
    });

    it('try again when the election times out', () => {
      const server = candidate();
      server.pass(ELECTION_TIMEOUT_MS);
      expect(server.raft.role).to.equal('precandidate');
      const requests = allOf('RequestVote', server.receive(preVoteResponse({ term: 2 })));
      expect(requests.map(({ term }) => term)).to.deep.equal([2, 2]);
    });

    it('count each voter once', () => {
      const server = new Server(0, 5);
      server.pass(ELECTION_TIMEOUT_MS);
      for (const from of [1, 2]) server.receive(preVoteResponse({ from, term: 1 }));
      server.receive(requestVoteResponse({ from: 1 }));
      server.receive(requestVoteResponse({ from: 1 }));
      expect(server.raft.role).to.equal('candidate');
    });
  });

  describe('leaders', () => {
    it('send heartbeats upon election, and again while idle', () => {
      const server = leaderWithLog('1:a');
      expect(server.pass(HEARTBEAT_MS - 1)).to.deep.equal([]);
      const heartbeats = allOf('AppendEntries', server.pass(1));
      expect(heartbeats.map(({ to }) => to)).to.deep.equal([1, 2]);
    });

    it('append what is proposed to their log', () => {
      const server = leaderWithLog('1:a');
      server.propose('x');
      expect(server.log).to.equal('1:a 2:- 2:x');
    });

    it('answer a client only after the entry was applied', () => {
      const server = leaderWithLog('');
      server.propose('x');
      expect(server.applied).to.equal('');
      accept(server, 1, 2);
      expect(server.applied).to.equal('x');
    });

    it('send a follower what it lacks, from nextIndex on', () => {
      const server = leaderWithLog('');
      accept(server, 1, 1);
      const [request] = allOf('AppendEntries', server.propose('x'));
      expect(request).to.include({ to: 1, prevLogIndex: 1, prevLogTerm: 1 });
      expect(textOfLog(request?.entries ?? [])).to.equal('1:x');
    });

    it('go back with nextIndex when a follower’s log does not match', () => {
      const server = leaderWithLog('1:a 1:b 1:c');
      const result = { outcome: 'rejected', rejectedIndex: 3, hint: { index: 1, term: 1 } } as const;
      const retry = theOnly('AppendEntries', server.receive(appendEntriesResponse({ term: 2, result })));
      expect(retry.prevLogIndex).to.equal(1);
      expect(textOfLog(retry.entries)).to.equal('1:b 1:c 2:-');
    });

    it('commit what a majority has, if it is of their own term', () => {
      const server = leaderWithLog('1:a');
      accept(server, 1, 1);
      expect(server.raft.commitIndex, 'a majority has entry 1, but it is of term 1').to.equal(0);
      accept(server, 1, 2);
      expect(server.raft.commitIndex).to.equal(2);
    });
  });
});
