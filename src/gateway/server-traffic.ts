/**
 * Client traffic with one server, as long as its thread lives.
 *
 * What all sockets brought within one turn of the event loop goes out as one batch: a message between threads
 * costs more than the bytes in it. So a small batch also waits for a few turns, none of which sleeps, as long as each of
 * them brings more: where many clients send one command at a time, few have done so in the same turn.
 */

import type { ByteSpan } from '../bytes/byte-reader.js';
import { ByteWriter } from '../bytes/byte-writer.js';
import type { Environment } from '../environment.js';
import {
  DRAINED_REPORT_BYTES,
  MAX_CHECKPOINT_BYTES,
  MAX_TRAFFIC_BATCH_BYTES,
  MAX_TRAFFIC_BATCH_TURNS,
  SMALL_TRAFFIC_BATCH_BYTES,
} from '../limits.js';
import { MAX_OPEN_LOOKUPS } from '../lookup-limits.js';
import { type StreamCheckpoint, updated } from '../protocol/checkpoint.js';
import type { Term } from '../raft/types.js';
import {
  type AssignmentId,
  type AssignmentOpening,
  type ClientFrame,
  type LookupId,
  MAX_ADDRESS_BYTES,
  readServerFrames,
  type ServerFrame,
  writeClientFrame,
} from '../wire/client-frames.js';
import type { ClientAddress } from '../wire/control.js';
import { DEDUPE_KEY_FRAME_BYTES } from '../wire/dedupe-key.js';
import type { Doorkeeper } from './doorkeeper.js';
import type { QuestionRelay } from './question-relay.js';

/** The gateway's end of the channel to one server. */
export interface ServerChannel {
  /** Transfers the batch, unless the channel is full: then it is false and the batch remains the caller's. */
  trySend(batch: Uint8Array<ArrayBuffer>): boolean;
  /** The next batch from the server, if there is one. */
  tryReceive(): Uint8Array | undefined;
  /** Replaces the watcher. */
  watch(watcher: ChannelWatcher): void;
}

export interface ChannelWatcher {
  /** There is something to receive. */
  onArrival(): void;
  /** There is room again after `trySend` was false. */
  onRoom(): void;
  /** The server's thread is gone. */
  onGone(): void;
}

/** The connection that has an assignment: it receives what the server sends. */
export interface AssignmentOwner {
  /** The client's address. */
  readonly from: ClientAddress;
  onReply(answeredBytes: number, at: StreamCheckpoint, bytes: Uint8Array): void;
  /** The assignment has ended: the server does not lead. */
  onRefuse(proposedBytes: number, ledTerm: Term): void;
  /** The assignment has ended: the connection is to be closed once what was answered is written. */
  onClose(): void;
  /** The assignment has ended: the server is gone. */
  onLost(): void;
}

/** What a server tells of keys that were looked up: the values of the first ones, of none if it is gone. */
export type OnFound = (values: readonly (ByteSpan | undefined)[]) => void;

/** A connection that waits for the channel to have room. */
export interface RoomWaiter {
  onRoom(): void;
}

/** What traffic with a server needs of its surroundings. */
export interface TrafficEnvironment {
  readonly environment: Environment;
  readonly questions: QuestionRelay;
  readonly doorkeeper: Doorkeeper;
}

/** No frame is longer than this, the bytes of a data frame not counted. */
const MAX_HEADER_BYTES = MAX_CHECKPOINT_BYTES + 2 * MAX_ADDRESS_BYTES + DEDUPE_KEY_FRAME_BYTES + 40;
const MAX_DATA_BYTES = MAX_TRAFFIC_BATCH_BYTES - MAX_HEADER_BYTES;

export class ServerTraffic {
  readonly #channel: ServerChannel;
  readonly #environment: Environment;
  readonly #questions: QuestionRelay;
  readonly #doorkeeper: Doorkeeper;
  readonly #assignments = new Map<AssignmentId, Assignment>();
  readonly #lookups = new Map<LookupId, OnFound>();
  readonly #roomWaiters = new Set<RoomWaiter>();
  readonly #batch = new ByteWriter(MAX_TRAFFIC_BATCH_BYTES);
  readonly #onTurnEnd = () => this.#endTurn();
  #lastAssignment: AssignmentId = 0;
  #lastLookup: LookupId = 0;
  /** Complete batches for which there was no room in the channel. */
  #sealed: Uint8Array<ArrayBuffer>[] = [];
  #flushIsDue = false;
  /** This turn has added to the batch. */
  #hasGrown = false;
  #extraTurns = 0;
  #full = false;
  #lost = false;

  /** @param onGone is called once the server's thread is gone; {@link lose} is up to the caller. */
  constructor(
    channel: ServerChannel,
    onGone: () => void,
    { environment, questions, doorkeeper }: TrafficEnvironment,
  ) {
    this.#channel = channel;
    this.#environment = environment;
    this.#questions = questions;
    this.#doorkeeper = doorkeeper;
    questions.join(this);
    channel.watch({
      onArrival: () => this.#receive(),
      onRoom: () => this.#room(),
      onGone: () => {
        if (!this.#lost) onGone();
      },
    });
  }

  /** Whether the server does not keep up: what is sent nevertheless is kept until there is room. */
  get full(): boolean {
    return this.#full;
  }

  /** Calls the waiter once when there is room again. */
  awaitRoom(waiter: RoomWaiter): void {
    this.#roomWaiters.add(waiter);
  }

  /** The waiter is not called: it is gone, or waits for another server. */
  leaveRoomQueue(waiter: RoomWaiter): void {
    this.#roomWaiters.delete(waiter);
  }

  /** Assigns a connection to this server. */
  open(owner: AssignmentOwner, opening: AssignmentOpening): Assignment {
    const assignment = this.#nextAssignment();
    const handle = new Assignment(this, assignment, owner, opening.at);
    this.#assignments.set(assignment, handle);
    this.write({ type: 'open', assignment, ...opening });
    return handle;
  }

  /** Appends a frame to the batch of this turn. */
  write(frame: ClientFrame): void {
    if (this.#batch.length > MAX_DATA_BYTES) this.#seal();
    writeClientFrame(this.#batch, frame);
    this.#hasGrown = true;
    this.#scheduleFlush();
  }

  /** Appends bytes that a client sent to the batch of this turn, or to as many as it takes. */
  writeData(assignment: AssignmentId, bytes: Uint8Array): void {
    if (this.#batch.length + bytes.byteLength <= MAX_DATA_BYTES) {
      this.write({ type: 'data', assignment, bytes });
      return;
    }
    for (let start = 0; start < bytes.byteLength; start += MAX_DATA_BYTES) {
      this.#seal();
      this.write({ type: 'data', assignment, bytes: bytes.subarray(start, start + MAX_DATA_BYTES) });
    }
  }

  /**
   * Asks for the values of keys. The question leaves at once, unless there is a batch that it can join. Returns false, and never
   * calls back, where the server has too much to do already.
   */
  lookUp(keys: readonly string[], onFound: OnFound): boolean {
    if (this.#full || this.#lost || this.#lookups.size >= MAX_OPEN_LOOKUPS) return false;
    this.#lastLookup = (this.#lastLookup + 1) >>> 0;
    this.#lookups.set(this.#lastLookup, onFound);
    if (this.#batch.length > MAX_DATA_BYTES / 2) this.#seal();
    const isAlone = this.#batch.length === 0;
    writeClientFrame(this.#batch, { type: 'lookup', lookup: this.#lastLookup, keys });
    if (isAlone) this.#seal();
    return true;
  }

  /** Ends an assignment without a word to the server; what the server still says about it is ignored. */
  forget(assignment: AssignmentId): void {
    this.#assignments.delete(assignment);
  }

  /**
   * The server is gone: takes what it said last, and ends its assignments. Whoever waits for room waits for
   * another server now.
   */
  lose(): void {
    this.#receive();
    this.#lost = true;
    this.#questions.leave(this);
    const [assignments, lookups] = [[...this.#assignments.values()], [...this.#lookups.values()]];
    this.#assignments.clear();
    this.#lookups.clear();
    this.#roomWaiters.clear();
    for (const onFound of lookups) onFound([]);
    for (const { owner } of assignments) owner.onLost();
  }

  #nextAssignment(): AssignmentId {
    do {
      this.#lastAssignment = (this.#lastAssignment + 1) >>> 0;
    } while (this.#assignments.has(this.#lastAssignment));
    return this.#lastAssignment;
  }

  /**
   * Completes the batch. It is sent at once rather than at the end of the turn, for the sake of knowing at once
   * when the channel is full: one socket alone can bring 2 MiB in a turn.
   */
  #seal(): void {
    if (this.#batch.length === 0) return;
    this.#sealed.push(this.#batch.take());
    if (!this.#full) this.#sendSealed();
  }

  #scheduleFlush(): void {
    if (this.#flushIsDue) return;
    this.#flushIsDue = true;
    this.#environment.atEndOfTurn(this.#onTurnEnd);
  }

  #endTurn(): void {
    const isSmall = this.#batch.length < SMALL_TRAFFIC_BATCH_BYTES;
    if (this.#hasGrown && isSmall && this.#extraTurns < MAX_TRAFFIC_BATCH_TURNS) {
      this.#hasGrown = false;
      this.#extraTurns += 1;
      this.#environment.atEndOfTurn(this.#onTurnEnd);
      return;
    }
    this.#extraTurns = 0;
    this.#flush();
  }

  #flush(): void {
    this.#flushIsDue = false;
    if (!this.#full) this.#seal();
  }

  #sendSealed(): void {
    if (this.#lost) return;
    let sent = 0;
    for (const batch of this.#sealed) {
      if (!this.#channel.trySend(batch)) break;
      sent += 1;
    }
    this.#full = sent < this.#sealed.length;
    this.#sealed = this.#full ? this.#sealed.slice(sent) : [];
  }

  #room(): void {
    this.#sendSealed();
    this.#flush();
    if (this.#full) return;
    const waiters = [...this.#roomWaiters];
    this.#roomWaiters.clear();
    for (const waiter of waiters) waiter.onRoom();
  }

  #receive(): void {
    for (let batch = this.#channel.tryReceive(); batch !== undefined; batch = this.#channel.tryReceive()) {
      for (const frame of readServerFrames(batch)) this.#dispatch(frame);
    }
  }

  /** A client has told a password: its server learns whether it is right, if both are still here. */
  #authenticate(handle: Assignment, { assignment, args }: Extract<ServerFrame, { type: 'ask-all' }>): void {
    this.#doorkeeper.check(args.slice(1), handle.owner.from, (verdict) => {
      if (this.#assignments.get(assignment) === handle)
        this.write({ type: 'all-answers', assignment, answers: [verdict] });
    });
  }

  #found(lookup: LookupId, values: readonly (ByteSpan | undefined)[]): void {
    const onFound = this.#lookups.get(lookup);
    this.#lookups.delete(lookup);
    onFound?.(values);
  }

  #dispatch(frame: ServerFrame<ByteSpan>): void {
    if (frame.type === 'answer') {
      this.#questions.answered(this, frame.question, frame.answer);
      return;
    }
    if (frame.type === 'found') {
      this.#found(frame.lookup, frame.values);
      return;
    }
    const assignment = this.#assignments.get(frame.assignment);
    // Its client left, or its connection gave up on this server, while the frame was on its way.
    if (assignment === undefined) return;
    const { owner } = assignment;
    switch (frame.type) {
      case 'ask-all':
        if (frame.args[0] === 'AUTH') this.#authenticate(assignment, frame);
        else this.#questions.ask({ ...frame, asker: this });
        return;
      case 'part':
        assignment.parts.push(frame.bytes);
        return;
      case 'reply':
        for (const part of assignment.takeParts()) owner.onReply(0, assignment.at, part);
        if (frame.at !== undefined) assignment.at = updated(assignment.at, frame.at);
        owner.onReply(frame.answeredBytes, assignment.at, frame.bytes);
        return;
      case 'refuse':
        this.#assignments.delete(frame.assignment);
        owner.onRefuse(frame.proposedBytes, frame.ledTerm);
        return;
      case 'close':
        this.#assignments.delete(frame.assignment);
        owner.onClose();
        return;
    }
  }
}

const NO_PARTS: readonly Uint8Array[] = [];

/** One connection's assignment to one server. */
export class Assignment {
  readonly traffic: ServerTraffic;
  readonly owner: AssignmentOwner;
  /** Where the server said last that the stream stands. */
  at: StreamCheckpoint;
  /** The parts of a reply that has not come as a whole. */
  parts: Uint8Array[] = [];
  readonly #id: AssignmentId;
  /** Reply bytes received and not yet reported as taken by the client's socket. */
  #unreportedBytes = 0;

  constructor(traffic: ServerTraffic, id: AssignmentId, owner: AssignmentOwner, at: StreamCheckpoint) {
    this.traffic = traffic;
    this.owner = owner;
    this.at = at;
    this.#id = id;
  }

  send(bytes: Uint8Array): void {
    this.traffic.writeData(this.#id, bytes);
  }

  /** Tells the server that the client sends no more. */
  endInput(): void {
    this.traffic.write({ type: 'end', assignment: this.#id });
  }

  /** Ends the assignment: replies that are still on their way are ignored. */
  close(): void {
    this.traffic.write({ type: 'close', assignment: this.#id });
    this.traffic.forget(this.#id);
  }

  /** The parts of a long reply that have come. */
  takeParts(): readonly Uint8Array[] {
    if (this.parts.length === 0) return NO_PARTS;
    const { parts } = this;
    this.parts = [];
    return parts;
  }

  received(replyBytes: number): void {
    this.#unreportedBytes += replyBytes;
  }

  /** Reports what the client's socket took, once it is worth it, given what it has not yet taken. */
  reportDrained(backlogBytes: number): void {
    const byteCount = this.#unreportedBytes - backlogBytes;
    if (byteCount < DRAINED_REPORT_BYTES) return;
    this.#unreportedBytes -= byteCount;
    this.traffic.write({ type: 'drained', assignment: this.#id, byteCount });
  }
}
