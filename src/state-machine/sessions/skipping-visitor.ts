/** Reads a command of a batch and does nothing: it was executed before, in an earlier try of its client or of the router. */

import type { RespValue } from '../../protocol/resp/value.js';
import type { ArgSource } from '../arg-source.js';
import type { BatchVisitor, TransactionCommands } from '../batch-visitor.js';
import { PLACE_WORK, type Steps, type Work } from '../work.js';

export interface SkippingOptions {
  /** Told once the command was read; `with key` for those that visitKeys visits. */
  readonly skipped: (command: 'with key' | 'without key') => void;
  /** Given the steps in which a transaction, or a command with many arguments, is read, after which it is skipped. */
  readonly skipSteps: (steps: Steps<RespValue>) => void;
  /** What counts the steps' work. */
  readonly work: () => Work;
  /** What says that other commands follow, which are not skipped. */
  readonly settings: Pick<
    BatchVisitor,
    'valueLimit' | 'workRule' | 'routerStart' | 'dedupe' | 'stride' | 'dedupeEnd'
  >;
}

export class SkippingVisitor implements BatchVisitor {
  readonly #onSkipped: SkippingOptions['skipped'];
  readonly #skipSteps: SkippingOptions['skipSteps'];
  readonly #work: SkippingOptions['work'];
  readonly #settings: SkippingOptions['settings'];

  constructor({ skipped, skipSteps, work, settings }: SkippingOptions) {
    this.#onSkipped = skipped;
    this.#skipSteps = skipSteps;
    this.#work = work;
    this.#settings = settings;
  }

  set(): void {
    this.#onSkipped('with key');
  }

  cas(): void {
    this.#onSkipped('with key');
  }

  casRevision(): void {
    this.#onSkipped('with key');
  }

  add(): void {
    this.#onSkipped('with key');
  }

  deleteIf(): void {
    this.#onSkipped('with key');
  }

  delete(): void {
    this.#onSkipped('with key');
  }

  redis(): void {
    this.#onSkipped('without key');
  }

  longRedis(_name: string, args: ArgSource): void {
    this.#skipSteps(passOverArgs(args, this.#work));
  }

  redisTransaction(_watched: unknown, commands: TransactionCommands): void {
    this.#skipSteps(passOver(commands, this.#work));
  }

  valueLimit(bytes: number): void {
    this.#settings.valueLimit(bytes);
  }

  workRule(number: number): void {
    this.#settings.workRule(number);
  }

  sessionOpen(): void {
    this.#onSkipped('without key');
  }

  sessionClose(): void {
    this.#onSkipped('without key');
  }

  once(): void {
    // The command that is to be executed once follows, and is skipped.
  }

  routerStart(start: string): void {
    this.#settings.routerStart(start);
  }

  dedupe(row: number, connection: number, place: number): void {
    this.#settings.dedupe(row, connection, place);
  }

  stride(bytes: number): void {
    this.#settings.stride(bytes);
  }

  dedupeEnd(): void {
    this.#settings.dedupeEnd();
  }
}

function* passOver(commands: TransactionCommands, work: () => Work): Steps<RespValue> {
  for (let counted = commands.units; commands.left > 0; ) {
    commands.next();
    work().units += commands.units - counted;
    counted = commands.units;
    if (work().isSpent) yield;
  }
  return null;
}

function* passOverArgs(args: ArgSource, work: () => Work): Steps<RespValue> {
  while (args.left > 0) {
    args.next();
    work().units += PLACE_WORK;
    if (work().isSpent) yield;
  }
  return null;
}
