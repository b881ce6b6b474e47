import { expect } from 'chai';
import { ByteWriter } from '../../../src/bytes/byte-writer.js';
import { makeChannel } from '../../../src/channel/local-channel.js';
import { NODE_ENVIRONMENT } from '../../../src/environment.js';
import {
  MAX_APPLIED_BYTES_PER_TURN,
  MAX_TAKEN_BYTES_PER_TURN,
  MAX_TAKEN_COMMANDS_PER_TURN,
  MAX_UNREAD_REPLY_BYTES,
} from '../../../src/limits.js';
import { LOG_ORIGIN } from '../../../src/raft/log.js';
import { Raft } from '../../../src/raft/raft.js';
import type { AppendEntries, Message } from '../../../src/raft/types.js';
import { Clients } from '../../../src/server/clients/clients.js';
import { Replies } from '../../../src/server/clients/replies.js';
import { ServerMetrics } from '../../../src/server/metrics.js';
import { KeyValueStore } from '../../../src/state-machine/key-value-store.js';
import {
  type ClientFrame,
  readServerFrames,
  startOf,
  writeClientFrame,
} from '../../../src/wire/client-frames.js';
import { HASH_SECRET } from '../../support/hash-secret.js';
import { Disk } from '../../support/raft/disk.js';
import {
  allOf,
  appendEntries,
  appendEntriesResponse,
  preVoteResponse,
  requestVoteResponse,
} from '../../support/raft/messages.js';

const TIMEOUT_MS = 100;

/** The clients' side of server 0 of three, one turn at a time. Its disk is instant; server 1 answers when told to. */
class ServerSide {
  nowMs = 0;
  readonly raft = new Raft(
    {
      id: 0,
      servers: [0, 1, 2],
      electionTimeoutMs: TIMEOUT_MS,
      leaseMs: TIMEOUT_MS,
      heartbeatMs: TIMEOUT_MS / 5,
      maxAppendBytes: MAX_APPLIED_BYTES_PER_TURN,
      maxInflightMessages: 100,
      maxInflightBytes: 100 * MAX_APPLIED_BYTES_PER_TURN,
      snapshotChunkBytes: 1024,
      maxInflightChunks: 1,
    },
    { random: () => 0, readSnapshot: () => undefined },
    new Disk().recover(),
    0,
  );
  readonly #traffic = makeChannel<Uint8Array>(100);
  readonly #replies = new Replies(this.#traffic.sender, () => undefined);
  readonly #clients = new Clients({
    environment: { ...NODE_ENVIRONMENT, wallClockMs: () => this.nowMs },
    raft: this.raft,
    store: new KeyValueStore(HASH_SECRET),
    applied: LOG_ORIGIN,
    onApplied: () => undefined,
    replies: this.#replies,
    addresses: [],
    serverId: 0,
    metrics: new ServerMetrics(),
  });
  readonly #opened = new Set<number>();
  #unanswered: AppendEntries[] = [];

  /** When a turn is due, though nothing happens before. */
  get deadlineMs(): number {
    return this.#clients.deadlineMs;
  }

  /** Client `session` sends this. */
  send(session: number, text: string): void {
    this.sendAll([session, text]);
  }

  /** Clients send this, in one batch. */
  sendAll(...sent: readonly (readonly [session: number, text: string])[]): void {
    this.#receive(sent.flatMap(([session, text]) => this.#framesOf(session, text)));
  }

  /** The router sends this for client `session`. */
  route(session: number, text: string): void {
    this.#receive(this.#framesOf(session, text, { routed: true }));
  }

  /** Client `session` has read so many bytes of replies. */
  read(session: number, byteCount: number): void {
    this.#receive([{ type: 'drained', session, byteCount }]);
  }

  #framesOf(session: number, text: string, { routed } = { routed: false }): ClientFrame[] {
    const bytes = Buffer.from(text, 'latin1');
    const data: ClientFrame = { type: 'data', session, bytes };
    if (this.#opened.has(session)) return [data];
    this.#opened.add(session);
    return [{ type: 'open', session, routed, at: startOf(bytes) }, data];
  }

  #receive(frames: readonly ClientFrame[]): void {
    const batch = new ByteWriter(1024);
    for (const frame of frames) writeClientFrame(batch, frame);
    this.#clients.receive(batch.take(), this.nowMs);
  }

  /** What a turn of the server does. Returns what clients were told in it, and which were sent back to the router. */
  turn(): string {
    this.#clients.tick(this.nowMs);
    this.#clients.serveBacklog(this.nowMs);
    this.#clients.proposeOpen({ isDiskBusy: false });
    while (true) {
      const { persist, messages, committed, confirmedReads } = this.raft.takeOutput();
      this.#unanswered.push(...allOf('AppendEntries', messages).filter(({ to }) => to === 1));
      this.#clients.advance(committed, confirmedReads);
      if (persist.length === 0) break;
      for (const { sequence } of persist) this.raft.persisted(sequence, this.nowMs);
    }
    this.#replies.flush();
    return this.#told();
  }

  /** Server 1 answers all that it was sent, and the leader takes a turn. Returns what clients were told in it. */
  acknowledge(): string {
    for (const { term, prevLogIndex, entries, probe } of this.#unanswered.splice(0)) {
      const matchIndex = prevLogIndex + entries.length;
      this.hear(appendEntriesResponse({ from: 1, term, probe, result: { outcome: 'accepted', matchIndex } }));
    }
    return this.turn();
  }

  #told(): string {
    let text = '';
    for (let got = this.#traffic.receiver.tryReceive(); got?.ok; got = this.#traffic.receiver.tryReceive())
      for (const frame of readServerFrames(got.value))
        text += frame.type === 'reply' ? Buffer.from(frame.bytes).toString('latin1') : `<${frame.type}>`;
    return text;
  }

  /** Server 0 gets this message. */
  hear(message: Message): void {
    this.raft.step({ ...message, to: 0 }, this.nowMs);
  }
}

class Leader extends ServerSide {
  constructor() {
    super();
    this.nowMs = TIMEOUT_MS;
    this.raft.tick(this.nowMs);
    this.turn();
    this.hear(preVoteResponse({ from: 1, term: 1 }));
    this.turn();
    this.hear(requestVoteResponse({ from: 1, term: 1 }));
    this.turn();
    this.acknowledge();
  }
}

/** A follower of server 2. */
class Follower extends ServerSide {
  constructor() {
    super();
    this.hear(appendEntries({ from: 2, term: 1 }));
    this.turn();
  }
}

function set(key: string, value: string): string {
  return `set ${key} 0 ${value.length}\r\n${value}\r\n`;
}

/** Redis commands, their args set apart by spaces. */
function resp(...commands: readonly string[]): string {
  const encoded = commands.map((command) => {
    const args = command.split(' ');
    return `*${args.length}\r\n${args.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
  });
  return encoded.join('');
}

describe('a small entry', () => {
  const SESSIONS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

  /** A leader that has answered the first write of each, half a millisecond after it came. */
  function answered(): Leader {
    const leader = new Leader();
    leader.sendAll(...SESSIONS.map((session) => [session, set('k', 'x')] as const));
    leader.turn();
    leader.nowMs += 0.5;
    leader.acknowledge();
    return leader;
  }

  it('waits for the clients of the one before', () => {
    const leader = answered();
    const { index } = leader.raft.lastLog;
    const [first = 0, ...others] = SESSIONS;
    leader.send(first, set('k', 'y'));
    leader.turn();
    expect(leader.raft.lastLog.index).to.equal(index);
    leader.sendAll(...others.map((session) => [session, set('k', 'y')] as const));
    leader.turn();
    expect(leader.raft.lastLog.index).to.equal(index + 1);
    expect(leader.acknowledge()).to.match(/^(OK \d+\r\n){10}$/);
  });

  it('waits a millisecond at most', () => {
    const leader = answered();
    const { index } = leader.raft.lastLog;
    leader.send(1, set('k', 'y'));
    leader.turn();
    expect(leader.deadlineMs).to.be.closeTo(leader.nowMs + 1, 1e-6);
    leader.nowMs = leader.deadlineMs;
    leader.turn();
    expect(leader.raft.lastLog.index).to.equal(index + 1);
    expect(leader.deadlineMs).to.be.above(leader.nowMs + 1);
  });

  it('does not wait once it is no small one any more', () => {
    const leader = answered();
    const { index } = leader.raft.lastLog;
    leader.send(1, set('k', 'y'.repeat(8 * 1024)));
    leader.turn();
    expect(leader.raft.lastLog.index).to.equal(index + 1);
  });
});

describe('the clients of a leader', () => {
  it('are answered reads from the lease at once, and writes once these are on two disks', () => {
    const leader = new Leader();
    leader.send(1, set('k', 'x'));
    expect(leader.turn()).to.equal('');
    expect(leader.acknowledge()).to.equal('OK 1\r\n');
    leader.send(1, 'get k\r\n');
    expect(leader.turn()).to.equal('VALUE 1\r\nx\r\n');
  });

  it('are answered no read that came after a majority was last heard, though all before it is committed', () => {
    const leader = new Leader();
    const large = 'y'.repeat(MAX_APPLIED_BYTES_PER_TURN);
    leader.send(2, set('large', large));
    leader.turn();
    leader.send(1, set('k', 'x'));
    leader.turn();
    expect(leader.acknowledge(), 'the other waits to be applied').to.equal('OK 1\r\n');
    leader.nowMs += 2 * TIMEOUT_MS;
    leader.send(1, 'get k\r\n');
    expect(leader.turn(), 'the lease is over').to.equal('OK 1\r\n');
    expect(leader.turn()).to.equal('');
    expect(leader.acknowledge()).to.equal('VALUE 1\r\nx\r\n');
  });

  it('are answered plain GETs of Redis at once or behind what they wait for, always in order', () => {
    const leader = new Leader();
    leader.send(1, resp('GET k', 'SET k x', 'GET k', 'GET absent', 'PING'));
    expect(leader.turn(), 'before the SET').to.equal('$-1\r\n');
    leader.send(1, resp('GET k'));
    expect(leader.turn(), 'behind the SET').to.equal('');
    expect(leader.acknowledge()).to.equal('+OK\r\n$1\r\nx\r\n$-1\r\n+PONG\r\n$1\r\nx\r\n');
    leader.send(1, resp('GET k', 'get absent', 'PING', 'GET k', 'MULTI', 'GET k', 'EXEC'));
    expect(leader.turn()).to.equal('$1\r\nx\r\n$-1\r\n+PONG\r\n$1\r\nx\r\n+OK\r\n+QUEUED\r\n');
    leader.acknowledge();
    leader.nowMs += 2 * TIMEOUT_MS;
    leader.send(1, resp('GET k', 'GET k'));
    expect(leader.turn(), 'the lease is over').to.equal('');
    expect(leader.acknowledge()).to.equal('$1\r\nx\r\n$1\r\nx\r\n');
  });

  it('are answered a GET that comes in pieces, whoever’s bytes lie behind them', () => {
    const leader = new Leader();
    leader.send(1, resp('SET k1 x', 'SET k y'));
    leader.turn();
    leader.acknowledge();
    leader.sendAll([2, resp('GET k', 'GET k1').slice(0, -3)], [3, resp('GET k')]);
    expect(leader.turn()).to.equal('$1\r\ny\r\n'.repeat(2));
    leader.sendAll([3, resp('GET k')], [2, '1\r\n'], [3, resp('GET k')]);
    expect(leader.turn()).to.equal('$1\r\ny\r\n$1\r\nx\r\n$1\r\ny\r\n');
  });

  it('are answered no GET behind a QUIT or an error, and queued those of a transaction', () => {
    const leader = new Leader();
    leader.send(1, resp('QUIT', 'GET k'));
    expect(leader.turn() + leader.turn()).to.equal('+OK\r\n<close>');
    leader.send(2, `${resp('GET k')}*1\r\n+\r\n${resp('GET k')}`);
    expect(leader.turn() + leader.turn()).to.equal(
      "$-1\r\n-ERR Protocol error: expected '$', got '+'\r\n<close>",
    );
    leader.send(3, resp('MULTI'));
    expect(leader.turn()).to.equal('+OK\r\n');
    leader.send(3, resp('GET k', 'GET k'));
    expect(leader.turn()).to.equal('+QUEUED\r\n'.repeat(2));
  });

  it('are answered more GETs than one turn’s share is in several turns', () => {
    const cases = [
      { key: 'k', share: MAX_TAKEN_COMMANDS_PER_TURN },
      {
        key: 'k'.repeat(250),
        share: Math.ceil(MAX_TAKEN_BYTES_PER_TURN / resp(`GET ${'k'.repeat(250)}`).length),
      },
    ];
    for (const { key, share } of cases) {
      const leader = new Leader();
      leader.send(1, resp(...Array.from({ length: 3 * share + 1 }, () => `GET ${key}`)));
      const told = [leader.turn(), leader.turn(), leader.turn()];
      // The first turn answers what it receives, and what has a backlog.
      expect(told.map((text) => text.length / '$-1\r\n'.length)).to.deep.equal([2 * share, share, 1]);
    }
  });

  it('stand in line for more than a share each, a few of them in a turn, whatever one of them has', () => {
    const leader = new Leader();
    const gets = (shares: number) => 'get k\r\n'.repeat(shares * MAX_TAKEN_COMMANDS_PER_TURN);
    const others = [2, 3, 4, 5, 6, 7, 8, 9, 10];
    const redisGets = resp(...Array.from({ length: 2 * MAX_TAKEN_COMMANDS_PER_TURN }, () => 'GET k'));
    leader.sendAll([1, gets(6)], ...others.map((session) => [session, redisGets] as const));
    const shares = Array.from({ length: 6 }, () => {
      const told = leader.turn();
      return ['ERR_NOT_FOUND', '$-1'].map(
        (reply) => (told.split(reply).length - 1) / MAX_TAKEN_COMMANDS_PER_TURN,
      );
    });
    // The first turn answers what it receives, a share of each.
    expect(shares).to.deep.equal([
      [1 + 1, 9 + 3],
      [0, 4],
      [1, 2],
      [1, 0],
      [1, 0],
      [1, 0],
    ]);
  });

  it('are answered no more GETs than they read', () => {
    const leader = new Leader();
    const value = 'v'.repeat(MAX_UNREAD_REPLY_BYTES / 2);
    leader.send(1, resp(`SET k ${value}`));
    leader.turn();
    leader.acknowledge();
    leader.send(1, resp('GET k', 'GET k', 'GET k', 'GET k'));
    const toldUntilQuiet = () => {
      let told = '';
      for (let more = leader.turn(); more !== ''; more = leader.turn()) told += more;
      return told;
    };
    const told = toldUntilQuiet();
    expect(told.split('$').length - 1).to.equal(2);
    leader.read(1, told.length);
    expect(toldUntilQuiet()).to.equal(told);
  });
});

describe('the router’s clients at a server that does not lead', () => {
  it('are sent back', () => {
    const follower = new Follower();
    follower.route(1, set('k', 'x'));
    expect(follower.turn()).to.equal('<refuse>');
  });
});
