import { setImmediate as nextTurn } from 'node:timers/promises';
import { MessageChannel } from 'node:worker_threads';
import type { Channel } from '../../src/channel/channel.js';
import { openChannel, type PortChannel } from '../../src/channel/port-channel.js';

const TIMEOUT_MS = 10_000;

/** Resolves once `condition` holds; rejects, saying what was waited for, when it does not in a long time. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await nextTurn();
  }
}

/** What became of a promise so far. */
export interface Outcome {
  state: 'pending' | 'resolved' | 'rejected';
  error?: unknown;
}

export function outcomeOf(promise: Promise<unknown>): Outcome {
  const outcome: Outcome = { state: 'pending' };
  promise.then(
    () => {
      outcome.state = 'resolved';
    },
    (error: unknown) => {
      outcome.state = 'rejected';
      outcome.error = error;
    },
  );
  return outcome;
}

/** Both ends of a port, in this thread. */
export function openPair<A, B = A>(capacity: number): { near: PortChannel<A, B>; far: PortChannel<B, A> } {
  const { port1, port2 } = new MessageChannel();
  return { near: openChannel<A, B>(port1, { capacity }), far: openChannel<B, A>(port2, { capacity }) };
}

/** Resolves once there is room in the channel: for a port, once the other end has granted it. */
export function roomIn(channel: Pick<Channel<never>, 'sender'>): Promise<void> {
  return new Promise((resolve) => channel.sender.whenRoom(resolve));
}

/** All values that are received until the channel ends. */
export async function collect<T>(receiver: AsyncIterable<T>): Promise<T[]> {
  const values: T[] = [];
  for await (const value of receiver) values.push(value);
  return values;
}

/** A random source that gives the same numbers in each run (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
