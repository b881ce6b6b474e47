import { expect } from 'chai';
import { Invariants } from '../../../src/raft/checks/invariants.js';
import { PropertyViolation } from '../../../src/raft/checks/property-violation.js';
import type { ServerView } from '../../../src/raft/checks/raft-view.js';
import { initialConfiguration } from '../../../src/raft/configuration.js';
import type {
  Configuration,
  HardState,
  Message,
  PersistRequest,
  RecoveredState,
  SnapshotMeta,
} from '../../../src/raft/types.js';
import {
  appendEntries,
  appendEntriesResponse,
  entries,
  preVoteResponse,
  requestVote,
  requestVoteResponse,
} from '../../support/raft/messages.js';

function newInvariants(leaseMs = 100): Invariants {
  return new Invariants({ electionTimeoutMs: 100, leaseMs });
}

const THREE = initialConfiguration(3);

function leader(id: number, log: string, rest: Partial<ServerView> = {}): ServerView {
  return view(id, log, { role: 'leader', ...rest });
}

/** A server as it looks with this log. */
function view(id: number, log: string, rest: Partial<ServerView> = {}): ServerView {
  const all = entries(log);
  const last = all.at(-1) ?? { index: 0, term: 0 };
  return {
    id,
    role: 'follower',
    currentTerm: last.term,
    commitIndex: 0,
    lastLog: { index: last.index, term: last.term },
    logStart: { index: 0, term: 0 },
    configuration: THREE,
    committedConfiguration: THREE,
    nowMs: 0,
    leaseEndMs: Number.NEGATIVE_INFINITY,
    votedFor: undefined,
    termAt: (index) => (index === 0 ? 0 : all[index - 1]?.term),
    entries: (from, to) => all.slice(from - 1, to),
    ...rest,
  };
}

function onDisk(log: string, hardState: HardState, start = { index: 0, term: 0 }): RecoveredState {
  const snapshot = start.index === 0 ? undefined : { ...start, byteLength: 1 };
  return { hardState, snapshot, entries: entries(log, { after: start.index }), logStart: start };
}

describe('the invariants', () => {
  const reader = leader(1, '1:a');

  /** Looks at servers one after the other, of three. */
  function seen(...views: ServerView[]): Invariants {
    const invariants = newInvariants();
    for (const server of views) invariants.stepped(server);
    return invariants;
  }

  function expectBroken(property: string, act: () => void): void {
    expect(act).to.throw(PropertyViolation).with.property('property', property);
  }

  it('hold for servers that agree', () => {
    const invariants = seen(view(0, '1:a', { role: 'leader' }), view(1, '1:a 1:b'));
    invariants.sent(accepted(1, 1, 2));
    for (const server of [
      view(0, '1:a 1:b', { role: 'leader', commitIndex: 2 }),
      view(1, '1:a 1:b', { commitIndex: 2 }),
      view(2, '1:a 1:b 2:c', { role: 'leader', currentTerm: 2, commitIndex: 2 }),
    ])
      invariants.stepped(server);
    for (const entry of entries('1:a 1:b')) invariants.applied(0, entry);
    invariants.restored(1, 1);
    invariants.applied(1, { index: 2, term: 1, payload: Buffer.from('b') });
  });

  it('break with two leaders in a term', () => {
    expectBroken('election safety', () =>
      seen(view(0, '1:a', { role: 'leader' }), view(1, '1:a', { role: 'leader' })),
    );
  });

  it('break when a leader removes or replaces entries of its log', () => {
    const before = view(0, '1:a 1:b', { role: 'leader' });
    expectBroken('leader append-only', () => seen(before, view(0, '1:a', { role: 'leader' })));
    const other = view(0, '1:a 2:b', { role: 'leader', currentTerm: 1 });
    expectBroken('leader append-only', () => seen(before, other));
  });

  it('break when an entry is another one elsewhere, or follows another one', () => {
    expectBroken('log matching', () => seen(view(0, '1:a'), view(1, '1:b')));
    expectBroken('log matching', () => seen(view(0, '1:a 3:c'), view(1, '2:b 3:c')));
  });

  it('break when a leader is elected without what was committed before its term', () => {
    const committed = view(0, '1:a 1:b', { commitIndex: 2 });
    const without = view(1, '1:a 2:c', { role: 'leader' });
    expectBroken('leader completeness', () => seen(committed, without));
  });

  it('let a leader be elected late, when a later term has committed more', () => {
    seen(view(0, '1:a 3:b', { commitIndex: 2 }), view(1, '1:a', { role: 'leader', currentTerm: 2 }));
  });

  it('break when more is committed than the log has, or the log starts after what is committed', () => {
    expectBroken('commit within the log', () => seen(view(0, '1:a', { commitIndex: 2 })));
    const logStart = { index: 1, term: 1 };
    expectBroken('commit within the log', () => seen(view(0, '1:a 1:b', { logStart })));
  });

  it('break when the start of a log goes back', () => {
    const logStart = { index: 1, term: 1 };
    const compacted = view(0, '1:a 1:b', { commitIndex: 2, logStart });
    expectBroken('monotonic log start', () => seen(compacted, view(0, '1:a 1:b', { commitIndex: 2 })));
  });

  it('break when one server commits another entry than the first did, or compacted another one', () => {
    const first = view(0, '1:a', { commitIndex: 1 });
    expectBroken('committed once', () => seen(first, view(1, '2:b', { commitIndex: 1 })));
    expectBroken('committed once', () =>
      seen(first, view(1, '2:b', { commitIndex: 1, logStart: { index: 1, term: 2 } })),
    );
  });

  it('break when a leader commits what no majority has acknowledged', () => {
    const invariants = newInvariants();
    const configuration = initialConfiguration(5);
    const leader = view(0, '1:a', { role: 'leader', commitIndex: 1, configuration });
    invariants.stepped({ ...leader, commitIndex: 0 });
    invariants.sent(accepted(1, 1, 1));
    expectBroken('acknowledged by a majority', () => invariants.stepped(leader));
    const another = newInvariants();
    another.stepped({ ...leader, commitIndex: 0 });
    for (const id of [1, 2]) another.sent(accepted(id, 1, 1));
    another.stepped(leader);
  });

  it('break when a leader commits what a majority of one half of a joint configuration has acknowledged', () => {
    const [a, b, c] = [0, 1, 2].map((id) => ({ id, slot: id }));
    if (a === undefined || b === undefined || c === undefined) return;
    const joint = { voters: [b, c], outgoing: [a], learners: [], nextId: 3 };
    const leader = view(0, '1:a', { role: 'leader', commitIndex: 1, configuration: joint });
    const acknowledgedBy = (...ids: readonly number[]) => {
      const invariants = newInvariants();
      invariants.stepped({ ...leader, commitIndex: 0 });
      for (const id of ids) invariants.sent(accepted(id, 1, 1));
      invariants.stepped(leader);
    };
    acknowledgedBy(1, 2);
    expectBroken('acknowledged by a majority', () => acknowledgedBy(1));
    expectBroken('acknowledged by a majority', () => acknowledgedBy());
  });

  it('break when a server votes for another one in the same term', () => {
    const before = view(0, '', { currentTerm: 3, votedFor: 1 });
    expectBroken('one vote a term', () => seen(before, { ...before, votedFor: 2 }));
    seen(before, { ...before, currentTerm: 4, votedFor: 2 });
  });

  it('hold for a status that is seen now and then, and break when a term has two leaders in it', () => {
    const status = { id: 0, role: 'leader', currentTerm: 3, commitIndex: 1 } as const;
    const invariants = seen();
    invariants.observed(status);
    expectBroken('election safety', () => invariants.observed({ ...status, id: 1 }));
    expectBroken('monotonic term', () => invariants.observed({ ...status, currentTerm: 2 }));
  });

  it('break when a term or a commit index goes back, unless the server crashed', () => {
    const before = view(0, '1:a', { currentTerm: 3, commitIndex: 1 });
    expectBroken('monotonic term', () => seen(before, view(0, '1:a', { currentTerm: 2, commitIndex: 1 })));
    expectBroken('monotonic commit', () => seen(before, view(0, '1:a', { currentTerm: 3 })));
    const invariants = seen(before);
    invariants.crashed(0);
    invariants.stepped(view(0, '1:a', { currentTerm: 3 }));
  });

  it('break when a server applies an entry twice, skips one, or is set back by a snapshot', () => {
    const [a, b] = entries('1:a 1:b');
    if (a === undefined || b === undefined) throw new Error('two entries were asked for');
    const invariants = seen();
    expectBroken('monotonic applied', () => invariants.applied(0, b));
    invariants.applied(0, a);
    expectBroken('monotonic applied', () => invariants.applied(0, a));
    expectBroken('monotonic applied', () => invariants.restored(0, 0));
  });

  it('break when two servers apply different entries at an index', () => {
    const [a, b] = [...entries('1:a'), ...entries('1:b')];
    if (a === undefined || b === undefined) throw new Error('two entries were asked for');
    const invariants = seen();
    invariants.applied(0, a);
    expectBroken('state machine safety', () => invariants.applied(1, b));
  });

  it('break when a read is confirmed without what was committed before it came in', () => {
    const invariants = seen(view(0, '1:a 1:b', { commitIndex: 2 }));
    expect(invariants.committedIndex).to.equal(2);
    invariants.sent(answer(0, 1, { sentAtMs: 10 }));
    invariants.asked(leader(1, '1:a 1:b 1:c', { nowMs: 10 }), 7);
    expectBroken('read index', () => invariants.confirmed(reader, 7, 1));
    invariants.asked(leader(1, '1:a 1:b 1:c', { nowMs: 10 }), 8);
    invariants.confirmed(reader, 8, 2);
  });

  it('break when a read is confirmed with what was proposed after it came in', () => {
    const invariants = seen(view(0, '1:a 1:b', { commitIndex: 2 }));
    invariants.sent(answer(0, 1, { sentAtMs: 10 }));
    invariants.asked(leader(1, '1:a 1:b 1:c', { nowMs: 10 }), 7);
    expectBroken('read index', () => invariants.confirmed(reader, 7, 4));
  });

  it('break when a read is confirmed by answers to what was sent before it came in, but for a lease', () => {
    const asked = leader(1, '1:a', { nowMs: 10 });
    for (const [sentAtMs, leaseMs, isFine] of [
      [9, 0, false],
      [10, 0, true],
      [9, 100, true],
      [-90, 100, false],
    ] as const) {
      const invariants = newInvariants(leaseMs);
      invariants.sent(answer(2, 1, { sentAtMs }));
      invariants.asked(asked, 7);
      if (isFine) invariants.confirmed(reader, 7, 1);
      else expectBroken('read index', () => invariants.confirmed(reader, 7, 1));
    }
  });

  it('break when a leader answers a read by itself without a lease, or without all that is committed', () => {
    const invariants = seen(view(0, '1:a 1:b', { commitIndex: 2 }));
    invariants.sent(answer(2, 1, { sentAtMs: 10 }));
    invariants.answered(leader(1, '1:a 1:b', { nowMs: 109 }), 2);
    expectBroken('read index', () => invariants.answered(leader(1, '1:a 1:b', { nowMs: 110 }), 2));
    expectBroken('read index', () => invariants.answered(leader(1, '1:a 1:b', { nowMs: 109 }), 1));
    invariants.sent({ type: 'TimeoutNow', from: 1, to: 2, term: 1 });
    expectBroken('read index', () => invariants.answered(leader(1, '1:a 1:b', { nowMs: 109 }), 2));
  });

  it('break when a leader takes a wrong step from one configuration to another', () => {
    const [zero, one, two] = THREE.voters;
    const [three, four] = [
      { id: 3, slot: 3 },
      { id: 4, slot: 4 },
    ];
    if (zero === undefined || one === undefined || two === undefined) return;
    const joint = { ...THREE, voters: [zero, three, four], outgoing: THREE.voters };
    const next = { ...THREE, voters: joint.voters };
    const at = (configuration: Configuration, committed: Configuration, currentTerm = 1) =>
      view(0, '1:a', { role: 'leader', configuration, committedConfiguration: committed, currentTerm });
    seen(at(THREE, THREE), at({ ...THREE, learners: [three, four] }, THREE));
    seen(at(THREE, THREE), at(joint, THREE), at(joint, joint), at(next, joint));
    seen(at(THREE, THREE), at(joint, THREE), at(THREE, THREE));
    const wrong = (...views: ServerView[]) => expectBroken('configuration steps', () => seen(...views));
    wrong(at(THREE, THREE), at(next, THREE));
    wrong(at(THREE, THREE), at({ ...THREE, voters: [zero, one] }, THREE));
    wrong(at(THREE, THREE), at(joint, THREE), at(next, THREE));
    wrong(at(THREE, THREE), at(joint, THREE), at(joint, joint), at(THREE, joint));
    wrong(at(THREE, THREE), at(joint, THREE), at(joint, THREE, 2), at(THREE, THREE, 2));
  });

  it('break when a server is removed that votes, as anybody knew last', () => {
    const [zero, one, two] = THREE.voters;
    if (zero === undefined || one === undefined || two === undefined) return;
    const pair = { ...THREE, voters: [zero, one] };
    const knowing = (commitIndex: number, committedConfiguration: Configuration, id = 0) =>
      view(id, '1:a 1:b', { commitIndex, committedConfiguration });
    expectBroken('configuration steps', () => seen(knowing(1, THREE)).removed(2));
    seen(knowing(2, pair), knowing(1, THREE, 1)).removed(2);
    const joint = { ...pair, outgoing: THREE.voters };
    expectBroken('configuration steps', () => seen(knowing(1, joint)).removed(2));
    seen().removed(2);
  });

  it('break when a leader takes its lease for longer than the answers let it', () => {
    const { readProofs } = seen();
    readProofs.sent(answer(2, 1, { sentAtMs: 10 }), { nowMs: 50, committedIndex: 0 }, []);
    readProofs.leased(leader(1, '1:a', { nowMs: 50, leaseEndMs: 110 }));
    expectBroken('lease', () => readProofs.leased(leader(1, '1:a', { nowMs: 50, leaseEndMs: 111 })));
    // One that is over does no harm.
    readProofs.leased(leader(1, '1:a', { nowMs: 111, leaseEndMs: 111 }));
    const offered = { type: 'TimeoutNow', from: 1, to: 2, term: 1 } as const;
    readProofs.sent(offered, { nowMs: 60, committedIndex: 0 }, []);
    expectBroken('lease', () => readProofs.leased(leader(1, '1:a', { nowMs: 60, leaseEndMs: 110 })));
  });

  it('break when a leader answers a follower’s reads without a majority, a lease, or all that was committed', () => {
    const asked = { type: 'ReadIndex', from: 2, to: 1, term: 1, request: 7 } as const;
    const told = (index: number) =>
      ({ type: 'ReadIndexResponse', from: 1, to: 2, term: 1, request: 7, index }) as const;
    for (const [sentAtMs, isFine] of [
      [200, true],
      [101, true],
      [100, false],
    ] as const) {
      const { readProofs } = seen();
      readProofs.sent(asked, { nowMs: 200, committedIndex: 3 }, []);
      readProofs.sent(answer(2, 1, { sentAtMs }), { nowMs: 201, committedIndex: 3 }, []);
      const tell = (index: number) =>
        readProofs.sent(told(index), { nowMs: 202, committedIndex: 4 }, [initialConfiguration(3)]);
      if (isFine) tell(3);
      else expectBroken('read index', () => tell(3));
      expectBroken('read index', () => tell(2));
    }
  });

  it('break when a leader commits an entry of an earlier term by counting', () => {
    const before = view(0, '1:a 2:b', { role: 'leader', commitIndex: 0 });
    const invariants = seen(before);
    invariants.sent(accepted(1, 2, 1));
    expectBroken('commit of the own term', () => invariants.stepped({ ...before, commitIndex: 1 }));
    invariants.sent(accepted(1, 2, 2));
    invariants.stepped({ ...before, commitIndex: 2 });
  });

  it('break when a snapshot is taken that is older than what is committed', () => {
    const invariants = seen(view(0, '1:a 1:b', { commitIndex: 2 }));
    const request = (index: number) => [chunk({ index, term: 1, byteLength: 9 })];
    expectBroken('older snapshot', () => invariants.persisting(0, request(2)));
    invariants.persisting(0, request(3));
  });

  describe('break when a server that has answered a leader', () => {
    /** Server 1 has answered what leader 0 sent at 10 ms. */
    function answered(leaseEndMs: number): Invariants {
      const invariants = seen(view(0, '1:a', { role: 'leader', leaseEndMs, nowMs: 50 }));
      invariants.sent(answer(1, 1, { to: 0, sentAtMs: 10 }));
      return invariants;
    }

    const votes: readonly Message[] = [
      requestVoteResponse({ from: 1, to: 2, term: 2 }),
      preVoteResponse({ from: 1, to: 2, term: 2 }),
      requestVote({ from: 1, to: 2, term: 2, lastLogIndex: 0 }),
    ];
    for (const vote of votes) {
      it(`sends a ${vote.type} for another one before an election timeout is over`, () => {
        expectBroken('vote lease', () => answered(110).sent(vote));
        // The leader has no lease any more.
        answered(50).sent(vote);
        const later = answered(200);
        later.stepped(view(2, '', { nowMs: 110 }));
        later.sent(vote);
      });
    }

    it('gives its vote to one that says wrongly that the lease is over', () => {
      const request = requestVote({ from: 2, to: 1, term: 2, leaseIsOver: true });
      expectBroken('vote lease', () => answered(110).sent(request));
      const invariants = answered(50);
      invariants.sent(request);
      invariants.stepped(view(0, '1:a', { role: 'leader', leaseEndMs: 110, nowMs: 50 }));
      invariants.sent(requestVoteResponse({ from: 1, to: 2, term: 2 }));
    });
  });

  it('break when a leader is elected while another one has a lease', () => {
    const holder = view(0, '1:a', { role: 'leader', leaseEndMs: 100 });
    const later = view(1, '1:a', { role: 'leader', currentTerm: 2, nowMs: 99 });
    expectBroken('lease', () => seen(holder, later));
    seen(holder, { ...later, nowMs: 100 });
  });

  it('break when a lease is taken after a later leader was elected', () => {
    const later = view(1, '1:a', { role: 'leader', currentTerm: 2 });
    expectBroken('lease', () => seen(later, view(0, '1:a', { role: 'leader', leaseEndMs: 100 })));
  });

  describe('break when a server that restarts has forgotten', () => {
    const inTerm2 = { currentTerm: 2, votedFor: undefined };
    const told: readonly {
      name: string;
      message: Message;
      enough: RecoveredState;
      tooLittle: RecoveredState;
    }[] = [
      {
        name: 'its vote',
        message: requestVoteResponse({ from: 0, to: 1, term: 2 }),
        enough: onDisk('', { currentTerm: 2, votedFor: 1 }),
        tooLittle: onDisk('', inTerm2),
      },
      {
        name: 'the term in which it refused its vote',
        message: requestVoteResponse({ from: 0, to: 1, term: 2, voteGranted: false }),
        enough: onDisk('', inTerm2),
        tooLittle: onDisk('', { currentTerm: 1, votedFor: undefined }),
      },
      {
        name: 'the end of the log that it asked for votes with',
        message: requestVote({ from: 0, to: 1, term: 2, lastLogIndex: 1, lastLogTerm: 1 }),
        enough: onDisk('1:a', { currentTerm: 1, votedFor: undefined }),
        tooLittle: onDisk('', { currentTerm: 1, votedFor: undefined }),
      },
      {
        name: 'an entry that it acknowledged',
        message: accepted(0, 2, 2),
        enough: onDisk('1:a 2:b', inTerm2),
        tooLittle: onDisk('1:a', inTerm2),
      },
      {
        name: 'the term of a message that it refused',
        message: appendEntriesResponse({ from: 0, to: 1, term: 2, result: { outcome: 'stale' } }),
        enough: onDisk('', inTerm2),
        tooLittle: onDisk('', { currentTerm: 1, votedFor: undefined }),
      },
      {
        name: 'a snapshot that it installed',
        message: {
          type: 'InstallSnapshotResponse',
          from: 0,
          to: 1,
          term: 2,
          snapshot: { index: 2, term: 2 },
          receivedBytes: 9,
          isInstalled: true,
          echo: { round: 1, sentAtMs: 0 },
        },
        enough: onDisk('', inTerm2, { index: 2, term: 2 }),
        tooLittle: onDisk('1:a', inTerm2),
      },
      {
        name: 'that it led',
        message: appendEntries({ from: 0, to: 1, term: 2 }),
        enough: onDisk('', { currentTerm: 2, votedFor: 0 }),
        tooLittle: onDisk('', inTerm2),
      },
    ];

    for (const { name, message, enough, tooLittle } of told) {
      it(`${name}, or tells it before it is on its disk`, () => {
        const early = seen(view(1, '1:a 2:b', { role: 'leader' }));
        early.recovered(0, tooLittle);
        expectBroken('persisted before sent', () => early.sent(message));
        early.recovered(0, enough);
        early.sent(message);
      });

      it(name, () => {
        const invariants = seen(view(1, '1:a 2:b', { role: 'leader' }));
        invariants.sent(message);
        invariants.crashed(0);
        invariants.recovered(0, enough);
        expectBroken('persisted before sent', () => invariants.recovered(0, tooLittle));
      });
    }

    it('what it acknowledged to a leader, unless a later one replaced it', () => {
      const invariants = seen(view(1, '1:a 2:b', { role: 'leader' }));
      invariants.sent(accepted(0, 2, 2));
      const replaced = onDisk('1:a 3:c', { currentTerm: 3, votedFor: undefined });
      expectBroken('persisted before sent', () => invariants.recovered(0, replaced));
      invariants.stepped(view(2, '1:a 3:c 3:d', { role: 'leader' }));
      invariants.recovered(0, replaced);
      expectBroken('persisted before sent', () => invariants.recovered(0, onDisk('', replaced.hardState)));
    });

    it('what it committed with the help of its own disk', () => {
      const leader = view(0, '1:a', { role: 'leader' });
      const invariants = seen(leader);
      invariants.sent(accepted(1, 1, 1));
      invariants.stepped({ ...leader, commitIndex: 1 });
      const hardState = { currentTerm: 1, votedFor: 0 };
      invariants.recovered(0, onDisk('1:a', hardState));
      expectBroken('persisted before sent', () => invariants.recovered(0, onDisk('', hardState)));
    });
  });
});

function accepted(from: number, term: number, matchIndex: number): Message {
  return appendEntriesResponse({ from, to: 1, term, result: { outcome: 'accepted', matchIndex } });
}

/** An answer to what the term's leader has sent then. */
function answer(
  from: number,
  term: number,
  { to = 1, sentAtMs }: { readonly to?: number; readonly sentAtMs: number },
): Message {
  const result = { outcome: 'accepted', matchIndex: 0 } as const;
  return appendEntriesResponse({ from, to, term, result, echo: { round: 1, sentAtMs } });
}

function chunk(snapshot: SnapshotMeta): PersistRequest {
  const snapshotChunk = { snapshot, offset: 0, data: new Uint8Array(9), last: true, keepsLog: false };
  return { sequence: 1, hardState: undefined, entries: [], snapshotChunk };
}
