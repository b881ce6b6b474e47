/** The reads that wait at a follower for the leader's answer, see follower-reads.ts. */

/** A server may send this many requests a ms, so that those after a restart have higher numbers. */
const MAX_REQUESTS_PER_MS = 1024;

export class FollowerReadQueue {
  /** The waiting reads, in their order, each with the first request that was sent after it came in. */
  #waiting: { readonly readId: number; readonly request: number }[] = [];
  /** The number of the request that is sent next. */
  nextRequest: number;
  #sentAtMs = Number.NEGATIVE_INFINITY;
  /** Whether a request is to be sent. */
  isDue = false;

  constructor(nowMs: number) {
    this.nextRequest = Math.floor(nowMs * MAX_REQUESTS_PER_MS);
  }

  add(readId: number): void {
    this.#waiting.push({ readId, request: this.nextRequest });
    this.isDue = true;
  }

  /** The number of the request that is sent now. None is sent twice: an answer to one says nothing of reads after it. */
  takeRequest(nowMs: number): number {
    const request = this.nextRequest;
    this.nextRequest += 1;
    this.#sentAtMs = nowMs;
    this.isDue = false;
    return request;
  }

  /** Asks anew where an answer is overdue: the request or the answer may be lost. */
  repeat(nowMs: number, timeoutMs: number): void {
    if (this.#waiting.length > 0 && nowMs - this.#sentAtMs >= timeoutMs) this.isDue = true;
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
