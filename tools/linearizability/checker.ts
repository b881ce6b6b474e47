/**
 * Is there an order of all operations, true to real time, in which each would have had its outcome? (Herlihy and Wing)
 *
 * Keys are independent, so each is searched alone, by the algorithm of Wing and Gong with the memory of Lowe: take any
 * operation that was called before the first pending return, if its outcome fits the state; when stuck, go on from
 * somewhere else; and never look twice at the same state with the same operations done.
 *
 * What keeps the search small: an operation that fits and changes nothing is taken at once, for it could not be in the
 * way of any other. A value is not overwritten before all have read it who ever did. A write of unknown outcome whose
 * value was read has happened, before that read returned. The others are taken sparingly: the search goes on from where
 * the fewest were taken, as compared with others that came as far, and what was stuck with some of them left is not tried
 * with fewer. Of those that nobody can tell apart, the one called first is taken first: had they taken effect in another
 * order, nobody would have noticed. Where a cas would do, a set is spared, which does anywhere. And operations whose place
 * in the log is known are taken in that order.
 */

import { type Action, isRead, type Operation } from './history.js';
import { type KeyState, step } from './model.js';

export interface Violation {
  readonly key: string;
  /** Whether every order was tried; if not, the search was given up, with {@link SEARCH_LIMITS} as the reason. */
  readonly isCertain: boolean;
  /** The longest order that was found before the search got stuck. */
  readonly ordered: readonly Operation[];
  /** Operations that could not be placed after it, the one that had to come next first. */
  readonly stuck: readonly Operation[];
}

/** When the search for a key's order is given up. */
export interface SearchLimits {
  /**
   * After this many places for each of its operations, and some more. A history that has an order takes some six; one that has
   * none may take more than anybody can wait for.
   */
  readonly perOperation: number;
  readonly besides: number;
  /** Once this much was remembered of places, about, freed or not. */
  readonly bytes: number;
}

export const SEARCH_LIMITS: SearchLimits = { perOperation: 100, besides: 1_000_000, bytes: 4_000_000_000 };

/** What a place takes, besides what is listed in it. */
const PLACE_BYTES = 100;
const NUMBER_BYTES = 8;

/**
 * One violation for each key whose operations cannot be ordered; none if the history is linearizable.
 *
 * @param limits when the search for a key's order is given up
 */
export function checkLinearizability(
  history: readonly Operation[],
  limits: SearchLimits = SEARCH_LIMITS,
): Violation[] {
  const byKey = new Map<string, Operation[]>();
  for (const operation of history) {
    const operations = byKey.get(operation.key);
    if (operations === undefined) byKey.set(operation.key, [operation]);
    else operations.push(operation);
  }
  const violations: Violation[] = [];
  for (const [key, operations] of byKey) {
    const violation = new Search(key, operations).run(limits);
    if (violation !== undefined) violations.push(violation);
  }
  return violations;
}

interface Known {
  readonly operation: Operation;
  /** The known operations before it in the log, and on its connection, as far as there are any. */
  readonly turnAfter: readonly number[];
}

/** Operations of unknown outcome that nobody can tell apart, in the order of their calls. */
interface Kind {
  readonly operations: readonly Operation[];
  /** They take effect in this version alone, for a cas; undefined for what does in any. */
  readonly expected: number | undefined;
}

/** A place in the search: an order of some of the operations, and what it led to. */
interface Place {
  readonly previous: Place | undefined;
  /** The last operation in the order; undefined at the start. */
  readonly operation: Operation | undefined;
  readonly length: number;
  readonly state: KeyState;
  /** All known operations below this index are in the order, and those of `done`, which are in order, besides. */
  readonly firstUndone: number;
  readonly done: readonly number[];
  /** How many of each kind of unknown outcome are in the order. */
  readonly used: readonly number[];
  /** How many of those are there in all. */
  readonly guesses: number;
}

class Search {
  readonly #key: string;
  readonly #known: readonly Known[];
  readonly #kinds: readonly Kind[];
  /** The places of the kinds in {@link #kinds}, by the version in which they take effect; undefined for any. */
  readonly #kindsByExpected = new Map<number | undefined, number[]>();
  /** By value, the indexes of the known operations that read it. */
  readonly #readers: ReadonlyMap<string, readonly number[]>;
  /** By the known operations done and the state they led to: what was used besides. */
  readonly #seen = new Map<string, (readonly number[])[]>();
  /** What an operation does depends on the value, not on the version alone. */
  readonly #dependsOnValue: boolean;
  /** Versions only grow, as the key is never deleted. */
  readonly #isNeverDeleted: boolean;
  readonly #twins = new Agenda();
  readonly #agenda = new Agenda();
  /** What an operation is in the history, where more is known of it by others. */
  readonly #originals: ReadonlyMap<Operation, Operation>;
  #longest: Place;
  /** What was remembered so far takes about as much. */
  #bytes = 0;

  constructor(key: string, unsorted: readonly Operation[]) {
    this.#key = key;
    this.#originals = withWitnesses(unsorted);
    const operations = [...this.#originals.keys()].sort((a, b) => a.call - b.call);
    this.#known = inTurn(operations.filter(hasHappened), this.#originals);
    this.#readers = readersOf(this.#known);
    this.#dependsOnValue = operations.some(({ action }) => USES_VALUE.has(action.op));
    this.#isNeverDeleted = !operations.some(({ action }) => action.op === 'delete');
    this.#kinds = kindsOf(operations.filter((operation) => !hasHappened(operation)));
    for (const [place, { expected }] of this.#kinds.entries())
      this.#kindsByExpected.set(expected, [...(this.#kindsByExpected.get(expected) ?? []), place]);
    this.#longest = {
      previous: undefined,
      operation: undefined,
      length: 0,
      state: undefined,
      firstUndone: 0,
      done: [],
      used: this.#kinds.map(() => 0),
      guesses: 0,
    };
  }

  run({ perOperation, besides, bytes }: SearchLimits): Violation | undefined {
    const maxPlaces = perOperation * this.#originals.size + besides;
    let next: Place | undefined = this.#longest;
    for (let places = 0; next !== undefined && places < maxPlaces && this.#bytes < bytes; places += 1) {
      const place = this.#settle(next);
      if (place.length > this.#longest.length) this.#longest = place;
      const callable = this.#callable(place);
      if (callable.isLast) return undefined;
      const novelty = this.#noveltyOf(place);
      if (novelty === 'new') this.#branch(place, callable);
      if (novelty === 'twin') this.#twins.add(place);
      next = this.#agenda.take();
      if (next === undefined) next = this.#untwin();
    }
    return this.#violation({ isCertain: next === undefined });
  }

  /** Goes on from the latest twin, when there is nothing else to go on from. */
  #untwin(): Place | undefined {
    for (let twin = this.#twins.take(); twin !== undefined; twin = this.#twins.take()) {
      this.#branch(twin, this.#callable(twin));
      const next = this.#agenda.take();
      if (next !== undefined) return next;
    }
    return undefined;
  }

  /** Takes all that changes nothing. */
  #settle(from: Place): Place {
    let place = from;
    for (let length = -1; length !== place.length; ) {
      length = place.length;
      for (const index of this.#callable(place).indexes) {
        const after = this.#takeKnown(place, index);
        if (after !== undefined && after.state === place.state) place = after;
      }
    }
    return place;
  }

  /** The known operations that may come next, as nothing that is left returned before they were called. */
  #callable({ firstUndone, done }: Place): Callable {
    const indexes: number[] = [];
    let until = Number.POSITIVE_INFINITY;
    let isLast = true;
    for (let index = firstUndone; ; index += 1) {
      const known = this.#known[index];
      if (known === undefined || known.operation.call > until) break;
      if (done.includes(index)) continue;
      indexes.push(index);
      if (!isComplete(known.operation)) continue;
      until = Math.min(until, known.operation.return);
      isLast = false;
    }
    return { indexes, until, isLast };
  }

  /** Notes all places that may follow by an operation that changes the state, those to go on from first last. */
  #branch(place: Place, { indexes, until }: Callable): void {
    const { state } = place;
    if (state !== undefined && this.#readers.get(state.value)?.some((reader) => !isDone(place, reader)))
      return;
    const versions = state === undefined ? [undefined] : [undefined, state.version];
    const guesses = versions.flatMap((expected) =>
      (this.#kindsByExpected.get(expected) ?? []).flatMap(
        (kind) => this.#takeUnknown(place, kind, until) ?? [],
      ),
    );
    const hasCas = guesses.some(({ operation }) => operation?.action.op === 'cas');
    for (const guess of guesses)
      if (!(hasCas && guess.operation?.action.op === 'set')) this.#agenda.add(guess);
    for (const index of indexes.toReversed()) {
      const after = this.#takeKnown(place, index);
      if (after !== undefined) this.#agenda.add(after);
    }
  }

  #takeKnown(place: Place, index: number): Place | undefined {
    const known = this.#known[index];
    if (known?.turnAfter.every((earlier) => isDone(place, earlier)) !== true) return undefined;
    const { operation } = known;
    const state = step(place.state, operation);
    if (state === 'illegal') return undefined;
    const done = [...place.done, index].sort((a, b) => a - b);
    this.#bytes += PLACE_BYTES + NUMBER_BYTES * done.length;
    let { firstUndone } = place;
    while (done[0] === firstUndone) {
      done.shift();
      firstUndone += 1;
    }
    return { ...place, previous: place, operation, length: place.length + 1, state, firstUndone, done };
  }

  #takeUnknown(place: Place, kind: number, until: number): Place | undefined {
    const used = place.used[kind] ?? 0;
    const operation = this.#kinds[kind]?.operations[used];
    if (operation === undefined || operation.call > until) return undefined;
    const state = step(place.state, operation);
    if (state === 'illegal' || state === place.state) return undefined;
    this.#bytes += PLACE_BYTES + NUMBER_BYTES * place.used.length;
    return {
      ...place,
      previous: place,
      operation,
      length: place.length + 1,
      state,
      used: place.used.with(kind, used + 1),
      guesses: place.guesses + 1,
    };
  }

  /**
   * Whether the same known operations were not yet seen to lead to this state with as few others; or were, with others that
   * cannot be compared.
   */
  #noveltyOf({ firstUndone, done, state, used }: Place): 'new' | 'twin' | 'old' {
    const isValueNeeded = state !== undefined && (this.#dependsOnValue || this.#readers.has(state.value));
    const value = isValueNeeded ? state.value : '';
    const name = `${firstUndone},${done} ${state?.version} ${value}`;
    const seen = this.#seen.get(name);
    if (seen === undefined) {
      this.#bytes += name.length;
      this.#seen.set(name, [used]);
      return 'new';
    }
    if (seen.some((fewer) => this.#isNoMore(fewer, used, state?.version ?? 0))) return 'old';
    seen.push(used);
    return 'twin';
  }

  /** Whether whatever can follow with `used` taken can follow with `fewer`, from this version on. */
  #isNoMore(fewer: readonly number[], used: readonly number[], version: number): boolean {
    return fewer.every((count, place) => {
      if (count <= (used[place] ?? 0)) return true;
      const expected = this.#kinds[place]?.expected;
      return this.#isNeverDeleted && expected !== undefined && expected < version;
    });
  }

  #violation({ isCertain }: Pick<Violation, 'isCertain'>): Violation {
    const ordered: Operation[] = [];
    for (let place: Place | undefined = this.#longest; place !== undefined; place = place.previous)
      if (place.operation !== undefined) ordered.push(place.operation);
    const taken = new Set(ordered);
    const stuck = this.#known.map(({ operation }) => operation);
    const original = (operation: Operation) => this.#originals.get(operation) ?? operation;
    return {
      key: this.#key,
      isCertain,
      ordered: ordered.reverse().map(original),
      stuck: stuck
        .filter((operation) => isComplete(operation) && !taken.has(operation))
        .sort((a, b) => a.return - b.return)
        .map(original),
    };
  }
}

const USES_VALUE: ReadonlySet<Action['op']> = new Set(['swap', 'exchange', 'increment', 'append']);
/** An action with a value that nobody else writes, which is then the key's. */
const WRITES_VALUE: ReadonlySet<Action['op']> = new Set(['set', 'cas', 'swap', 'exchange']);

interface Callable {
  /** In the order of the calls. */
  readonly indexes: readonly number[];
  /** When the first of all that are left returns; what was called later cannot come next. */
  readonly until: number;
  /** Whether nothing is left whose outcome is known. */
  readonly isLast: boolean;
}

/** Places to go on from: those first that took the fewest guesses to come so far, and of these the latest. */
class Agenda {
  /** By how many guesses more were taken than were needed to come so far. */
  readonly #places: Place[][] = [];
  /** By how far it is: the fewest guesses that were taken to come there. */
  readonly #fewest: number[] = [];

  add(place: Place): void {
    const { firstUndone, guesses } = place;
    const fewest = Math.min(guesses, this.#fewest[firstUndone] ?? guesses);
    this.#fewest[firstUndone] = fewest;
    while (this.#places.length <= guesses - fewest) this.#places.push([]);
    this.#places[guesses - fewest]?.push(place);
  }

  take(): Place | undefined {
    return this.#places.find((places) => places.length > 0)?.pop();
  }
}

function isDone({ firstUndone, done }: Place, index: number): boolean {
  return index < firstUndone || done.includes(index);
}

function isComplete({ outcome }: Operation): boolean {
  return outcome.type !== 'unknown';
}

function hasHappened(operation: Operation): boolean {
  return isComplete(operation) || operation.position !== undefined;
}

/** With each operation, those that must come before it. */
function inTurn(operations: readonly Operation[], originals: ReadonlyMap<Operation, Operation>): Known[] {
  const inLog = operations
    .flatMap(({ position }, index) => (position === undefined ? [] : [{ position, index }]))
    .sort((a, b) => a.position - b.position);
  const turns = new Map(inLog.map(({ index }, i) => [index, inLog[i - 1]?.index]));
  const lastOfStream = new Map<number, number>();
  return operations.map((operation, index) => {
    const before = [turns.get(index)];
    // One whose own client was told nothing may have taken effect after those that it was told of.
    if (operation.stream !== undefined && originals.get(operation)?.outcome.type !== 'unknown') {
      before.push(lastOfStream.get(operation.stream));
      lastOfStream.set(operation.stream, index);
    }
    return { operation, turnAfter: before.filter((earlier) => earlier !== undefined) };
  });
}

function readersOf(known: readonly Known[]): Map<string, number[]> {
  const readers = new Map<string, number[]>();
  for (const [index, { operation }] of known.entries()) {
    const { outcome } = operation;
    if (outcome.type !== 'found') continue;
    const others = readers.get(outcome.value);
    if (others === undefined) readers.set(outcome.value, [index]);
    else others.push(index);
  }
  return readers;
}

/**
 * Each operation, as far as it is known, with what it is in the history. A write whose value was read took effect before
 * that read returned, whatever its own client was told.
 */
function withWitnesses(history: readonly Operation[]): Map<Operation, Operation> {
  const witnesses = new Map<string, { return: number; version: number | undefined }>();
  for (const operation of history) {
    const seen = seenBy(operation);
    if (seen === undefined) continue;
    const { return: end } = operation;
    const other = witnesses.get(seen.value);
    const version = seen.version ?? other?.version;
    witnesses.set(seen.value, { return: Math.min(end, other?.return ?? end), version });
  }
  return new Map(
    history.map((operation) => {
      const { action, outcome } = operation;
      const value = 'value' in action && WRITES_VALUE.has(action.op) ? action.value : undefined;
      const witness = value !== undefined && outcome.type === 'unknown' ? witnesses.get(value) : undefined;
      if (witness === undefined) return [operation, operation];
      const known = {
        ...operation,
        outcome: { type: 'stored', version: witness.version },
        return: witness.return,
      } as const;
      return [known, operation];
    }),
  );
}

/** The value that the operation is known to have met. */
function seenBy({ action, outcome }: Operation): Seen | undefined {
  if (outcome.type === 'found') return outcome;
  if (outcome.type === 'swapped') return outcome.before === undefined ? undefined : { value: outcome.before };
  if (action.op !== 'exchange' || outcome.type !== 'stored') return undefined;
  return action.expected === undefined ? undefined : { value: action.expected };
}

interface Seen {
  readonly value: string;
  readonly version?: number | undefined;
}

/** Two operations are of the same kind if others can know the same of their effects, but for when they were called. */
function kindsOf(guesses: readonly Operation[]): Kind[] {
  const kinds = new Map<string, { operations: Operation[]; expected: number | undefined }>();
  const wanted = new Set(
    guesses.map(({ action }) => (action.op === 'exchange' ? action.expected : undefined)),
  );
  for (const operation of guesses) {
    const { action } = operation;
    if (isRead(action)) continue;
    const expected = action.op === 'cas' ? action.expected : undefined;
    // What was appended shows in all later values, and an exchange may depend on this very value.
    const isTold = 'value' in action && (action.op === 'append' || wanted.has(action.value));
    const value = isTold ? action.value : '';
    const before = action.op === 'exchange' ? action.expected : '';
    const name = `${action.op} ${expected} ${before} ${value}`;
    const kind = kinds.get(name);
    if (kind === undefined) kinds.set(name, { operations: [operation], expected });
    else kind.operations.push(operation);
  }
  return [...kinds.values()];
}
