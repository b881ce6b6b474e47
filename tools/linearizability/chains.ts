/**
 * Operations on one key as chains: each must take effect after the one before it in its chain. How many are done of each
 * chain, a front, says all of where a search is, and only the next of each chain can come next.
 */

import type { Operation } from './history.js';

/** Where an operation is: in which chain, and how many are before it there. */
export interface Spot {
  readonly chain: number;
  readonly at: number;
}

/** Of each chain, how many operations are done. */
export type Front = readonly number[];

/** An operation that certainly took effect. */
export interface Known {
  readonly operation: Operation;
  /** Whether its outcome is known, which was before `operation.return`. */
  readonly isComplete: boolean;
  /** Whether it takes effect after what was asked for before it on its connection. */
  readonly isInStream: boolean;
}

export interface Link {
  readonly operation: Operation;
  /** How many operations were called before it. */
  readonly index: number;
  /** What must come before it, besides what is before it in its chain. */
  readonly turnAfter: readonly Spot[];
  /** When the first returns of this and of those after it in its chain. */
  readonly firstReturn: number;
  /** No version above this one makes a difference to this and to those after it in its chain. */
  readonly maxVersion: number;
}

export class Chains {
  readonly #chains: readonly (readonly Link[])[];

  /** @param sorted by their calls */
  constructor(sorted: readonly Known[]) {
    const { chains, spots } = inChains(sorted);
    const turnAfter = turnsOf(sorted, spots);
    this.#chains = chains.map((indexes) => {
      const links: Link[] = [];
      let firstReturn = Number.POSITIVE_INFINITY;
      let maxVersion = 0;
      for (const index of indexes.toReversed()) {
        const known = sorted[index];
        if (known === undefined) continue;
        const { operation, isComplete } = known;
        if (isComplete) firstReturn = Math.min(firstReturn, operation.return);
        maxVersion = Math.max(maxVersion, versionThatMatters(operation));
        links.push({ operation, index, turnAfter: turnAfter[index] ?? [], firstReturn, maxVersion });
      }
      return links.reverse();
    });
  }

  get start(): Front {
    return this.#chains.map(() => 0);
  }

  get all(): readonly Operation[] {
    return this.#chains.flatMap((links) => links.map(({ operation }) => operation));
  }

  /** The next of a chain; undefined if all of it is done. */
  next(front: Front, chain: number): Link | undefined {
    return this.#chains[chain]?.[front[chain] ?? 0];
  }

  /** Whether nothing stands before this next one of a chain but what is called later than another returns. */
  isItsTurn(front: Front, { turnAfter }: Link): boolean {
    return turnAfter.every((spot) => isDone(front, spot));
  }

  /** When the first of all that are left returns; what was called later cannot come next. Infinity if none does. */
  firstReturn(front: Front): number {
    let first = Number.POSITIVE_INFINITY;
    for (let chain = 0; chain < front.length; chain += 1) {
      const link = this.next(front, chain);
      if (link !== undefined && link.firstReturn < first) first = link.firstReturn;
    }
    return first;
  }

  /** Which of all, by their calls, is the first that is left. */
  firstLeft(front: Front): number {
    let first = Number.POSITIVE_INFINITY;
    for (let chain = 0; chain < front.length; chain += 1) {
      const link = this.next(front, chain);
      if (link !== undefined && link.index < first) first = link.index;
    }
    return first;
  }

  /** No version above this one makes a difference to any that is left. */
  maxVersion(front: Front): number {
    let max = 0;
    for (let chain = 0; chain < front.length; chain += 1) {
      const link = this.next(front, chain);
      if (link !== undefined && link.maxVersion > max) max = link.maxVersion;
    }
    return max;
  }

  /** Says which operations are done: equal for equal fronts alone. */
  nameOf(front: Front, firstLeft: number): string {
    let name = `${firstLeft}`;
    for (let chain = 0; chain < front.length; chain += 1) {
      const done = front[chain] ?? 0;
      const last = this.#chains[chain]?.[done - 1];
      if (last !== undefined && last.index > firstLeft) name += `,${chain}:${done}`;
    }
    return name;
  }

  /** By what `keyOf` says of them, where the operations are. */
  spotsBy(keyOf: (operation: Operation) => string | undefined): Map<string, Spot[]> {
    const spots = new Map<string, Spot[]>();
    for (const [chain, links] of this.#chains.entries())
      for (const [at, { operation }] of links.entries()) {
        const key = keyOf(operation);
        if (key === undefined) continue;
        const others = spots.get(key);
        if (others === undefined) spots.set(key, [{ chain, at }]);
        else others.push({ chain, at });
      }
    return spots;
  }
}

export function isDone(front: Front, { chain, at }: Spot): boolean {
  return (front[chain] ?? 0) > at;
}

/** The largest version with which the operation's outcome could be another than with all larger ones. */
function versionThatMatters({ action, outcome }: Operation): number {
  if (action.op === 'cas') return action.expected;
  return 'version' in outcome ? (outcome.version ?? 0) : 0;
}

/**
 * The operations' indexes in chains, and where each is: after the one before it on its connection, or after one that had returned,
 * after which nothing comes on its own connection.
 */
function inChains(sorted: readonly Known[]): { chains: number[][]; spots: Spot[] } {
  const chains: number[][] = [];
  const spots: Spot[] = [];
  const ofStreams = new Map<number, number[]>();
  for (const [index, known] of sorted.entries()) {
    const stream = streamOf(known);
    if (stream !== undefined) ofStreams.set(stream, [...(ofStreams.get(stream) ?? []), index]);
  }
  const lasts = new Map([...ofStreams].map(([stream, indexes]) => [stream, indexes.at(-1)]));
  const chainOfStream = new Map<number, number>();
  const isEnd = (index: number, next: Known) => {
    const last = sorted[index];
    const stream = last === undefined ? undefined : streamOf(last);
    const isLast = stream === undefined || lasts.get(stream) === index;
    return isLast && hasReturned(last, next);
  };
  for (const [index, known] of sorted.entries()) {
    const stream = streamOf(known);
    const own = stream === undefined ? undefined : chainOfStream.get(stream);
    const found = own ?? chains.findIndex((indexes) => isEnd(indexes.at(-1) ?? 0, known));
    const chain = found < 0 ? chains.push([]) - 1 : found;
    spots.push({ chain, at: chains[chain]?.length ?? 0 });
    chains[chain]?.push(index);
    if (stream !== undefined) chainOfStream.set(stream, chain);
  }
  return { chains, spots };
}

function streamOf({ operation, isInStream }: Known): number | undefined {
  return isInStream ? operation.stream : undefined;
}

function hasReturned(earlier: Known | undefined, { operation }: Known): boolean {
  return earlier?.isComplete === true && earlier.operation.return < operation.call;
}

/** With each operation, the one before it in the log, if there is one, unless it is in the same chain. */
function turnsOf(sorted: readonly Known[], spots: readonly Spot[]): Spot[][] {
  const turns: Spot[][] = sorted.map(() => []);
  const come = (later: number, earlier: number | undefined) => {
    const own = spots[later];
    const before = earlier === undefined ? undefined : spots[earlier];
    if (own === undefined || before === undefined) return;
    const isInChain = before.chain === own.chain && before.at < own.at;
    if (!isInChain) turns[later]?.push(before);
  };
  const inLog = sorted
    .flatMap(({ operation: { position } }, index) => (position === undefined ? [] : [{ position, index }]))
    .sort((a, b) => a.position - b.position);
  for (const [i, { index }] of inLog.entries()) come(index, inLog[i - 1]?.index);
  return turns;
}
