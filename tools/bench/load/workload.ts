/**
 * What the load generator is told to do, and what it reports. Both cross a process boundary as JSON.
 */

import type { Protocol } from './dialect.js';

export const OPERATIONS = ['set', 'get', 'mixed'] as const;

/** `mixed` is 90 gets to 10 sets. */
export type Operation = (typeof OPERATIONS)[number];

/** The keys that are written and read, and what is in them. */
export interface Keyspace {
  readonly keys: number;
  readonly valueBytes: number;
}

/** A round ends after N requests, or takes up no more after N seconds. */
export type RoundLimit =
  | { readonly type: 'requests'; readonly requests: number }
  | { readonly type: 'seconds'; readonly seconds: number };

/** One round of load. */
export interface Workload {
  readonly port: number;
  /** The CA of a program that speaks TLS. */
  readonly ca?: string | undefined;
  /** What a client shows a program that asks for its certificate, in PEM. */
  readonly identity?: { readonly cert: string; readonly key: string } | undefined;
  /** From the last connection to the first request: progress 0 is told when it begins. None unless given. */
  readonly pauseMs?: number;
  readonly connections: number;
  /** Requests that a connection sends at once; it waits for all their replies before it sends the next. */
  readonly depth: number;
  readonly operation: Operation;
  /** The text protocol unless it says otherwise. */
  readonly protocol?: Protocol;
  /** What each connection says first, to which the reply is `+OK`. */
  readonly greeting?: string;
  readonly keyspace: Keyspace;
  readonly limit: RoundLimit;
}

export interface RoundResult {
  readonly requests: number;
  readonly elapsedMs: number;
  readonly requestsPerSecond: number;
  /** From a burst's being sent to a reply's arrival, in microseconds. */
  readonly latencyUs: Latency;
  /** CPU time of the whole program for a request, in microseconds; undefined where the system does not tell. */
  readonly programCpuUs?: number;
  /** CPU time of the generator over elapsed time: near 1, the generator is what was measured. */
  readonly generatorCpu: number;
  /** Replies that were not what the request asks for, by what they were. */
  readonly errors: Readonly<Record<string, number>>;
}

export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** From the generator's process to its parent. */
export type GeneratorMessage =
  /** Part of the round that is done, 0 to 1. */
  | { readonly type: 'progress'; readonly done: number }
  | { readonly type: 'result'; readonly result: RoundResult }
  | { readonly type: 'failed'; readonly message: string };
