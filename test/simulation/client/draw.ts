/** Draws what a client sends next. */

import type { Random } from '../../../tools/support/random.js';
import { type Command, newValue } from './command.js';
import { costlyCommands } from './costly-commands.js';
import { type FleetingKey, FleetingKeys } from './fleeting-keys.js';
import { LOOK_COUNT, look } from './looks.js';
import {
  MALFORMED_COMMANDS,
  respAppend,
  respDelete,
  respDiscarded,
  respGet,
  respIncrement,
  respMalformed,
  respPing,
  respSet,
  respSwap,
  respTransaction,
} from './resp-commands.js';
import { SUNDRY_COUNT, sundryCommand } from './sundry-commands.js';
import type { ClientTemper } from './temper.js';
import {
  MALFORMED_LINES,
  type SeenRevision,
  textAdd,
  textCas,
  textCasRevision,
  textDelete,
  textGet,
  textMalformed,
  textSet,
} from './text-commands.js';

/** Keys that are only counted up, and keys that are only appended to or deleted. */
const COUNTER = 'counter';
const LOG = 'log';

export interface DrawingOptions {
  readonly client: number;
  readonly random: Random;
  readonly temper: ClientTemper;
  readonly keys: readonly string[];
  /** Keys with a TTL that all clients look at. */
  readonly fleetingKeys: FleetingKey[];
  readonly nowMs: () => number;
  /** The number of the process that runs, or ran last. */
  readonly process: () => number;
}

export class CommandDrawing {
  readonly #options: DrawingOptions;
  readonly #fleeting: FleetingKeys;
  /** Numbers the values. */
  #writes = 0;
  /** The last version of each key that it was told. */
  readonly #versions = new Map<string, number>();
  /** A value of each key, with its revision. */
  readonly #revisions = new Map<string, SeenRevision>();

  constructor(options: DrawingOptions) {
    this.#options = options;
    this.#fleeting = new FleetingKeys(options);
  }

  noteVersion(key: string, version: number): void {
    this.#versions.set(key, version);
  }

  anyKey(): string {
    return this.#options.random.of(this.#options.keys);
  }

  newValue(key: string): string {
    const { client, random, temper } = this.#options;
    this.#writes += 1;
    const byteLength = random.chance(temper.largeRate) ? random.below(temper.largeBytes) : 0;
    return newValue(key, `${client}.${this.#writes}`, byteLength);
  }

  /** One command, or several that belong together. */
  next(): readonly Command[] {
    return this.#options.temper.protocol === 'text' ? [this.#text()] : this.#resp();
  }

  #text(): Command {
    const { random, temper } = this.#options;
    const key = this.anyKey();
    if (random.chance(temper.malformedRate)) return textMalformed(random.of(MALFORMED_LINES));
    if (random.chance(temper.fleetingRate)) return this.#fleeting.next();
    if (random.chance(temper.readRate))
      return textGet(key, random.of(['get', 'getm', 'gets']), (seen) => this.#revisions.set(key, seen));
    const isSilent = random.chance(temper.silentRate);
    const value = this.newValue(key);
    const seen = this.#revisions.get(key);
    switch (random.below(5)) {
      case 0:
        if (seen !== undefined && this.#writes % 2 === 0) return textCasRevision({ key, value }, seen);
        return textCas({ key, value, isSilent }, this.#versions.get(key) ?? 1);
      case 1:
        return random.chance(0.3) ? textDelete(key) : textSet({ key, value });
      case 2:
        return textAdd({ key, value });
      default:
        return textSet({ key, value, isSilent });
    }
  }

  #resp(): readonly Command[] {
    const { random, temper } = this.#options;
    const key = this.anyKey();
    if (random.chance(temper.costlyRate)) return costlyCommands(random);
    if (random.chance(temper.malformedRate)) return [respMalformed(random.of(MALFORMED_COMMANDS))];
    if (random.chance(temper.fleetingRate)) return [this.#fleeting.next()];
    if (random.chance(temper.sundryRate)) return [sundryCommand(random.below(SUNDRY_COUNT))];
    if (random.chance(temper.readRate)) return [this.#respRead(key)];
    if (random.chance(temper.transactionRate))
      return random.chance(0.2)
        ? respDiscarded(key, this.newValue(key))
        : respTransaction(key, this.newValue(key));
    switch (random.below(8)) {
      case 0:
        return [respDelete(random.of([key, LOG]))];
      case 1:
        return [respSwap(key, this.newValue(key))];
      case 2:
        return [respIncrement(COUNTER)];
      case 3:
        return [respAppend(LOG, this.#logLine())];
      case 4:
        return [respPing(`${this.#options.client}.${random.below(1000)}`)];
      default:
        return [respSet(key, this.newValue(key))];
    }
  }

  #respRead(key: string): Command {
    const { random, temper } = this.#options;
    if (temper.readsAtReplicas && random.chance(0.2)) return look(key, random.below(LOOK_COUNT));
    return respGet(random.chance(0.2) ? random.of([COUNTER, LOG]) : key);
  }

  #logLine(): string {
    this.#writes += 1;
    return newValue(LOG, `${this.#options.client}.${this.#writes}`, 0);
  }
}
