/** Calls of a KvClient, which must end in time, in a result or an error of the client. */

import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { type CallOptions, KvError } from '../../src/client/index.js';
import type { Random } from '../support/random.js';
import type { Findings } from './findings.js';

const TIMEOUTS_MS = [300, 500, 1_000, 2_000];
/** How much later than its time limit a call may end. */
const MAX_DELAY_MS = 100;
const ABORT_CHANCE = 0.02;

/** What a call came to: what it resolved to, or the code of its error. */
export type Ending<T> =
  | { readonly type: 'result'; readonly result: T }
  | { readonly type: 'error'; readonly code: string };

/** A time limit, and now and then a signal that aborts sooner. */
export function drawCallOptions(random: Random): CallOptions & { readonly timeoutMs: number } {
  const timeoutMs = random.of(TIMEOUTS_MS);
  if (!random.chance(ABORT_CHANCE)) return { timeoutMs };
  const controller = new AbortController();
  void pause(random.between(0, timeoutMs), undefined, { ref: false }).then(() => controller.abort());
  return { timeoutMs, signal: controller.signal };
}

/**
 * Resolves to how the call ended. A call that takes longer than its time limit allows is a finding, and so is an error that no
 * client should see. The limit is counted by a timer of the same event loop, which is late when the call's own is.
 */
export async function endingOf<T>(
  what: string,
  { timeoutMs }: { readonly timeoutMs: number },
  call: Promise<T>,
  findings: Findings,
): Promise<Ending<T>> {
  let isOver = false;
  const late = new AbortController();
  const limitMs = timeoutMs + MAX_DELAY_MS;
  const begunAtMs = performance.now();
  const untilLate = (delayMs: number) => pause(delayMs, undefined, { signal: late.signal });
  const watched = untilLate(limitMs)
    // A timer counts from when the turn of the event loop began, which may be long ago on a busy machine.
    .then(() => untilLate(Math.max(0, begunAtMs + limitMs - performance.now())))
    .then(() => nextTurn())
    .then(() => {
      if (!isOver) findings.add(`${what} took longer than its ${timeoutMs} ms and ${MAX_DELAY_MS} more`);
    })
    .catch(() => undefined);
  try {
    return { type: 'result', result: await call };
  } catch (error) {
    if (error instanceof KvError) return { type: 'error', code: error.code };
    findings.add(`${what} ended in ${String(error)}, which is no error of the client`);
    return { type: 'error', code: 'UNTYPED' };
  } finally {
    isOver = true;
    late.abort();
    await watched;
  }
}
