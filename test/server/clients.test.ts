import { expect } from 'chai';
import { ByteWriter } from '../../src/bytes/byte-writer.js';
import { makeChannel } from '../../src/channel/local-channel.js';
import { type ClientFrame, readServerFrames, writeClientFrame } from '../../src/gateway/frames.js';
import { KeyValueStore } from '../../src/kv/key-value-store.js';
import { MAX_APPLIED_BYTES_PER_TURN } from '../../src/limits.js';
import { AT_COMMAND_START } from '../../src/protocol/checkpoint.js';
import { LOG_ORIGIN } from '../../src/raft/log.js';
import { Raft } from '../../src/raft/raft.js';
import type { AppendEntries, Message } from '../../src/raft/types.js';
import { Clients } from '../../src/server/clients.js';
import { ServerMetrics } from '../../src/server/metrics.js';
import { Replies } from '../../src/server/replies.js';
import { Disk } from '../raft/support/disk.js';
import {
  allOf,
  appendEntriesResponse,
  preVoteResponse,
  requestVoteResponse,
} from '../raft/support/messages.js';

const TIMEOUT_MS = 100;

/** The clients' side of a leader of three, one turn at a time. Its disk is instant; server 1 answers when told to. */
class Leader {
  nowMs = 0;
  readonly #raft = new Raft(
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
    raft: this.#raft,
    store: new KeyValueStore(),
    applied: LOG_ORIGIN,
    onApplied: () => undefined,
    replies: this.#replies,
    addresses: [],
    serverId: 0,
    wallClock: () => this.nowMs,
    metrics: new ServerMetrics(),
  });
  readonly #opened = new Set<number>();
  #unanswered: AppendEntries[] = [];

  constructor() {
    this.nowMs = TIMEOUT_MS;
    this.#raft.tick(this.nowMs);
    this.turn();
    this.#hear(preVoteResponse({ from: 1, term: 1 }));
    this.turn();
    this.#hear(requestVoteResponse({ from: 1, term: 1 }));
    this.turn();
    this.acknowledge();
  }

  /** Client `session` sends this. */
  send(session: number, text: string): void {
    const batch = new ByteWriter(1024);
    for (const frame of this.#framesOf(session, text)) writeClientFrame(batch, frame);
    this.#clients.receive(batch.take(), this.nowMs);
  }

  *#framesOf(session: number, text: string): Generator<ClientFrame> {
    if (!this.#opened.has(session)) yield { type: 'open', session, routed: false, at: AT_COMMAND_START };
    this.#opened.add(session);
    yield { type: 'data', session, bytes: Buffer.from(text, 'latin1') };
  }

  /** What a turn of the server does. Returns what clients were told in it. */
  turn(): string {
    this.#clients.tick(this.nowMs);
    this.#clients.proposeOpen({ isDiskBusy: false });
    while (true) {
      const { persist, messages, committed, confirmedReads } = this.#raft.takeOutput();
      this.#unanswered.push(...allOf('AppendEntries', messages).filter(({ to }) => to === 1));
      this.#clients.advance(committed, confirmedReads);
      if (persist.length === 0) break;
      for (const { sequence } of persist) this.#raft.persisted(sequence, this.nowMs);
    }
    this.#replies.flush();
    return this.#told();
  }

  /** Server 1 answers all that it was sent, and the leader takes a turn. Returns what clients were told in it. */
  acknowledge(): string {
    for (const { term, prevLogIndex, entries, probe } of this.#unanswered.splice(0)) {
      const matchIndex = prevLogIndex + entries.length;
      this.#hear(
        appendEntriesResponse({ from: 1, term, probe, result: { outcome: 'accepted', matchIndex } }),
      );
    }
    return this.turn();
  }

  #told(): string {
    let text = '';
    for (let got = this.#traffic.receiver.tryReceive(); got?.ok; got = this.#traffic.receiver.tryReceive())
      for (const frame of readServerFrames(got.value))
        if (frame.type === 'reply') text += Buffer.from(frame.bytes).toString('latin1');
    return text;
  }

  #hear(message: Message): void {
    this.#raft.step({ ...message, to: 0 }, this.nowMs);
  }
}

function set(key: string, value: string): string {
  return `set ${key} 0 ${value.length}\r\n${value}\r\n`;
}

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
});
