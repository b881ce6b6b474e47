/**
 * One server in the simulation: the real consensus core and the real state machine, driven as a server's thread drives
 * them, with a simulated disk, clock and network.
 */

import { ByteReader } from '../../src/bytes/byte-reader.js';
import { ByteWriter } from '../../src/bytes/byte-writer.js';
import type { Command, CommandResult, TextResult } from '../../src/protocol/command.js';
import { type Invariants, viewOf } from '../../src/raft/invariants.js';
import type { RaftOptions } from '../../src/raft/options.js';
import { Raft } from '../../src/raft/raft.js';
import type {
  Entry,
  LogIndex,
  Message,
  Output,
  PersistRequest,
  RoleName,
  ServerId,
  Term,
} from '../../src/raft/types.js';
import { BatchEncoder, readBatch } from '../../src/state-machine/batch.js';
import type { KeyRecord } from '../../src/state-machine/key-record.js';
import { KeyValueStore } from '../../src/state-machine/key-value-store.js';
import type { Random } from '../../tools/support/random.js';
import { HASH_SECRET } from '../support/hash-secret.js';
import { SimulatedDisk } from './simulated-disk.js';
import type { Disk, Moment, Strike } from './temperament.js';
import type { Timeline } from './timeline.js';

/** What a client asks a server for. */
export type ClientRequest =
  /** The stamp is the write's alone: it tells in the log whose entry it is. */
  | { readonly type: 'write'; readonly command: Command; readonly stampMs: number }
  | { readonly type: 'read'; readonly key: string };

export type ClientAnswer =
  | { readonly type: 'written'; readonly result: TextResult }
  | { readonly type: 'read'; readonly record: KeyRecord | undefined }
  /** Another server is to be asked; nothing was proposed. */
  | { readonly type: 'elsewhere'; readonly leader: ServerId | undefined }
  /** Leadership was lost: the outcome is unknown. */
  | { readonly type: 'unknown' };

export interface Surroundings {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly invariants: Invariants;
  readonly send: (message: Message) => void;
  readonly trace: (server: ServerId, what: () => string) => void;
  /** Whether a leader is harmed at such a moment, and how. */
  readonly strike: (moment: Moment) => Strike | undefined;
  readonly isolate: (server: SimulatedServer) => void;
  readonly pause: (server: SimulatedServer) => void;
  readonly crash: (server: SimulatedServer) => void;
  /** How many entries to apply between two snapshots; infinite for none. */
  readonly snapshotEvery: number;
}

export interface Machine {
  /** How fast its clock runs. */
  readonly rate: number;
  readonly disk: Disk;
}

interface PendingWrite {
  readonly term: Term;
  readonly answer: (answer: ClientAnswer) => void;
}

interface PendingRead {
  readonly key: string;
  /** What was committed by anybody when it came in. */
  readonly committedIndex: LogIndex;
  /** Where its server's log ended. */
  readonly lastIndex: LogIndex;
  readonly answer: (answer: ClientAnswer) => void;
}

/** What a server has in memory while it runs. */
interface Memory {
  readonly raft: Raft;
  store: KeyValueStore;
  /** Payloads of all entries applied: the state, as a snapshot holds it. */
  history: Uint8Array[];
  appliedIndex: LogIndex;
  appliedTerm: Term;
  readonly writes: Map<LogIndex, PendingWrite>;
  readonly reads: Map<number, PendingRead>;
  /** Confirmed, and waiting for the state machine to catch up. */
  ready: { readonly read: PendingRead; readonly index: LogIndex }[];
  nextReadId: number;
  waiting: PersistRequest[];
  writing: readonly PersistRequest[] | undefined;
  /** Until when its event loop stands still. */
  stalledUntilMs: number;
  /** How soon after that it looks at each port. */
  wakingMs: Map<string, number>;
  /** When its next tick comes. */
  timerAtMs: number;
  /** What it was when it last did something. */
  lastRole: RoleName;
  lastCommitIndex: LogIndex;
}

export class SimulatedServer {
  readonly id: ServerId;
  readonly disk = new SimulatedDisk();
  /** Counts its lives: what was meant for an earlier one must not reach a later one. */
  life = 0;
  /** All others went down when it did, and the next start is to say so. */
  leasesAreOver = false;
  readonly #options: RaftOptions;
  readonly #surroundings: Surroundings;
  readonly #machine: Machine;
  #memory: Memory | undefined;

  constructor(options: RaftOptions, machine: Machine, surroundings: Surroundings) {
    this.id = options.id;
    this.#options = options;
    this.#machine = machine;
    this.#surroundings = surroundings;
  }

  get isUp(): boolean {
    return this.#memory !== undefined;
  }

  get raft(): Raft | undefined {
    return this.#memory?.raft;
  }

  get appliedIndex(): LogIndex {
    return this.#memory?.appliedIndex ?? 0;
  }

  /** All its keys, in an order of their own: two servers that applied the same have the same. */
  get state(): string {
    return [...(this.#memory?.store.entries() ?? [])]
      .map(([key, { value, version }]) => `${key}=${value}@${version}`)
      .sort()
      .join(' ');
  }

  /** The stamps of all batches it has applied, with their places in the log. */
  appliedStamps(): ReadonlyMap<number, number> {
    const positions = new Map<number, number>();
    const ignore = () => {};
    for (const [position, payload] of (this.#memory?.history ?? []).entries()) {
      const stamp = (stampMs: number) => positions.set(stampMs, position);
      const others = { cas: ignore, delete: ignore, redis: ignore, redisTransaction: ignore };
      readBatch(payload, { stamp, set: ignore, ...others });
    }
    return positions;
  }

  /** Starts from what is on the disk. */
  start(): void {
    const { random } = this.#surroundings;
    this.life += 1;
    this.disk.forgetIncoming();
    const readSnapshot = this.disk.readSnapshot.bind(this.disk);
    const { leasesAreOver } = this;
    this.leasesAreOver = false;
    const recovered = this.disk.recover();
    this.#surroundings.invariants.recovered(this.id, recovered);
    const raft = new Raft(
      { ...this.#options, leasesAreOver },
      { random: random.next, readSnapshot },
      recovered,
      this.#clockMs,
    );
    this.#memory = {
      raft,
      store: new KeyValueStore(HASH_SECRET),
      history: [],
      appliedIndex: 0,
      appliedTerm: 0,
      writes: new Map(),
      reads: new Map(),
      ready: [],
      nextReadId: 1,
      waiting: [],
      writing: undefined,
      stalledUntilMs: 0,
      wakingMs: new Map(),
      timerAtMs: Number.POSITIVE_INFINITY,
      lastRole: raft.role,
      lastCommitIndex: raft.commitIndex,
    };
    this.#restoreSnapshot(this.#memory);
    this.#surroundings.trace(this.id, () => `starts with ${raft.lastLog.index} entries`);
    this.#setTimer(this.#memory);
  }

  /** Forgets everything that is not on the disk. A write under way happens or does not. */
  crash(): void {
    const memory = this.#memory;
    if (memory === undefined) return;
    if (memory.writing !== undefined && this.#surroundings.random.chance(0.5))
      this.disk.write(memory.writing);
    this.#memory = undefined;
    this.#surroundings.invariants.crashed(this.id);
    this.#surroundings.trace(this.id, () => 'crashes');
    for (const { answer } of [...memory.writes.values(), ...memory.reads.values()])
      answer({ type: 'unknown' });
    for (const { read } of memory.ready) read.answer({ type: 'unknown' });
  }

  /** Its event loop stands still for a while: what arrives waits. */
  stall(durationMs: number): void {
    if (this.#memory === undefined) return;
    this.#memory.wakingMs = new Map();
    this.#memory.stalledUntilMs = this.#surroundings.timeline.nowMs + durationMs;
    this.#surroundings.trace(this.id, () => `stalls for ${durationMs.toFixed(0)} ms`);
  }

  /**
   * Has this life of the server do something, as soon as its event loop runs. What has come in by one port while it stood
   * still stays in order; of the ports, any may be first.
   */
  turn(port: string, act: (raft: Raft, nowMs: number) => void): void {
    const { life } = this;
    const { timeline, random } = this.#surroundings;
    const memory = this.#memory;
    if (memory === undefined) return;
    if (timeline.nowMs < memory.stalledUntilMs) {
      const delayMs = memory.wakingMs.get(port) ?? random.between(0, WAKING_MS);
      memory.wakingMs.set(port, delayMs);
      timeline.at(memory.stalledUntilMs + delayMs, () => {
        if (this.life === life) this.turn(port, act);
      });
      return;
    }
    act(memory.raft, this.#clockMs);
    this.#doOutput(memory);
  }

  /** A client asks. */
  ask(request: ClientRequest, answer: (answer: ClientAnswer) => void): void {
    this.turn('clients', (raft, nowMs) => {
      const memory = this.#memory;
      if (memory === undefined) return;
      if (raft.role !== 'leader') {
        answer({ type: 'elsewhere', leader: raft.leader });
        return;
      }
      if (request.type === 'read') {
        const readId = memory.nextReadId;
        memory.nextReadId += 1;
        const { committedIndex } = this.#surroundings.invariants;
        const lastIndex = memory.raft.lastLog.index;
        memory.reads.set(readId, { key: request.key, committedIndex, lastIndex, answer });
        raft.read(readId, nowMs);
        return;
      }
      const encoder = new BatchEncoder();
      encoder.add(request.command);
      const position = raft.propose(encoder.finish(request.stampMs));
      if (position === undefined) answer({ type: 'elsewhere', leader: undefined });
      else memory.writes.set(position.index, { term: position.term, answer });
    });
  }

  get #clockMs(): number {
    return this.#surroundings.timeline.nowMs * this.#machine.rate;
  }

  /** Has the core's clock tick when something is due, after every turn anew. A tick that comes early does no harm. */
  #setTimer(memory: Memory): void {
    const { timeline } = this.#surroundings;
    const { life } = this;
    const dueMs = Math.max(memory.raft.deadlineMs / this.#machine.rate, timeline.nowMs + MIN_TIMER_MS);
    if (dueMs >= memory.timerAtMs) return;
    memory.timerAtMs = dueMs;
    timeline.at(dueMs, () => {
      if (this.life !== life || memory.timerAtMs !== dueMs) return;
      memory.timerAtMs = Number.POSITIVE_INFINITY;
      this.turn('timer', (raft, nowMs) => raft.tick(nowMs));
    });
  }

  /** Does what the core asks for, as a server's turn does. A crash may come before all of it, or right after. */
  #doOutput(memory: Memory): void {
    const { raft } = memory;
    raft.sendDue();
    const output = raft.takeOutput();
    const { nowMs } = this.#surroundings.timeline;
    const leaseEndMs = raft.leaseEndMs / this.#machine.rate;
    this.#surroundings.invariants.stepped(viewOf(raft, { nowMs, leaseEndMs }));
    const moment = momentOf(memory, output);
    const strike = moment === undefined ? undefined : this.#surroundings.strike(moment);
    if (strike === 'crash at once') {
      this.#surroundings.crash(this);
      return;
    }
    if (strike === 'isolate at once') this.#surroundings.isolate(this);
    memory.waiting.push(...output.persist);
    this.#writeNext(memory);
    for (const message of output.messages) {
      this.#surroundings.invariants.sent(message);
      this.#surroundings.send(message);
    }
    if (output.installedSnapshot !== undefined) this.#restoreSnapshot(memory);
    this.#apply(memory, output);
    this.#answerReads(memory, output);
    if (raft.role !== 'leader') this.#giveUp(memory);
    this.#maybeSnapshot(memory);
    this.#setTimer(memory);
    if (strike === 'isolate afterwards') this.#surroundings.isolate(this);
    if (strike === 'stall afterwards') this.#surroundings.pause(this);
    if (strike === 'crash afterwards') this.#surroundings.crash(this);
  }

  #writeNext(memory: Memory): void {
    const { timeline, random } = this.#surroundings;
    const { minMs, maxMs } = this.#machine.disk;
    const last = memory.waiting.at(-1);
    if (memory.writing !== undefined || last === undefined) return;
    const requests = memory.waiting;
    memory.waiting = [];
    memory.writing = requests;
    const { life } = this;
    timeline.after(random.between(minMs, maxMs), () => {
      if (this.life !== life || this.#memory !== memory) return;
      this.disk.write(requests);
      memory.writing = undefined;
      this.turn('disk', (raft, nowMs) => {
        raft.persisted(last.sequence, nowMs);
        this.#writeNext(memory);
      });
    });
  }

  #apply(memory: Memory, { committed }: Output): void {
    for (const entry of committed) {
      this.#surroundings.invariants.applied(this.id, entry);
      const write = memory.writes.get(entry.index);
      memory.writes.delete(entry.index);
      applyEntry(memory, entry, (result) => {
        if (result.type === 'resp') throw new TypeError('no client sends Redis commands');
        write?.answer(write.term === entry.term ? { type: 'written', result } : { type: 'unknown' });
      });
    }
  }

  #answerReads(memory: Memory, { confirmedReads, failedReads }: Output): void {
    for (const { readId, index } of confirmedReads) {
      const read = memory.reads.get(readId);
      memory.reads.delete(readId);
      if (read === undefined) continue;
      this.#surroundings.invariants.confirmed(this.id, index, read);
      memory.ready.push({ read, index });
    }
    for (const readId of failedReads) {
      memory.reads.get(readId)?.answer({ type: 'unknown' });
      memory.reads.delete(readId);
    }
    const later: typeof memory.ready = [];
    for (const one of memory.ready) {
      if (one.index > memory.appliedIndex) later.push(one);
      else one.read.answer({ type: 'read', record: memory.store.get(one.read.key) });
    }
    memory.ready = later;
  }

  /** What was proposed may still be committed by the next leader. */
  #giveUp(memory: Memory): void {
    for (const { answer } of memory.writes.values()) answer({ type: 'unknown' });
    memory.writes.clear();
  }

  #maybeSnapshot(memory: Memory): void {
    const { random, snapshotEvery } = this.#surroundings;
    const since = memory.appliedIndex - (this.disk.snapshot?.meta.index ?? 0);
    const isOnDisk =
      this.disk.lastIndex >= memory.appliedIndex &&
      memory.writing === undefined &&
      memory.waiting.length === 0;
    if (since < snapshotEvery || !isOnDisk) return;
    const position = { index: memory.appliedIndex, term: memory.appliedTerm };
    const kept = random.chance(0.5) ? random.below(snapshotEvery) : 0;
    const logStart = Math.max(0, position.index - kept);
    const meta = this.disk.saveSnapshot(position, encodeHistory(memory.history), logStart);
    memory.raft.compacted(meta, logStart);
    this.#surroundings.trace(this.id, () => `takes a snapshot at ${meta.index}, log from ${logStart}`);
  }

  #restoreSnapshot(memory: Memory): void {
    const { snapshot } = this.disk;
    if (snapshot === undefined) return;
    memory.store = new KeyValueStore(HASH_SECRET);
    memory.history = decodeHistory(snapshot.data);
    for (const payload of memory.history) memory.store.apply(payload);
    memory.appliedIndex = snapshot.meta.index;
    memory.appliedTerm = snapshot.meta.term;
    this.#surroundings.invariants.restored(this.id, memory.appliedIndex);
    this.#surroundings.trace(this.id, () => `restores the snapshot at ${snapshot.meta.index}`);
  }
}

const MIN_TIMER_MS = 0.5;
const WAKING_MS = 1;

/** What a leader has just become or done. */
function momentOf(memory: Memory, { messages }: Output): Moment | undefined {
  const { raft, lastRole, lastCommitIndex } = memory;
  const { role, commitIndex } = raft;
  memory.lastRole = role;
  memory.lastCommitIndex = commitIndex;
  if (role !== 'leader') return undefined;
  if (lastRole !== 'leader') return 'elected';
  if (messages.some(({ type }) => type === 'TimeoutNow')) return 'offered leadership';
  return commitIndex > lastCommitIndex ? 'committed' : undefined;
}

function applyEntry(memory: Memory, entry: Entry, onResult: (result: CommandResult) => void): void {
  memory.store.apply(entry.payload, onResult);
  memory.history.push(entry.payload);
  memory.appliedIndex = entry.index;
  memory.appliedTerm = entry.term;
}

/** Each payload behind its length. */
function encodeHistory(history: readonly Uint8Array[]): Uint8Array {
  const data = new ByteWriter();
  for (const payload of history) {
    data.u32(payload.byteLength);
    data.bytes(payload);
  }
  return data.take();
}

function decodeHistory(data: Uint8Array): Uint8Array[] {
  const reader = new ByteReader(data);
  const payloads: Uint8Array[] = [];
  while (reader.remaining > 0) payloads.push(reader.bytes(reader.u32()));
  return payloads;
}
