/**
 * `select` over channels: waits until one of several operations can go on, and does that one alone.
 */

import type { Receiver, Sender } from './channel.js';

/** One operation that select may choose, made by {@link onReceive} or {@link onSend}. */
export interface SelectCase<R> {
  /** Does the operation and returns what came of it, or undefined when it would have to wait. */
  readonly attempt: () => { readonly result: R } | undefined;
  /** Calls `waiter` once when it is worth another attempt. Returns how to take that back. */
  readonly once: (waiter: () => void) => () => void;
}

/** A case that receives; `then` gets the value, or undefined and `false` once the channel has ended. */
export function onReceive<T, R>(
  receiver: Pick<Receiver<T>, 'tryReceive' | 'once'> | undefined,
  then: (value: T | undefined, ok: boolean) => R,
): SelectCase<R> | undefined {
  if (receiver === undefined) return undefined;
  return {
    attempt: () => {
      const received = receiver.tryReceive();
      if (received === undefined) return undefined;
      return { result: received.ok ? then(received.value, true) : then(undefined, false) };
    },
    once: (waiter) => receiver.once(waiter),
  };
}

/** A case that sends `value`. Select throws ChannelClosedError when it chooses one whose channel is closed. */
export function onSend<T, R>(
  sender: Pick<Sender<T>, 'trySend' | 'once'> | undefined,
  value: T,
  then: () => R,
): SelectCase<R> | undefined {
  if (sender === undefined) return undefined;
  return {
    attempt: () => (sender.trySend(value) ? { result: then() } : undefined),
    once: (waiter) => sender.once(waiter),
  };
}

export interface SelectOptions<R> {
  /** What to do at once when no case can go on: select never waits then. */
  readonly otherwise?: () => R;
  /** Gives up after this time. Without it, select waits for as long as it takes. */
  readonly timeout?: { readonly ms: number; readonly then: () => R };
  /** Uniform in [0, 1): chooses among several cases that can go on. */
  readonly random?: () => number;
}

/**
 * Waits until one of the cases can go on, does it, and resolves to what its `then` returned. Of several, one is chosen
 * at random, so that none starves. The others have no effect. A case of no channel (undefined) is never chosen.
 */
export async function select<R>(
  cases: readonly (SelectCase<R> | undefined)[],
  { otherwise, timeout, random = Math.random }: SelectOptions<R> = {},
): Promise<R> {
  const present = cases.filter((one) => one !== undefined);
  const giveUpAtMs = performance.now() + (timeout?.ms ?? Number.POSITIVE_INFINITY);
  while (true) {
    const done = attemptAny(present, random);
    if (done !== undefined) return done.result;
    if (otherwise !== undefined) return otherwise();
    const leftMs = giveUpAtMs - performance.now();
    if (timeout !== undefined && leftMs <= 0) return timeout.then();
    await changeOfAny(present, leftMs);
  }
}

function attemptAny<R>(
  cases: readonly SelectCase<R>[],
  random: () => number,
): { readonly result: R } | undefined {
  const first = Math.floor(random() * cases.length);
  for (const one of [...cases.slice(first), ...cases.slice(0, first)]) {
    const done = one.attempt();
    if (done !== undefined) return done;
  }
  return undefined;
}

/** Resolves when another attempt is worth it, or the time is up. */
function changeOfAny(cases: readonly SelectCase<unknown>[], leftMs: number): Promise<void> {
  return new Promise((resolve) => {
    const undo: (() => void)[] = [];
    const wake = () => {
      for (const one of undo) one();
      resolve();
    };
    for (const one of cases) undo.push(one.once(wake));
    if (leftMs === Number.POSITIVE_INFINITY) return;
    const timer = setTimeout(wake, Math.max(1, leftMs));
    undo.push(() => clearTimeout(timer));
  });
}
