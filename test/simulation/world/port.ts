/**
 * Ports in memory between the threads of the simulation. Like those of Node, they keep the order of messages, take what is
 * transferred away from the sender, hand out what was posted before the sender's thread ended, and then close.
 */

import { EventEmitter } from 'node:events';
import type { Transferable } from 'node:worker_threads';
import type { Port } from '../../../src/channel/port.js';
import type { Random } from '../../../tools/support/random.js';
import type { SimulatedThread } from './thread.js';
import type { World } from './world.js';

export interface PortOptions {
  readonly world: World;
  readonly random: Random;
  /** A message takes from 0 to that long. Those of different ports overtake each other. */
  readonly maxDelayMs: number;
  /** Whether what is transferred is of no use to its sender any more, as it is in Node; costs time. */
  readonly detaches: boolean;
}

/** What a message is on its way: may change or replace it. */
export type PostFilter = (message: unknown) => unknown;

/** Joins two threads: the first port is the first thread's. */
export function connectThreads(
  [first, second]: readonly [SimulatedThread, SimulatedThread],
  options: PortOptions,
): readonly [SimulatedPort, SimulatedPort] {
  const ports = [new SimulatedPort(first, options), new SimulatedPort(second, options)] as const;
  ports[0].join(ports[1]);
  ports[1].join(ports[0]);
  return ports;
}

export class SimulatedPort implements Port {
  readonly #thread: SimulatedThread;
  readonly #options: PortOptions;
  #peer: SimulatedPort | undefined;
  #isClosed = false;
  readonly #emitter = new EventEmitter();
  /** Arrived before anybody listened. */
  #waiting: unknown[] = [];
  /** When the last message that was posted to this port arrives. */
  #lastArrivalMs = 0;
  readonly #onThreadEnd = () => this.#shut();

  constructor(thread: SimulatedThread, options: PortOptions) {
    this.#thread = thread;
    this.#options = options;
    thread.onEnd(this.#onThreadEnd);
  }

  /** What this port posts passes through. */
  filter: PostFilter = (message) => message;

  join(peer: SimulatedPort): void {
    this.#peer = peer;
  }

  postMessage(value: unknown, transfer: readonly Transferable[] = []): void {
    if (this.#isClosed) return;
    const { detaches } = this.#options;
    const handed = detaches ? structuredClone(value, { transfer: [...transfer] }) : value;
    const message = this.filter(handed);
    this.#peer?.expect((port) => port.#arrive(message));
  }

  on<T>(_event: 'message', listener: (value: T) => void): void {
    this.#emitter.on('message', listener);
    for (const message of this.#waiting.splice(0)) this.#handOut(message);
  }

  off<T>(_event: 'message', listener: (value: T) => void): void {
    this.#emitter.off('message', listener);
  }

  once(_event: 'close', listener: () => void): void {
    this.#emitter.once('close', listener);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#shut();
    this.#thread.deliver(this, () => this.#tellClosed());
  }

  hasRef(): boolean {
    return !this.#isClosed;
  }

  /** For the other end: something comes after all that came before. */
  expect(arrive: (port: SimulatedPort) => void): void {
    const { world, random, maxDelayMs } = this.#options;
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, world.nowMs + random.between(0, maxDelayMs));
    world.timeline.at(this.#lastArrivalMs, () => arrive(this));
  }

  #shut(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#thread.offEnd(this.#onThreadEnd);
    this.#peer?.expect((port) => port.#peerClosed());
  }

  #arrive(message: unknown): void {
    if (this.#isClosed) return;
    this.#thread.deliver(this, () => {
      if (!this.#emitter.emit('message', message)) this.#waiting.push(message);
    });
  }

  #handOut(message: unknown): void {
    this.#thread.deliver(this, () => this.#emitter.emit('message', message));
  }

  #peerClosed(): void {
    if (this.#isClosed) return;
    this.#thread.deliver(this, () => {
      if (this.#isClosed) return;
      this.#isClosed = true;
      this.#thread.offEnd(this.#onThreadEnd);
      this.#tellClosed();
    });
  }

  #tellClosed(): void {
    this.#emitter.emit('close');
  }
}
