/**
 * One round of load: N connections, each sending bursts and waiting for their replies, until the round's limit
 * is reached.
 */

import { setTimeout as pause } from 'node:timers/promises';
import { build, type Histogram } from 'hdr-histogram-js';
import { type Employer, LoadConnection, LoadError } from './connection.js';
import { type RequestSequence, RequestSequences } from './request-sequence.js';
import type { RoundResult, Workload } from './workload.js';

const REPORT_EVERY_MS = 100;
const STALLED_AFTER_MS = 15_000;
const HIGHEST_LATENCY_US = 60_000_000;

/**
 * Connects, runs the round and disconnects. Only what lies between the first request and the last reply is measured.
 * Rejects with {@link LoadError} or MalformedReplyError, or the socket's error when nobody listens.
 *
 * @param onProgress gets the part that is done, 0 to 1, a few times a second
 * @param sequences has the requests of earlier rounds
 */
export async function runRound(
  workload: Workload,
  onProgress: (done: number) => void = () => undefined,
  sequences: RequestSequences = new RequestSequences(),
): Promise<RoundResult> {
  const round = new Round(workload, sequences);
  try {
    await round.connect();
    if (workload.pauseMs !== undefined) {
      onProgress(0);
      await pause(workload.pauseMs);
    }
    return await round.run(onProgress);
  } finally {
    round.disconnect();
  }
}

class Round implements Employer {
  readonly #workload: Workload;
  readonly #sequence: RequestSequence;
  readonly #connections: LoadConnection[] = [];
  readonly #latencyUs: Histogram = build({
    highestTrackableValue: HIGHEST_LATENCY_US,
    numberOfSignificantValueDigits: 3,
  });
  readonly #errors = new Map<string, number>();
  readonly #ended: Promise<void>;
  #finish: () => void = () => undefined;
  #fail: (error: Error) => void = () => undefined;
  #startMs = 0;
  #sent = 0;
  #answered = 0;
  #idleConnections = 0;

  constructor(workload: Workload, sequences: RequestSequences) {
    this.#workload = workload;
    this.#sequence = sequences.get(workload);
    this.#ended = new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
    // A connection may fail before anybody waits for the end.
    this.#ended.catch(() => undefined);
  }

  async connect(): Promise<void> {
    for (let i = 0; i < this.#workload.connections; i += 1)
      this.#connections.push(await LoadConnection.open(this.#workload, this.#sequence, this));
  }

  async run(onProgress: (done: number) => void): Promise<RoundResult> {
    const cpuBefore = process.cpuUsage();
    this.#startMs = performance.now();
    const watch = this.#watch(onProgress);
    for (const connection of this.#connections) connection.sendNext();
    await this.#ended.finally(() => clearInterval(watch));
    return this.#result(performance.now() - this.#startMs, process.cpuUsage(cpuBefore));
  }

  disconnect(): void {
    for (const connection of this.#connections) connection.close();
  }

  nextBurst(): number {
    const count = this.#allowed();
    this.#sent += count;
    if (count === 0) this.#idleConnections += 1;
    if (this.#idleConnections === this.#connections.length) this.#finish();
    return count;
  }

  answered(count: number, latencyUs: number): void {
    this.#answered += count;
    this.#latencyUs.recordValueWithCount(Math.min(latencyUs, HIGHEST_LATENCY_US), count);
  }

  wrongReply(what: string): void {
    this.#errors.set(what, (this.#errors.get(what) ?? 0) + 1);
  }

  failed(error: Error): void {
    this.#fail(error);
  }

  #allowed(): number {
    const { limit, depth } = this.#workload;
    if (limit.type === 'requests') return Math.min(depth, limit.requests - this.#sent);
    return performance.now() - this.#startMs < limit.seconds * 1000 ? depth : 0;
  }

  /** Reports progress, and fails the round when replies stay out. */
  #watch(onProgress: (done: number) => void): NodeJS.Timeout {
    let answered = 0;
    let answeredAtMs = this.#startMs;
    return setInterval(() => {
      const nowMs = performance.now();
      if (this.#answered > answered) answeredAtMs = nowMs;
      answered = this.#answered;
      if (nowMs - answeredAtMs > STALLED_AFTER_MS)
        this.#fail(new LoadError(`no reply for ${STALLED_AFTER_MS} ms to ${this.#sent - answered} requests`));
      onProgress(this.#done(nowMs));
    }, REPORT_EVERY_MS);
  }

  #done(nowMs: number): number {
    const { limit } = this.#workload;
    if (limit.type === 'requests') return this.#answered / limit.requests;
    return Math.min(1, (nowMs - this.#startMs) / 1000 / limit.seconds);
  }

  #result(elapsedMs: number, cpu: NodeJS.CpuUsage): RoundResult {
    return {
      requests: this.#answered,
      elapsedMs,
      requestsPerSecond: (this.#answered / elapsedMs) * 1000,
      latencyUs: {
        p50: this.#latencyUs.getValueAtPercentile(50),
        p99: this.#latencyUs.getValueAtPercentile(99),
        p999: this.#latencyUs.getValueAtPercentile(99.9),
        max: this.#latencyUs.maxValue,
      },
      generatorCpu: (cpu.user + cpu.system) / 1000 / elapsedMs,
      errors: Object.fromEntries(this.#errors),
    };
  }
}
