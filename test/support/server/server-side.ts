import { textOf } from '../../../src/bytes/byte-reader.js';
import { ByteWriter } from '../../../src/bytes/byte-writer.js';
import { makeChannel } from '../../../src/channel/local-channel.js';
import { NODE_ENVIRONMENT } from '../../../src/environment.js';
import { APPLY_WORK_PER_TURN } from '../../../src/limits.js';
import { beginLogTime, LogTime } from '../../../src/log-time.js';
import { AT_COMMAND_START, AT_RESP_START } from '../../../src/protocol/checkpoint.js';
import { initialConfiguration } from '../../../src/raft/configuration.js';
import { LOG_ORIGIN } from '../../../src/raft/log.js';
import { Raft } from '../../../src/raft/raft.js';
import type {
  AppendEntries,
  LogIndex,
  LogPosition,
  Message,
  ReadIndex,
  ServerId,
  SlotId,
  SnapshotMeta,
} from '../../../src/raft/types.js';
import { AppliedState } from '../../../src/server/applied-state.js';
import { Applier } from '../../../src/server/applying.js';
import { Clients } from '../../../src/server/clients/clients.js';
import { ReplyFrames } from '../../../src/server/clients/reply-frames.js';
import { ServerMetrics } from '../../../src/server/server-metrics.js';
import { KeyValueStore } from '../../../src/state-machine/key-value-store.js';
import { type ClientFrame, readServerFrames, writeClientFrame } from '../../../src/wire/client-frames.js';
import type { ClientAddress } from '../../../src/wire/control.js';
import { HASH_SECRET } from '../hash-secret.js';
import { Disk } from '../raft/disk.js';
import {
  allOf,
  appendEntries,
  appendEntriesResponse,
  preVoteResponse,
  requestVoteResponse,
} from '../raft/messages.js';

export const TIMEOUT_MS = 100;

/** Commands that are more work than a turn has room for. They are no more than a client may have pending at once. */
export const MUCH_WORK = resp(
  `SET n ${'1'.repeat(100_000)}`,
  ...Array.from({ length: Math.ceil((0.6 * APPLY_WORK_PER_TURN) / 100_000) }, (_, i) => `COPY n n${i}`),
);

/** The clients' side of server 0 of three, one turn at a time. Its disk is instant; server 1 answers when told to. */
export class ServerSide {
  nowMs = 0;
  /** By how much the clock goes on whenever somebody looks at it. */
  tickMs = 0;
  /** A write of its disk is under way, however long. */
  isDiskBusy = false;
  /** Of the monotonic clock. */
  wallClockAheadMs = 0;
  /** Where the clients of each slot connect; nowhere unless told. */
  readonly addresses = new Map<SlotId, ClientAddress>();
  /** What it reads of a snapshot that it installs. */
  snapshotImage = (): AsyncIterable<Uint8Array> => {
    throw new Error('no snapshot is installed');
  };
  onFailure = (error: unknown): void => {
    throw error;
  };
  /** Servers that it has no link to. */
  readonly down = new Set<ServerId>();
  readonly raft = new Raft(
    {
      id: 0,
      configuration: initialConfiguration(3),
      electionTimeoutMs: TIMEOUT_MS,
      leaseMs: TIMEOUT_MS,
      heartbeatMs: TIMEOUT_MS / 5,
      maxAppendBytes: 2 * APPLY_WORK_PER_TURN,
      maxInflightMessages: 100,
      maxInflightBytes: 100 * APPLY_WORK_PER_TURN,
      snapshotChunkBytes: 1024,
      maxInflightChunks: 1,
      maxUncommittedBytes: 100_000_000,
      catchUpTimeoutMs: 60_000,
      maxLogCacheBytes: 100_000_000,
    },
    { random: () => 0 },
    new Disk().recover(),
    0,
  );
  /** How many questions of {@link ask} it has answered. */
  answers = 0;
  /** Subscribers that were closed because they did not read, as far as that was reported. */
  subscribersClosed = 0;
  readonly #traffic = makeChannel<Uint8Array>(100);
  readonly #replies = new ReplyFrames(this.#traffic.sender, () => undefined);
  readonly #environment = {
    ...NODE_ENVIRONMENT,
    nowMs: () => (this.nowMs += this.tickMs),
    wallClockMs: () => this.nowMs + this.wallClockAheadMs,
  };
  readonly #logTime = new LogTime(this.#environment, beginLogTime(this.#environment));
  readonly #state = new AppliedState(new KeyValueStore(HASH_SECRET), LOG_ORIGIN);
  readonly #metrics = new ServerMetrics();
  readonly #clients = new Clients({
    environment: this.#environment,
    logTime: this.#logTime,
    raft: this.raft,
    state: this.#state,
    replies: this.#replies,
    addresses: this.addresses,
    isUp: (id) => !this.down.has(id),
    serverId: 0,
    metrics: this.#metrics,
    sessionName: 'test',
    onSubscribersClosed: (count) => {
      this.subscribersClosed += count;
    },
  });
  readonly #applier = new Applier({
    environment: this.#environment,
    logTime: this.#logTime,
    storage: {
      snapshotImage: () => this.snapshotImage(),
    },
    state: this.#state,
    groups: this.#clients.groups,
    proposals: this.#clients.proposals,
    answerer: this.#clients.answerer,
    metrics: this.#metrics,
    onApplied: () => undefined,
    onInstalled: () => undefined,
    onFailure: (error) => this.onFailure(error),
  });
  readonly #opened = new Set<number>();
  readonly #toldTo = new Map<number, string>();
  readonly #found: (readonly (string | undefined)[])[] = [];
  #unanswered: AppendEntries[] = [];
  /** What it has asked its leader. */
  readonly asked: ReadIndex[] = [];

  /** When a turn is due, though nothing happens before. */
  get deadlineMs(): number {
    return this.#clients.deadlineMs;
  }

  /** The state is applied up to here. */
  get appliedIndex(): LogIndex {
    return this.#state.position.index;
  }

  /** A snapshot of the leader's takes the place of its state. */
  install(snapshot: SnapshotMeta): void {
    this.#applier.install(snapshot);
  }

  /** A client sends this. */
  send(client: number, text: string): void {
    this.sendAll([client, text]);
  }

  /** Clients send this, in one batch. */
  sendAll(...sent: readonly (readonly [client: number, text: string])[]): void {
    this.#receive(sent.flatMap(([client, text]) => this.#framesOf(client, text)));
  }

  /** The router sends this for a client. */
  route(client: number, text: string): void {
    this.#receive(this.#framesOf(client, text, { routed: true }));
  }

  /** A client has read `byteCount` bytes of replies. */
  read(client: number, byteCount: number): void {
    this.#receive([{ type: 'drained', assignment: client, byteCount }]);
  }

  /** A client is gone. */
  leave(client: number): void {
    this.#receive([{ type: 'close', assignment: client }]);
  }

  /** A client of some server asks all servers this. */
  ask(...args: readonly string[]): void {
    this.#receive([{ type: 'question', question: 1, connection: 0, args }]);
  }

  #framesOf(client: number, text: string, { routed } = { routed: false }): ClientFrame[] {
    const bytes = Buffer.from(text, 'latin1');
    const data: ClientFrame = { type: 'data', assignment: client, bytes };
    if (this.#opened.has(client)) return [data];
    this.#opened.add(client);
    const at = text.startsWith('*') ? AT_RESP_START : AT_COMMAND_START;
    const from = { host: '127.0.0.1', port: client };
    const reached = { host: '127.0.0.1', port: 1 };
    return [
      { type: 'open', assignment: client, connection: client, routed, from, reached, ageMs: 0, at },
      data,
    ];
  }

  #receive(frames: readonly ClientFrame[]): void {
    const batch = new ByteWriter(1024);
    for (const frame of frames) writeClientFrame(batch, frame);
    this.#clients.receive(batch.take(), this.nowMs);
  }

  /** A client in this process looks these keys up. Returns what it was told at once, without a turn. */
  lookUp(...keys: readonly string[]): readonly (string | undefined)[] | undefined {
    const batch = new ByteWriter(1024);
    writeClientFrame(batch, { type: 'lookup', lookup: 1, keys });
    this.#clients.lookups.answerAlone(batch.take(), this.nowMs);
    this.#told();
    return this.#found.shift();
  }

  /** What a turn of the server does. Returns what clients were told in it, and which were sent back to the router. */
  turn(): string {
    this.#clients.serve(this.nowMs, { isDiskBusy: this.isDiskBusy });
    while (true) {
      this.raft.sendDue();
      const { persist, messages, committed, confirmedReads, failedReads } = this.raft.takeOutput();
      this.asked.push(...allOf('ReadIndex', messages));
      if (failedReads.length > 0) this.#clients.readsFailed();
      this.#unanswered.push(...allOf('AppendEntries', messages).filter(({ to }) => to === 1));
      this.#applier.advance(committed, confirmedReads, this.nowMs);
      if (persist.length === 0) break;
      for (const { sequence } of persist) this.raft.persisted(sequence, this.nowMs);
    }
    this.#replies.flush();
    return this.#told();
  }

  /** Server 1 answers all that it was sent, and the leader takes a turn. Returns what clients were told in it. */
  acknowledge(): string {
    for (const { term, prevLogIndex, entries, echo } of this.#unanswered.splice(0)) {
      const matchIndex = prevLogIndex + entries.length;
      this.hear(appendEntriesResponse({ from: 1, term, echo, result: { outcome: 'accepted', matchIndex } }));
    }
    return this.turn();
  }

  /** Time goes by in which server 1 answers heartbeats, so that the lease goes on, and has nothing more on its disk. */
  pass(durationMs: number): void {
    for (const endMs = this.nowMs + durationMs; this.nowMs < endMs; ) {
      this.nowMs = Math.min(endMs, this.nowMs + TIMEOUT_MS / 5);
      this.raft.tick(this.nowMs);
      this.turn();
      this.acknowledgeUpTo(this.raft.commitIndex);
    }
  }

  /** What a client was told so far. */
  toldTo(client: number): string {
    return this.#toldTo.get(client) ?? '';
  }

  /** Server 1 answers the last it was sent, and has the log up to here; the leader takes a turn. */
  acknowledgeUpTo(matchIndex: LogIndex): string {
    for (const { term, echo } of this.#unanswered.slice(-1))
      this.hear(appendEntriesResponse({ from: 1, term, echo, result: { outcome: 'accepted', matchIndex } }));
    return this.turn();
  }

  #told(): string {
    let told = '';
    for (let got = this.#traffic.receiver.tryReceive(); got?.ok; got = this.#traffic.receiver.tryReceive())
      for (const frame of readServerFrames(got.value)) {
        if (frame.type === 'answer') {
          this.answers += 1;
          continue;
        }
        if (frame.type === 'found') {
          this.#found.push(frame.values.map((value) => value && textOf(value)));
          continue;
        }
        const text = 'bytes' in frame ? Buffer.from(frame.bytes).toString('latin1') : `<${frame.type}>`;
        this.#toldTo.set(frame.assignment, this.toldTo(frame.assignment) + text);
        told += text;
      }
    return told;
  }

  /** Server 0 wins the next election, and its first entry is committed. */
  lead(): void {
    this.winElection();
    this.acknowledge();
  }

  /** Server 0 wins the next election, by server 1's vote. */
  winElection(): void {
    const term = this.raft.currentTerm + 1;
    this.nowMs += 2 * TIMEOUT_MS;
    this.raft.tick(this.nowMs);
    this.turn();
    this.hear(preVoteResponse({ from: 1, term }));
    this.turn();
    this.hear(requestVoteResponse({ from: 1, term }));
    this.turn();
  }

  /** Server 2 wins the next election, with a log that ends at `index` before its first entry. */
  loseTo2({ index, term }: LogPosition): void {
    const laterTerm = this.raft.currentTerm + 1;
    const entry = { index: index + 1, term: laterTerm, payload: new Uint8Array() };
    const place = { prevLogIndex: index, prevLogTerm: term, leaderCommit: index + 1 };
    this.hear(appendEntries({ from: 2, term: laterTerm, ...place, entries: [entry] }));
    this.#clients.leadershipLost();
    this.turn();
  }

  /** Server 0 gets this message. */
  hear(message: Message): void {
    this.raft.step({ ...message, to: 0 }, this.nowMs);
  }
}

export class Leader extends ServerSide {
  constructor() {
    super();
    this.lead();
  }
}

/** A follower of server 2. */
export class Follower extends ServerSide {
  constructor() {
    super();
    this.hear(appendEntries({ from: 2, term: 1 }));
    this.turn();
  }
}

export function set(key: string, value: string): string {
  return `set ${key} 0 ${value.length}\r\n${value}\r\n`;
}

/** Redis commands, their args set apart by spaces. */
export function resp(...commands: readonly string[]): string {
  const encoded = commands.map((command) => {
    const args = command.split(' ');
    return `*${args.length}\r\n${args.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
  });
  return encoded.join('');
}
