/** One call of a client on its way: it waits, is sent, perhaps repeated, and ends once. */

import { AbortedError, type KvError, TimeoutError, UnknownOutcomeError } from './client-errors.js';
import type { Reply } from './reply-reader.js';
import type { Command } from './text-commands.js';
import type { WriteNumber } from './write-session.js';

/** What becomes of a reply: throws a {@link KvError} where it is an error. */
export type Decode<T> = (reply: Reply) => T;

export interface CallOptions {
  /** Ends the call with an {@link AbortedError}. */
  readonly signal?: AbortSignal | undefined;
  /** How long the call may take, in ms; 10 s, or what the client was told. */
  readonly timeoutMs?: number | undefined;
}

interface Outcome {
  /** Takes the reply. Throws what the call then rejects with. */
  readonly answer: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

export interface CallLimits {
  readonly deadlineMs: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

export class Call {
  readonly command: Command;
  readonly deadlineMs: number;
  isOver = false;
  /** How many of its tries may have changed something. */
  uncertainTries = 0;
  /** Its place in a session, which a write has from its first try on. */
  number: WriteNumber | undefined;
  /** How often it was answered that nobody could answer it. */
  repeats = 0;
  /** What stood in its way last. */
  trouble: Error | undefined;
  readonly #onOver: (call: Call) => void;
  readonly #timeoutMs: number;
  readonly #outcome: Outcome;
  #signal: AbortSignal | undefined;

  /** @param onOver is called as it is over, in whatever way */
  constructor(command: Command, limits: CallLimits, outcome: Outcome, onOver: (call: Call) => void) {
    this.command = command;
    this.deadlineMs = limits.deadlineMs;
    this.#timeoutMs = limits.timeoutMs;
    this.#outcome = outcome;
    this.#onOver = onOver;
    if (limits.signal === undefined) return;
    this.#signal = limits.signal;
    this.#signal.addEventListener('abort', this.#onAbort);
  }

  /** Whether it may have changed something. */
  get isUncertain(): boolean {
    return this.uncertainTries > 0 && !this.command.isRead;
  }

  /** It was answered. */
  answer(reply: Reply): void {
    if (this.isOver) return;
    try {
      this.#outcome.answer(reply);
      this.#end();
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  fail(error: Error): void {
    if (this.isOver) return;
    this.#end();
    this.#outcome.reject(error);
  }

  /** Nothing more is to be done for it: an unknown outcome if it may have changed something, else this error. */
  giveUp(reason: string, error: KvError): void {
    this.fail(this.isUncertain ? new UnknownOutcomeError(this.command.what, reason, this.trouble) : error);
  }

  onDeadline(): void {
    const { what } = this.command;
    const reason = `no answer came within ${this.#timeoutMs} ms`;
    this.giveUp(reason, new TimeoutError(what, this.#timeoutMs, this.trouble));
  }

  #end(): void {
    this.isOver = true;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#signal = undefined;
    this.#onOver(this);
  }

  readonly #onAbort = () => {
    this.fail(new AbortedError(this.command.what, this.#signal?.reason));
  };
}
