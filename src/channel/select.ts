/**
 * Go's `select`: waits for several channels at once, and exactly one of the cases happens.
 *
 *     const next = await select([
 *       receiveFrom(jobs, ({ value, ok }) => (ok ? run(value) : 'no more jobs')),
 *       sendTo(heartbeats, now, () => 'beat sent'),
 *       after(1_000, () => 'nothing for a second'),
 *     ]);
 */

import { NODE_ENVIRONMENT } from '../environment.js';
import type { Received, Receiver, Sender, Withdraw } from './channel.js';

/** One way to go on. Made by {@link receiveFrom}, {@link sendTo} and {@link after}. */
export interface Case<R> {
  /** Fires if it can without waiting, and returns its body; undefined when nothing happened. */
  fireNow(): (() => R) | undefined;
  /** Waits to fire, until withdrawn. */
  wait(race: Race<R>): Withdraw;
}

/** What the waiting cases of one select share. Each call withdraws all of them. */
export interface Race<R> {
  /** A case is about to fire. A call of one of the other two follows at once. */
  claim(): void;
  finish(body: () => R): void;
  fail(error: unknown): void;
}

export interface SelectOptions<R> {
  /** Go's `default`: what to do, instead of waiting, when no case can fire at once. */
  readonly otherwise?: () => R;
  /** Chooses among several cases that can fire at once; uniform in [0, 1). `Math.random` unless given. */
  readonly random?: () => number;
}

/** Receives from `receiver` and runs `body` on it, also at its end. An undefined receiver never fires. */
export function receiveFrom<T, R>(
  receiver: Receiver<T> | undefined,
  body: (received: Received<T>) => R,
): Case<R> {
  if (receiver === undefined) return NEVER;
  return {
    fireNow: () => {
      const received = receiver.tryReceive();
      return received && (() => body(received));
    },
    wait: (race) => receiver.request((received) => race.finish(() => body(received))),
  };
}

/**
 * Sends `value` and runs `body` once it is sent. An undefined sender never fires. One that is closed does, as in
 * Go, and makes {@link select} reject with ChannelClosedError.
 */
export function sendTo<T, R>(sender: Sender<T> | undefined, value: T, body: () => R): Case<R> {
  if (sender === undefined) return NEVER;
  return {
    fireNow: () => (sender.trySend(value) ? body : undefined),
    wait: (race) =>
      sender.offer({
        take: () => {
          // The others go first, or a select that sends and receives on one channel would meet itself.
          race.claim();
          return value;
        },
        sent: () => race.finish(body),
        refused: (error) => race.fail(error),
      }),
  };
}

/** Calls back once after `delayMs` ms, unless cancelled before. */
export type StartTimer = (callback: () => void, delayMs: number) => { cancel(): void };

/** Runs `body` when nothing else has fired for `timeoutMs`: Go's `<-time.After(timeout)`, with the timer stopped. */
export function after<R>(
  timeoutMs: number,
  body: () => R,
  startTimer: StartTimer = NODE_ENVIRONMENT.startTimer,
): Case<R> {
  return {
    fireNow: () => undefined,
    wait: (race) => {
      const timer = startTimer(() => race.finish(body), timeoutMs);
      return () => timer.cancel();
    },
  };
}

/**
 * Lets exactly one case fire and resolves with what its body returns. The others have no effect: nothing is
 * taken from their receivers, nothing sent to their senders. Of several that can fire at once, each is as
 * likely as any other; else the first that can fire does. With no case at all it waits for ever, as in Go.
 *
 * Rejects with what the sending of the chosen case or its body throws.
 */
export async function select<R>(cases: readonly Case<R>[], options: SelectOptions<R> = {}): Promise<R> {
  for (const candidate of shuffled(cases, options.random ?? NODE_ENVIRONMENT.random)) {
    const body = candidate.fireNow();
    if (body !== undefined) return body();
  }
  if (options.otherwise !== undefined) return options.otherwise();
  const body = await firstToFire(cases);
  return body();
}

const NEVER: Case<never> = {
  fireNow: () => undefined,
  wait: () => () => undefined,
};

function firstToFire<R>(cases: readonly Case<R>[]): Promise<() => R> {
  return new Promise((resolve, reject) => {
    const withdrawals: Withdraw[] = [];
    const claim = () => {
      for (const withdraw of withdrawals) withdraw();
    };
    const race: Race<R> = {
      claim,
      finish: (body) => {
        claim();
        resolve(body);
      },
      fail: (error) => {
        claim();
        reject(error);
      },
    };
    for (const waiting of cases) withdrawals.push(waiting.wait(race));
  });
}

/** The items in uniformly random order (Fisher and Yates). */
function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const pool = [...items];
  const order: T[] = [];
  while (pool.length > 0) order.push(...pool.splice(Math.floor(random() * pool.length), 1));
  return order;
}
