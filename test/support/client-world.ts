/** A world for a client without threads and sockets: time that the test sets, and servers that do what it says. */

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Address, ClientWorld, Link, LinkEvents } from '../../src/client/world.js';

interface WaitingTimer {
  readonly atMs: number;
  readonly callback: () => void;
}

export class FakeWorld {
  nowMs = 1000;
  /** What the next random number is, from [0, 1). */
  random: () => number = () => 0.5;
  /** All connections that were opened, the oldest first. */
  readonly links: FakeLink[] = [];
  readonly #timers = new Set<WaitingTimer>();
  readonly client: ClientWorld = {
    environment: {
      nowMs: () => this.nowMs,
      random: () => this.random(),
      startTimer: (callback, delayMs) => {
        const timer = { atMs: this.nowMs + delayMs, callback };
        this.#timers.add(timer);
        return { cancel: () => this.#timers.delete(timer) };
      },
      afterCallback: (callback) => process.nextTick(callback),
    },
    dial: (address, events) => {
      const link = new FakeLink(address, events);
      this.links.push(link);
      return link;
    },
  };

  /** The newest connection. */
  get link(): FakeLink {
    const link = this.links.at(-1);
    if (link === undefined) throw new Error('nothing was dialled');
    return link;
  }

  get timers(): number {
    return this.#timers.size;
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 1; turn += 1) await nextTurn();
  }

  /** Lets time pass, with all timers in their order. */
  async pass(durationMs: number): Promise<void> {
    const endMs = this.nowMs + durationMs;
    await this.settle();
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      this.#timers.delete(next);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.callback();
      await this.settle();
    }
    this.nowMs = endMs;
  }

  /** The next connection is made, once the pause after a failure is over. */
  async opened(): Promise<FakeLink> {
    const known = this.links.filter(({ isOpen }) => isOpen).length;
    for (let waitedMs = 0; waitedMs < 5000; waitedMs += 5) {
      await this.pass(5);
      const { link } = this;
      if (!link.isOpen && !link.isDestroyed) {
        link.open();
        await this.settle();
        return link;
      }
    }
    throw new Error(`no connection besides ${known}`);
  }

  #next(endMs: number): WaitingTimer | undefined {
    const [first] = [...this.#timers].sort((a, b) => a.atMs - b.atMs);
    return first !== undefined && first.atMs <= endMs ? first : undefined;
  }
}

export class FakeLink implements Link {
  readonly address: Address;
  readonly #events: LinkEvents;
  isOpen = false;
  isDestroyed = false;
  isPaused = false;
  unwrittenBytes = 0;
  #received = '';

  constructor(address: Address, events: LinkEvents) {
    this.address = address;
    this.#events = events;
  }

  write(bytes: Uint8Array): void {
    this.#received += Buffer.from(bytes).toString('latin1');
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  destroy(): void {
    this.isDestroyed = true;
  }

  open(): void {
    this.isOpen = true;
    this.#events.onOpen();
  }

  /** What came since the last call, a line each. */
  take(): readonly string[] {
    const lines = this.#received.split('\r\n').slice(0, -1);
    this.#received = '';
    return lines;
  }

  /** Answers, one character per byte. */
  reply(...lines: readonly string[]): void {
    for (const line of lines) this.send(`${line}\r\n`);
  }

  send(text: string): void {
    if (this.isDestroyed) return;
    const bytes = Buffer.from(text, 'latin1');
    this.#events.onData(bytes);
    // As memory that the next bytes are read into.
    bytes.fill('?');
  }

  close(reason = 'closed by the test'): void {
    if (!this.isDestroyed) this.#events.onClosed(new Error(reason));
  }
}

/** What a call came to: its result, or the code of its error. Undefined while it is under way. */
export function outcomeOf(call: Promise<unknown>): { value: unknown } {
  const outcome: { value: unknown } = { value: undefined };
  call.then(
    (value) => {
      outcome.value = value === undefined ? 'nothing' : value;
    },
    (error: unknown) => {
      outcome.value = error instanceof Error && 'code' in error ? error.code : error;
    },
  );
  return outcome;
}
