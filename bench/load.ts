/**
 * What a load generator is told to do, and what it found: the messages between `npm run bench` and its child process.
 */

export type Operation = 'set' | 'get' | 'mixed';

export interface LoadRequest {
  readonly port: number;
  readonly connections: number;
  /** Commands that a connection sends at once; it waits for all their replies before it sends more. */
  readonly depth: number;
  readonly operation: Operation;
  readonly requests: number;
  readonly valueBytes: number;
  /** Keys are drawn from so many. */
  readonly keys: number;
}

export interface LoadResult {
  readonly requestsPerSecond: number;
  /** From sending a burst to its last reply, in µs. */
  readonly latencyUs: { readonly p50: number; readonly p99: number; readonly p999: number };
  /** Replies that were errors; any makes the result void. */
  readonly errors: number;
}
