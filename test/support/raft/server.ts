/**
 * One server of a script: the real core, a disk in memory, and a state machine that lists what it applied. It does
 * what a driver does, one turn at a time; its clock and its randomness are chosen by the script.
 */

import { initialConfiguration } from '../../../src/raft/configuration.js';
import { Raft } from '../../../src/raft/raft.js';
import type { RaftOptions } from '../../../src/raft/raft-options.js';
import type { TraceEvent } from '../../../src/raft/trace.js';
import type {
  ChangeOutcome,
  LogIndex,
  LogPosition,
  LogRead,
  Message,
  Output,
  PersistRequest,
  ServerId,
  SnapshotRead,
} from '../../../src/raft/types.js';
import { Disk } from './disk.js';
import { bytesOf, textOf, textOfLog } from './messages.js';

/** The time, as all servers of a script see it. */
export interface Clock {
  nowMs: number;
}

/** A read that was asked for, and what became of it. */
export interface Read {
  readonly id: number;
  outcome: 'waiting' | 'failed' | 'confirmed';
  /** The state that may answer it has applied the log up to here. Only once it is confirmed. */
  index: LogIndex | undefined;
}

export type ServerOptions = Partial<Omit<RaftOptions, 'id' | 'configuration'>>;

/** T. Timeouts are drawn from [T, 2T). */
export const ELECTION_TIMEOUT_MS = 100;
export const HEARTBEAT_MS = 20;

const DEFAULTS = {
  electionTimeoutMs: ELECTION_TIMEOUT_MS,
  leaseMs: ELECTION_TIMEOUT_MS,
  heartbeatMs: HEARTBEAT_MS,
  maxAppendBytes: 1000,
  maxInflightMessages: 100,
  maxInflightBytes: 10_000,
  snapshotChunkBytes: 4,
  maxInflightChunks: 3,
  maxUncommittedBytes: 10_000,
  catchUpTimeoutMs: 60_000,
  maxLogCacheBytes: 1_000_000,
} satisfies ServerOptions;

export class Server {
  readonly id: ServerId;
  readonly disk: Disk;
  /** What the core told of its elections, oldest first. */
  readonly traces: TraceEvent[] = [];
  /** What became of the changes of members that it drove, oldest first. */
  readonly changeOutcomes: ChangeOutcome[] = [];
  readonly #options: RaftOptions;
  readonly #clock: Clock;
  /** What the core gets for each random number. Its election timeouts are T times one more than this. */
  random: number;
  #raft: Raft | undefined;
  #applied: string[] = [];
  #appliedPosition: LogPosition = { index: 0, term: 0 };
  #reads: Read[] = [];
  #unwritten: PersistRequest[] = [];
  #isDiskHeld = false;
  readonly #onOutput: ServerSetup['onOutput'];
  /** Of its log and of its snapshots, not answered. */
  readonly heldReads: LogRead[] = [];
  readonly heldSnapshotReads: SnapshotRead[] = [];
  #areReadsHeld = false;

  /**
   * Server `id`, up and running, of a cluster that began with servers 0 to `count` less one. Unless its `random` is changed, its election timeouts are T, and T / 8
   * longer than those of the server before it.
   */
  constructor(
    id: ServerId,
    count: number,
    { options = {}, clock = { nowMs: 0 }, disk = new Disk(), onOutput }: ServerSetup = {},
  ) {
    this.id = id;
    this.disk = disk;
    this.random = id / 8;
    this.#clock = clock;
    this.#onOutput = onOutput;
    this.#options = { ...DEFAULTS, ...options, id, configuration: initialConfiguration(count) };
    this.start();
  }

  get isUp(): boolean {
    return this.#raft !== undefined;
  }

  /** The core. Throws while the server is down. */
  get raft(): Raft {
    if (this.#raft === undefined) throw new Error(`server ${this.id} is down`);
    return this.#raft;
  }

  /** The log in memory, as text. What was compacted is not in it. */
  get log(): string {
    const { logStart, lastLog } = this.raft;
    return textOfLog(this.raft.entries(logStart.index + 1, lastLog.index));
  }

  /** What the state machine applied, in order, without no-ops. */
  get applied(): string {
    return this.#applied.join(' ');
  }

  /** Begins, or begins again, with what is on the disk. */
  start(): void {
    const recovered = this.disk.recover();
    this.#restore(recovered.snapshot ?? { index: 0, term: 0 });
    this.#raft = new Raft(
      this.#options,
      {
        random: () => this.random,
        trace: (event) => this.traces.push(event),
      },
      recovered,
      this.#clock.nowMs,
    );
  }

  /** Stops at once: whatever was not written is forgotten. After that the disk is not held any more. */
  crash(): void {
    this.#raft = undefined;
    this.#isDiskHeld = false;
    this.heldReads.length = 0;
    this.heldSnapshotReads.length = 0;
    this.#areReadsHeld = false;
    this.#unwritten = [];
    this.#reads = [];
  }

  /** One turn: something happens to the core, then all that it asks for is done. Returns what it sends. */
  turn(event: (raft: Raft, nowMs: number) => void): readonly Message[] {
    event(this.raft, this.#clock.nowMs);
    const sent: Message[] = [];
    do {
      this.raft.sendDue();
      const output = this.raft.takeOutput();
      sent.push(...output.messages);
      this.#onOutput?.(this.raft, output);
      this.#apply(output);
      this.#answer(output);
      if (output.changeOutcome !== undefined) this.changeOutcomes.push(output.changeOutcome);
      this.heldReads.push(...output.logReads);
      this.heldSnapshotReads.push(...output.snapshotReads);
      this.#unwritten.push(...output.persist);
    } while ((!this.#isDiskHeld && this.#write()) || (!this.#areReadsHeld && this.#answerReads()));
    return sent;
  }

  /** A message arrives. */
  receive(message: Message): readonly Message[] {
    return this.turn((raft, nowMs) => raft.step(message, nowMs));
  }

  /** Time passes, on this server's clock alone, and its timers run. */
  pass(ms: number): readonly Message[] {
    this.#clock.nowMs += ms;
    return this.turn((raft, nowMs) => raft.tick(nowMs));
  }

  propose(payload: string): readonly Message[] {
    return this.turn((raft) => raft.propose(bytesOf(payload)));
  }

  /** Registers a read; it becomes part of the server's next turn. */
  read(): Read {
    const read: Read = { id: this.#reads.length, outcome: 'waiting', index: undefined };
    this.#reads.push(read);
    this.raft.read(read.id, this.#clock.nowMs);
    return read;
  }

  /** From now on the disk writes only when told to. */
  holdDisk(): void {
    this.#isDiskHeld = true;
  }

  /** How many requests were held back. */
  get unwritten(): number {
    return this.#unwritten.length;
  }

  /** Writes what was held back, `count` requests or all, and reports it; returns what the core then sends. */
  writeDisk(count = this.#unwritten.length): readonly Message[] {
    return this.turn(() => this.#write(count));
  }

  /** The disk writes at once again, and all that was held back. */
  freeDisk(): readonly Message[] {
    this.#isDiskHeld = false;
    return this.writeDisk();
  }

  /** From now on the disk answers reads only when told to. */
  holdReads(): void {
    this.#areReadsHeld = true;
  }

  /** The disk answers reads again, and all that were held back. */
  freeReads(): readonly Message[] {
    this.#areReadsHeld = false;
    return this.turn(() => void this.#answerReads());
  }

  /**
   * Takes a snapshot of all that was applied, and drops the log up to it but for the last `keeping` entries. The disk
   * must not be behind.
   */
  compact({ keeping = 0 }: { keeping?: number } = {}): void {
    if (this.#unwritten.length > 0)
      throw new Error('a snapshot must not overtake the log on its way to the disk');
    const data = bytesOf(this.applied);
    const { index } = this.#appliedPosition;
    const configuration = this.raft.configurationAt(index);
    const snapshot = { ...this.#appliedPosition, byteLength: data.byteLength, configuration };
    const logStart = snapshot.index - keeping;
    this.disk.saveSnapshot(snapshot, data, logStart);
    this.raft.compacted(snapshot, logStart);
  }

  #apply({ installedSnapshot, committed }: Output): void {
    if (installedSnapshot !== undefined) this.#restore(installedSnapshot);
    for (const { index, term, payload } of committed) {
      if (index !== this.#appliedPosition.index + 1)
        throw new Error(`entry ${index} applied after entry ${this.#appliedPosition.index}`);
      if (payload.byteLength > 0) this.#applied.push(textOf(payload));
      this.#appliedPosition = { index, term };
    }
  }

  #answerReads(): boolean {
    const reads = this.heldReads.splice(0);
    const snapshotReads = this.heldSnapshotReads.splice(0);
    for (const { readId, ...wanted } of reads)
      this.raft.entriesRead(readId, this.disk.read(wanted), this.#clock.nowMs);
    for (const { readId, position, offset, maxBytes } of snapshotReads)
      this.raft.snapshotRead(readId, this.disk.readSnapshot(position, offset, maxBytes), this.#clock.nowMs);
    return reads.length + snapshotReads.length > 0;
  }

  #restore({ index, term }: LogPosition): void {
    this.#applied = index === 0 ? [] : textOf(this.disk.snapshotData).split(' ');
    this.#appliedPosition = { index, term };
  }

  #answer({ confirmedReads, failedReads }: Output): void {
    for (const { readId, index } of confirmedReads) this.#settle(readId, { outcome: 'confirmed', index });
    for (const readId of failedReads) this.#settle(readId, { outcome: 'failed', index: undefined });
  }

  #settle(readId: number, outcome: Omit<Read, 'id'>): void {
    const read = this.#reads[readId];
    if (read?.outcome !== 'waiting') throw new Error(`read ${readId} is answered twice, or was never asked`);
    Object.assign(read, outcome);
  }

  #write(count = this.#unwritten.length): boolean {
    const requests = this.#unwritten.splice(0, count);
    for (const request of requests) this.disk.write(request);
    const last = requests.at(-1);
    if (last !== undefined) this.raft.persisted(last.sequence, this.#clock.nowMs);
    return last !== undefined;
  }
}

interface ServerSetup {
  readonly options?: ServerOptions;
  readonly clock?: Clock;
  readonly disk?: Disk;
  /** Looks at the core whenever it has asked for something. */
  readonly onOutput?: ((raft: Raft, output: Output) => void) | undefined;
}
