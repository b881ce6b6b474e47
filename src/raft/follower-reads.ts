/**
 * Reads that a follower answers from its own state (thesis 6.4): it asks the leader for the index up to which it must have
 * applied the log, with one message for all reads of a turn. The leader treats that as a read of its own.
 */

import type { Core } from './core.js';
import type { LogIndex, ReadIndexResponse, ServerId } from './types.js';

/** A server may send this many requests a ms, so that those after a restart have higher numbers. */
const MAX_REQUESTS_PER_MS = 1024;

export class FollowerReads {
  /** By what came in, with the first request that was sent after it. */
  #waiting: { readonly readId: number; readonly request: number }[] = [];
  #nextRequest: number;
  #sentAtMs = Number.NEGATIVE_INFINITY;
  /** A request is to be sent. */
  isDue = false;

  constructor(nowMs: number) {
    this.#nextRequest = Math.floor(nowMs * MAX_REQUESTS_PER_MS);
  }

  add(readId: number): void {
    this.#waiting.push({ readId, request: this.#nextRequest });
    this.isDue = true;
  }

  /** The number of the request that is sent now. None is sent twice: an answer to one says nothing of reads after it. */
  takeRequest(nowMs: number): number {
    const request = this.#nextRequest;
    this.#nextRequest += 1;
    this.#sentAtMs = nowMs;
    this.isDue = false;
    return request;
  }

  /** Asks anew where an answer is overdue: the request or the answer may be lost. */
  repeat(nowMs: number, patienceMs: number): void {
    if (this.#waiting.length > 0 && nowMs - this.#sentAtMs >= patienceMs) this.isDue = true;
  }

  /** Removes and returns the reads that came in before this request was sent. */
  takeAnswered(request: number): readonly number[] {
    const end = this.#waiting.findIndex((read) => read.request > request);
    const answered = this.#waiting.splice(0, end === -1 ? this.#waiting.length : end);
    if (this.#waiting.length === 0) this.isDue = false;
    return answered.map(({ readId }) => readId);
  }

  takeAll(): readonly number[] {
    return this.takeAnswered(Number.POSITIVE_INFINITY);
  }
}

/** A group of reads came in at a server that does not lead. It fails unless a leader is known. */
export function askLeader(core: Core, readId: number): void {
  if (core.leader === undefined) core.failedReads.push(readId);
  else core.followerReads.add(readId);
}

/** Sends the leader one request for all reads that came in since the last. */
export function sendReadRequest(core: Core): void {
  const { followerReads, leader } = core;
  if (!followerReads.isDue || leader === undefined) return;
  const request = followerReads.takeRequest(core.nowMs);
  core.send({ type: 'ReadIndex', from: core.id, to: leader, term: core.currentTerm, request });
}

/** The leader's side: it led after the request came. */
export function answerFollower(
  core: Core,
  { id, request }: { readonly id: ServerId; readonly request: number },
  index: LogIndex,
): void {
  core.send({ type: 'ReadIndexResponse', from: core.id, to: id, term: core.currentTerm, request, index });
}

/** The leader of the current term has answered. */
export function onReadIndexResponse(core: Core, { request, index }: ReadIndexResponse): void {
  for (const readId of core.followerReads.takeAnswered(request)) core.confirmedReads.push({ readId, index });
}

/** The leader is another one now, or none, or this server: what it was asked is not answered any more. */
export function failFollowerReads(core: Core): void {
  core.failedReads.push(...core.followerReads.takeAll());
}
