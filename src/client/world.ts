/** What a client is handed of the world around it. */

import type { Timer } from '../environment.js';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** The clock, timers and randomness that a client needs. */
export interface ClientEnvironment {
  /** Monotonic time in ms. */
  nowMs(): number;
  /** Uniform in [0, 1). */
  random(): number;
  /** Calls back once, no sooner than in `delayMs` ms. */
  startTimer(callback: () => void, delayMs: number): Timer;
  /** Calls back as soon as the running callback has returned. */
  afterCallback(callback: () => void): void;
}

/** What happens to a link. No event comes before the call of {@link Dial} has returned, and none after `destroy`. */
export interface LinkEvents {
  /** Bytes can be sent. */
  onOpen(): void;
  /** Bytes came, at least one. They may change once this has returned. */
  onData(bytes: Uint8Array): void;
  /** It was closed, or never opened. The last event. */
  onClosed(reason: Error): void;
}

/** One connection to a server: bytes in order, both ways. */
export interface Link {
  /** Bytes that were handed to {@link write} and not taken by the operating system. */
  readonly unwrittenBytes: number;
  /** Sends bytes, which must not change afterwards. */
  write(bytes: Uint8Array): void;
  /** Hands out no more bytes until {@link resume}. */
  pause(): void;
  resume(): void;
  /** Closes it at once. */
  destroy(): void;
}

/** Opens a link. */
export type Dial = (address: Address, events: LinkEvents) => Link;

export interface ClientWorld {
  readonly environment: ClientEnvironment;
  readonly dial: Dial;
}
