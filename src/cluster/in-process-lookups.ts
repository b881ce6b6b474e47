/**
 * Gets of a client in this process, without text, session or connection: what is asked for at once goes to the leader in one
 * message, and is answered from its state by its lease. What it does not answer at once is asked as by any other client.
 */

import type { ByteSpan } from '../bytes/byte-reader.js';
import type { ClientEnvironment } from '../client/world.js';
import type { Timer } from '../environment.js';
import { MAX_KEY_BYTES } from '../limits.js';
import { MAX_LOOKUP_KEYS } from '../lookup-limits.js';
import { LOOKUP_WAIT_MS } from '../time-limits.js';

/** Asks whichever server leads. Returns false, and never calls back, where none can be asked. */
export type LookUp = (
  keys: readonly string[],
  onFound: (values: readonly (ByteSpan | undefined)[]) => void,
) => boolean;

export interface Lookup {
  readonly key: string;
  /** Takes the value where it lies in a message; undefined if there is no such key. */
  answer(value: ByteSpan | undefined): void;
  /** It is not answered in this way. */
  giveUp(): void;
}

export class InProcessLookups {
  readonly #lookUp: LookUp;
  readonly #environment: Omit<ClientEnvironment, 'random'>;
  /** Those that leave together. */
  #next: Lookup[] = [];
  readonly #sent = new Set<SentLookups>();
  /** Looks for those that take too long, while there are any: one timer for all, since most are answered in no time. */
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(lookUp: LookUp, environment: Omit<ClientEnvironment, 'random'>) {
    this.#lookUp = lookUp;
    this.#environment = environment;
  }

  /** Ends in one call of the lookup's, at most twice {@link LOOKUP_WAIT_MS} and a timer's lateness later. */
  begin(lookup: Lookup): void {
    if (this.#isClosed) {
      lookup.giveUp();
      return;
    }
    if (this.#next.push(lookup) === 1) this.#environment.afterCallback(this.#send);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    for (const sent of this.#sent) sent.giveUp();
  }

  readonly #send = (): void => {
    const lookups = this.#next;
    this.#next = [];
    const nowMs = this.#environment.nowMs();
    for (let from = 0; from < lookups.length; from += MAX_LOOKUP_KEYS)
      this.#sendSome(lookups.slice(from, from + MAX_LOOKUP_KEYS), nowMs);
  };

  #sendSome(lookups: readonly Lookup[], nowMs: number): void {
    const sent = new SentLookups(lookups, nowMs + LOOKUP_WAIT_MS, this.#onOver);
    const keys = lookups.map(({ key }) => key);
    if (this.#isClosed || !this.#lookUp(keys, sent.answer)) {
      sent.giveUp();
      return;
    }
    this.#sent.add(sent);
    this.#timer ??= this.#environment.startTimer(this.#look, LOOKUP_WAIT_MS);
  }

  readonly #onOver = (sent: SentLookups): void => {
    this.#sent.delete(sent);
  };

  readonly #look = (): void => {
    this.#timer = undefined;
    const nowMs = this.#environment.nowMs();
    for (const sent of this.#sent) if (sent.deadlineMs <= nowMs) sent.giveUp();
    if (this.#sent.size > 0) this.#timer ??= this.#environment.startTimer(this.#look, LOOKUP_WAIT_MS);
  };
}

class SentLookups {
  readonly deadlineMs: number;
  #lookups: readonly Lookup[];
  readonly #onOver: (sent: SentLookups) => void;

  constructor(lookups: readonly Lookup[], deadlineMs: number, onOver: (sent: SentLookups) => void) {
    this.#lookups = lookups;
    this.deadlineMs = deadlineMs;
    this.#onOver = onOver;
  }

  /** Those that no value has come for are given up. No effect once they are. */
  readonly answer = (values: readonly (ByteSpan | undefined)[]): void => {
    const lookups = this.#lookups;
    this.#lookups = [];
    this.#onOver(this);
    for (let place = 0; place < lookups.length; place += 1)
      if (place < values.length) lookups[place]?.answer(values[place]);
      else lookups[place]?.giveUp();
  };

  giveUp(): void {
    this.answer([]);
  }
}

/** Whether the key is written as one byte per character, and needs no further check. */
export function isPlainKey(key: string): boolean {
  if (typeof key !== 'string' || key === '' || key.length > MAX_KEY_BYTES) return false;
  for (let at = 0; at < key.length; at += 1) {
    const code = key.charCodeAt(at);
    if (code <= 0x20 || code >= 0x7f) return false;
  }
  return true;
}
