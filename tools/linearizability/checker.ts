/**
 * Is there an order of all operations, true to real time, in which each would have had its outcome? (Herlihy and Wing)
 *
 * Keys are independent, so each is searched alone, by the algorithm of Wing and Gong with the memory of Lowe: take any
 * operation that was called before the first pending return, if its outcome fits the state; when stuck, go on from
 * somewhere else; and never look twice at the same state with the same operations done.
 *
 * What keeps the search small: an operation that fits and changes nothing is taken at once, for it could not be in the
 * way of any other. A value is not overwritten before all have read it who ever did, and then by the one that is known to have
 * replaced it. A write of unknown outcome whose value was read has happened, before that read returned. The others are taken
 * sparingly: only where somebody could tell; the search goes on from where the fewest were taken, as compared with others that
 * came as far; and what was stuck with some of them left is not tried with fewer. Of those that nobody can tell apart, the one
 * called first is taken first: had they taken effect in another order, nobody would have noticed. Where a cas would do, a set
 * is spared, which does anywhere. Operations whose place in the log is known are taken in that order. And states are the same
 * if nothing that is left can tell them apart.
 */

import { Agenda, type Reached } from './agenda.js';
import { Chains, type Front, isDone, type Known, type Link, type Spot } from './chains.js';
import { type Kind, kindsOf, wantedBy } from './guesses.js';
import type { Action, Operation } from './history.js';
import { type KeyState, step } from './model.js';
import { replacedBy, withWitnesses } from './witnesses.js';

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
   * After this many places for each of its operations, and some more; comparing {@link COMPARED_PER_PLACE} numbers counts as a
   * place. A history that has an order takes some six; one that has none may take more than anybody can wait for.
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
const COMPARED_PER_PLACE = 1_000;

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

/** An order of operations, from the last one on. */
interface Order {
  readonly last: Operation;
  readonly before: Order | undefined;
}

/** A place in the search: an order of some of the operations, and what it led to. */
interface Place extends Reached {
  readonly order: Order | undefined;
  readonly length: number;
  readonly state: KeyState;
  /** The known operations that are in the order. */
  readonly front: Front;
  /** How many of each kind of unknown outcome are. */
  readonly used: readonly number[];
}

class Search {
  readonly #key: string;
  readonly #chains: Chains;
  readonly #kinds: readonly Kind[];
  /** The places of the kinds in {@link #kinds}, by the version in which they take effect; undefined for any. */
  readonly #kindsByExpected = new Map<number | undefined, number[]>();
  /** By value, the known operations that read it, and that replaced it. Of values that cannot come twice. */
  readonly #readers: ReadonlyMap<string, readonly Spot[]>;
  readonly #replacers: ReadonlyMap<string, readonly Spot[]>;
  /** What guesses would replace. */
  readonly #wanted: ReadonlySet<string>;
  /** Later values are made of earlier ones. */
  readonly #isBuiltOn: boolean;
  /** Versions only grow, as the key is never deleted. */
  readonly #isNeverDeleted: boolean;
  /** By the known operations done and the state they led to: what was used besides. */
  readonly #seen = new Map<string, (readonly number[])[]>();
  readonly #twins = new Agenda<Place>();
  readonly #agenda = new Agenda<Place>();
  /** What an operation is in the history, where more is known of it by others. */
  readonly #originals: ReadonlyMap<Operation, Operation>;
  #longest: Place;
  /** What was remembered so far takes about as much. */
  #bytes = 0;
  /** Of the counts of guesses in two places. */
  #comparisons = 0;

  constructor(key: string, unsorted: readonly Operation[]) {
    this.#key = key;
    this.#originals = withWitnesses(unsorted);
    const operations = [...this.#originals.keys()].sort((a, b) => a.call - b.call);
    this.#chains = new Chains(operations.filter(hasHappened).map((operation) => this.#knownOf(operation)));
    const guesses = operations.filter((operation) => !hasHappened(operation));
    this.#isBuiltOn = operations.some(({ action }) => BUILDS.has(action.op));
    const canRepeat = operations.some(({ action }) => action.op === 'increment');
    this.#readers = canRepeat ? new Map() : this.#chains.spotsBy(valueRead);
    this.#replacers = canRepeat ? new Map() : this.#chains.spotsBy(replacedBy);
    this.#isNeverDeleted = !operations.some(({ action }) => action.op === 'delete');
    this.#wanted = wantedBy(guesses);
    this.#kinds = kindsOf(guesses, { isBuiltOn: this.#isBuiltOn });
    for (const [place, { expected }] of this.#kinds.entries())
      this.#kindsByExpected.set(expected, [...(this.#kindsByExpected.get(expected) ?? []), place]);
    this.#longest = {
      order: undefined,
      length: 0,
      state: undefined,
      front: this.#chains.start,
      firstLeft: 0,
      used: this.#kinds.map(() => 0),
      guesses: 0,
    };
  }

  run({ perOperation, besides, bytes }: SearchLimits): Violation | undefined {
    const maxPlaces = perOperation * this.#originals.size + besides;
    const placesLike = () => Math.floor(this.#comparisons / COMPARED_PER_PLACE);
    let next: Place | undefined = this.#longest;
    for (
      let places = 0;
      next !== undefined && places + placesLike() < maxPlaces && this.#bytes < bytes;
      places += 1
    ) {
      const place = this.#settle(next);
      if (place.length > this.#longest.length) this.#longest = place;
      if (this.#chains.firstReturn(place.front) === Number.POSITIVE_INFINITY) return undefined;
      const novelty = this.#noveltyOf(place);
      if (novelty === 'new') this.#branch(place);
      if (novelty === 'twin') this.#twins.add(place);
      next = this.#agenda.take();
      if (next === undefined) next = this.#untwin();
    }
    return this.#violation({ isCertain: next === undefined });
  }

  #knownOf(operation: Operation): Known {
    // One whose own client was told nothing may have taken effect after those that it was told of.
    const isInStream = this.#originals.get(operation)?.outcome.type !== 'unknown';
    return { operation, isComplete: isComplete(operation), isInStream };
  }

  /** Goes on from the latest twin, when there is nothing else to go on from. */
  #untwin(): Place | undefined {
    for (let twin = this.#twins.take(); twin !== undefined; twin = this.#twins.take()) {
      this.#branch(twin);
      const next = this.#agenda.take();
      if (next !== undefined) return next;
    }
    return undefined;
  }

  /** Takes all that changes nothing. */
  #settle(place: Place): Place {
    const front = [...place.front];
    const { state } = place;
    let { order, length } = place;
    for (let before = -1; before !== length; ) {
      before = length;
      const until = this.#chains.firstReturn(front);
      for (let chain = 0; chain < front.length; chain += 1) {
        let link = this.#chains.next(front, chain);
        while (
          link !== undefined &&
          this.#canCome(front, link, until) &&
          step(state, link.operation) === state
        ) {
          front[chain] = (front[chain] ?? 0) + 1;
          order = { last: link.operation, before: order };
          length += 1;
          link = this.#chains.next(front, chain);
        }
      }
    }
    if (length === place.length) return place;
    return { ...place, order, length, front, firstLeft: this.#chains.firstLeft(front) };
  }

  #canCome(front: Front, link: Link, until: number): boolean {
    return link.operation.call <= until && this.#chains.isItsTurn(front, link);
  }

  /** Notes all places that may follow by an operation that changes the state, those to go on from first last. */
  #branch(place: Place): void {
    const { state, front } = place;
    if (state !== undefined && this.#isLeft(this.#readers.get(state.value), front)) return;
    const isReplaced = state !== undefined && this.#isLeft(this.#replacers.get(state.value), front);
    const until = this.#chains.firstReturn(front);
    if (!isReplaced) for (const guess of this.#guesses(place, until)) this.#agenda.add(guess);
    const next: { readonly chain: number; readonly link: Link }[] = [];
    for (let chain = 0; chain < front.length; chain += 1) {
      const link = this.#chains.next(front, chain);
      if (link !== undefined && this.#canCome(front, link, until)) next.push({ chain, link });
    }
    next.sort((a, b) => b.link.index - a.link.index);
    for (const { chain, link } of next) {
      const after = step(state, link.operation);
      const replaces = !isReplaced || replacedBy(link.operation) === state?.value;
      if (after !== 'illegal' && replaces)
        this.#agenda.add(this.#placeAfter(place, chain, link.operation, after));
    }
  }

  #isLeft(spots: readonly Spot[] | undefined, front: Front): boolean {
    return spots?.some((spot) => !isDone(front, spot)) === true;
  }

  /** The places that may follow by an operation of unknown outcome. */
  #guesses(place: Place, until: number): Place[] {
    const { state } = place;
    const versions = state === undefined ? [undefined] : [undefined, state.version];
    const isVersionTold = this.#isVersionTold(place);
    const guesses = versions.flatMap((expected) =>
      (this.#kindsByExpected.get(expected) ?? []).flatMap(
        (kind) => this.#takeUnknown(place, kind, { until, isVersionTold }) ?? [],
      ),
    );
    const hasCas = guesses.some(({ order }) => order?.last.action.op === 'cas');
    return hasCas ? guesses.filter(({ order }) => order?.last.action.op !== 'set') : guesses;
  }

  /** Whether anything that is left can tell the version from a larger one. */
  #isVersionTold({ state, front }: Place): boolean {
    return state !== undefined && state.version <= this.#chains.maxVersion(front);
  }

  #placeAfter(place: Place, chain: number, operation: Operation, state: KeyState): Place {
    const front = [...place.front];
    front[chain] = (front[chain] ?? 0) + 1;
    this.#bytes += PLACE_BYTES + NUMBER_BYTES * front.length;
    return {
      order: { last: operation, before: place.order },
      length: place.length + 1,
      state,
      front,
      firstLeft: this.#chains.firstLeft(front),
      used: place.used,
      guesses: place.guesses,
    };
  }

  #takeUnknown(
    place: Place,
    kind: number,
    { until, isVersionTold }: { readonly until: number; readonly isVersionTold: boolean },
  ): Place | undefined {
    const used = place.used[kind] ?? 0;
    const operation = this.#kinds[kind]?.operations[used];
    if (operation === undefined || operation.call > until) return undefined;
    const state = step(place.state, operation);
    if (state === 'illegal' || state === place.state) return undefined;
    // Nobody reads its value: all that it does to a key that is there is that the version grows.
    const isTold = this.#isBuiltOn || place.state === undefined || state === undefined || isVersionTold;
    if (!isTold) return undefined;
    this.#bytes += PLACE_BYTES + NUMBER_BYTES * place.used.length;
    return {
      ...place,
      order: { last: operation, before: place.order },
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
  #noveltyOf(place: Place): 'new' | 'twin' | 'old' {
    const { front, firstLeft, used } = place;
    const name = `${this.#chains.nameOf(front, firstLeft)} ${this.#nameOfState(place)}`;
    const seen = this.#seen.get(name);
    if (seen === undefined) {
      this.#bytes += name.length;
      this.#seen.set(name, [used]);
      return 'new';
    }
    if (seen.some((fewer) => this.#isNoMore(fewer, place))) return 'old';
    seen.push(used);
    return 'twin';
  }

  /** Equal for states that nothing that is left can tell apart. */
  #nameOfState(place: Place): string {
    const { state, front } = place;
    if (state === undefined) return '';
    const version = this.#isVersionTold(place) ? state.version : 'large';
    const isValueTold =
      this.#isBuiltOn ||
      this.#wanted.has(state.value) ||
      this.#isLeft(this.#readers.get(state.value), front) ||
      this.#isLeft(this.#replacers.get(state.value), front);
    return isValueTold ? `${version} ${state.value}` : `${version}`;
  }

  /** Whether whatever can follow here can follow with `fewer` guesses taken, from this state on. */
  #isNoMore(fewer: readonly number[], { used, state }: Place): boolean {
    const version = state?.version ?? 0;
    for (let kind = 0; kind < fewer.length; kind += 1) {
      this.#comparisons += 1;
      if ((fewer[kind] ?? 0) <= (used[kind] ?? 0)) continue;
      const expected = this.#kinds[kind]?.expected;
      if (!this.#isNeverDeleted || expected === undefined || expected >= version) return false;
    }
    return true;
  }

  #violation({ isCertain }: Pick<Violation, 'isCertain'>): Violation {
    const ordered: Operation[] = [];
    for (let { order } = this.#longest; order !== undefined; order = order.before) ordered.push(order.last);
    const taken = new Set(ordered);
    const original = (operation: Operation) => this.#originals.get(operation) ?? operation;
    return {
      key: this.#key,
      isCertain,
      ordered: ordered.reverse().map(original),
      stuck: this.#chains.all
        .filter((operation) => isComplete(operation) && !taken.has(operation))
        .sort((a, b) => a.return - b.return)
        .map(original),
    };
  }
}

/** What the value becomes depends on what it was. */
const BUILDS: ReadonlySet<Action['op']> = new Set(['increment', 'append']);

function valueRead({ outcome }: Operation): string | undefined {
  return outcome.type === 'found' ? outcome.value : undefined;
}

function isComplete({ outcome }: Operation): boolean {
  return outcome.type !== 'unknown';
}

function hasHappened(operation: Operation): boolean {
  return isComplete(operation) || operation.position !== undefined;
}
