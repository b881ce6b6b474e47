/**
 * Is there an order of all operations, true to real time, in which each would have had its outcome? (Herlihy and Wing)
 *
 * Keys are independent, so each is searched alone, by the algorithm of Wing and Gong with the memory of Lowe: take any
 * operation that was called before the first pending return, if its outcome fits the state; when stuck, take the last
 * one back; and never look twice at the same state with the same operations done.
 *
 * What keeps the search small: an operation that fits and changes nothing is taken at once, for it could not be in the
 * way of any other. One of unknown outcome is tried only when no other fits. Of those that nobody can tell apart, the one
 * called first is taken first: had they taken effect in another order, nobody would have noticed. And operations whose
 * place in the log is known are taken in that order.
 */

import type { Operation } from './history.js';
import { type KeyState, step } from './model.js';

export interface Violation {
  readonly key: string;
  /** The longest order that was found before the search got stuck. */
  readonly ordered: readonly Operation[];
  /** Operations that could not be placed behind it, the one that had to come next first. */
  readonly stuck: readonly Operation[];
}

/** One violation for each key whose operations cannot be ordered; none if the history is linearizable. */
export function checkLinearizability(history: readonly Operation[]): Violation[] {
  const byKey = new Map<string, Operation[]>();
  for (const operation of history) {
    const operations = byKey.get(operation.key);
    if (operations === undefined) byKey.set(operation.key, [operation]);
    else operations.push(operation);
  }
  const violations: Violation[] = [];
  for (const [key, operations] of byKey) {
    const violation = new Search(key, operations).run();
    if (violation !== undefined) violations.push(violation);
  }
  return violations;
}

/** A call or a return in the order of time, in a list from which both of an operation can be lifted and put back. */
interface Event {
  readonly operation: Operation;
  readonly id: number;
  /** The operation's return; undefined for a return itself, and for a call whose outcome was never known. */
  readonly matchingReturn: Event | undefined;
  readonly isReturn: boolean;
  /** The id of an operation that has to be taken before this one. */
  readonly turnAfter: number | undefined;
  previous: Event | undefined;
  next: Event | undefined;
}

/** What is tried first comes first: what changes nothing, then what is known to have happened, then what may have. */
const RANKS = ['unchanging', 'known', 'unknown'] as const;

interface Choice {
  readonly event: Event;
  readonly rank: number;
  readonly before: KeyState;
  readonly after: KeyState;
}

class Search {
  readonly #key: string;
  readonly #operations: readonly Operation[];
  readonly #head: Event;
  /** Values that were read. */
  readonly #read: ReadonlySet<string>;
  readonly #done: Uint32Array;
  readonly #seen = new Map<string, Uint32Array[]>();
  readonly #taken: Choice[] = [];
  #returnsLeft: number;
  #longest: readonly Operation[] = [];

  constructor(key: string, unsorted: readonly Operation[]) {
    const operations = [...unsorted].sort((a, b) => a.call - b.call);
    this.#key = key;
    this.#operations = operations;
    this.#done = new Uint32Array(Math.ceil(operations.length / 32));
    this.#read = new Set(
      operations.flatMap(({ outcome }) => (outcome.type === 'found' ? [outcome.value] : [])),
    );
    this.#head = eventList(operations, this.#read);
    this.#returnsLeft = operations.filter(isComplete).length;
  }

  run(): Violation | undefined {
    let choice = this.#next(this.#head, 0, undefined);
    while (this.#returnsLeft > 0) {
      if (choice === undefined) {
        const last = this.#takeBack();
        if (last === undefined) return this.#violation();
        choice = this.#next(last.event, last.rank, last.before);
        continue;
      }
      this.#take(choice);
      choice = this.#next(this.#head, 0, choice.after);
    }
    return undefined;
  }

  /** The next operation behind `from` that may come first, by rank. */
  #next(from: Event, rank: number, before: KeyState): Choice | undefined {
    for (let event = from.next; event !== undefined && !event.isReturn; event = event.next) {
      if (event.turnAfter !== undefined && !this.#isDone(event.turnAfter)) continue;
      const after = step(before, event.operation);
      if (after === 'illegal' || rankOf(event, before === after) !== RANKS[rank]) continue;
      if (this.#isNew(event, after)) return { event, rank, before, after };
    }
    return rank + 1 < RANKS.length ? this.#next(this.#head, rank + 1, before) : undefined;
  }

  #take(choice: Choice): void {
    const { event } = choice;
    this.#taken.push(choice);
    this.#flip(event.id);
    unlink(event);
    if (event.matchingReturn !== undefined) {
      unlink(event.matchingReturn);
      this.#returnsLeft -= 1;
    }
    if (this.#taken.length > this.#longest.length)
      this.#longest = this.#taken.map((taken) => taken.event.operation);
  }

  /** Takes back the last operation that another one could have been taken for. */
  #takeBack(): Choice | undefined {
    while (true) {
      const last = this.#taken.pop();
      if (last === undefined) return undefined;
      const { event } = last;
      if (event.matchingReturn !== undefined) {
        relink(event.matchingReturn);
        this.#returnsLeft += 1;
      }
      relink(event);
      this.#flip(event.id);
      if (RANKS[last.rank] !== 'unchanging') return last;
    }
  }

  /** Whether the operations done, this one with them, were not yet seen to lead to this state. */
  #isNew(event: Event, after: KeyState): boolean {
    this.#flip(event.id);
    const value = after !== undefined && this.#read.has(after.value) ? after.value : '';
    const name = `${hash(this.#done)}:${after?.version}:${value}`;
    const seen = this.#seen.get(name) ?? [];
    const isNew = !seen.some((done) => done.every((word, i) => word === this.#done[i]));
    if (isNew) this.#seen.set(name, [...seen, this.#done.slice()]);
    this.#flip(event.id);
    return isNew;
  }

  #isDone(id: number): boolean {
    return ((this.#done[id >>> 5] ?? 0) & (1 << (id & 31))) !== 0;
  }

  #flip(id: number): void {
    this.#done[id >>> 5] = (this.#done[id >>> 5] ?? 0) ^ (1 << (id & 31));
  }

  #violation(): Violation {
    const ordered = new Set(this.#longest);
    const stuck = this.#operations.filter((operation) => isComplete(operation) && !ordered.has(operation));
    stuck.sort((a, b) => a.return - b.return);
    return { key: this.#key, ordered: this.#longest, stuck };
  }
}

function rankOf({ operation }: Event, changesNothing: boolean): (typeof RANKS)[number] | undefined {
  const happened = isComplete(operation) || operation.position !== undefined;
  if (changesNothing) return happened ? 'unchanging' : undefined;
  return happened ? 'known' : 'unknown';
}

function isComplete({ outcome }: Operation): boolean {
  return outcome.type !== 'unknown';
}

/** All calls and known returns in the order of time; at the same time, calls come first. Returns the list's head. */
function eventList(operations: readonly Operation[], read: ReadonlySet<string>): Event {
  const events: { readonly time: number; readonly event: Event }[] = [];
  const turns = turnsOf(operations, read);
  for (const [id, operation] of operations.entries()) {
    const turnAfter = turns.get(id);
    const blank = { operation, id, turnAfter, previous: undefined, next: undefined };
    const matchingReturn = isComplete(operation)
      ? { ...blank, isReturn: true, matchingReturn: undefined }
      : undefined;
    events.push({ time: operation.call, event: { ...blank, isReturn: false, matchingReturn } });
    if (matchingReturn !== undefined) events.push({ time: operation.return, event: matchingReturn });
  }
  events.sort((a, b) => a.time - b.time || Number(a.event.isReturn) - Number(b.event.isReturn));
  const [first] = operations;
  if (first === undefined) throw new RangeError('there are no operations');
  const head: Event = {
    operation: first,
    id: -1,
    isReturn: false,
    matchingReturn: undefined,
    turnAfter: undefined,
    previous: undefined,
    next: undefined,
  };
  let last = head;
  for (const { event } of events) {
    event.previous = last;
    last.next = event;
    last = event;
  }
  return head;
}

/** After which other one an operation comes: the one before it in the log, or the one before it of its kind. */
function turnsOf(operations: readonly Operation[], read: ReadonlySet<string>): Map<number, number> {
  const turns = new Map<number, number>();
  const lastOfKind = new Map<string, number>();
  const inLog: { readonly id: number; readonly position: number }[] = [];
  for (const [id, operation] of operations.entries()) {
    const { position } = operation;
    if (position !== undefined) inLog.push({ id, position });
    else if (!isComplete(operation)) {
      const kind = kindOf(operation, read);
      const last = lastOfKind.get(kind);
      if (last !== undefined) turns.set(id, last);
      lastOfKind.set(kind, id);
    }
  }
  inLog.sort((a, b) => a.position - b.position);
  for (const [i, { id }] of inLog.entries()) {
    const before = inLog[i - 1];
    if (before !== undefined) turns.set(id, before.id);
  }
  return turns;
}

/** What others can know of an operation's effect: two of the same kind have the same, but for when they were called. */
function kindOf({ action }: Operation, read: ReadonlySet<string>): string {
  switch (action.op) {
    case 'get':
    case 'delete':
      return action.op;
    case 'set':
      return read.has(action.value) ? `set ${action.value}` : 'set';
    case 'cas':
      return `cas ${action.expected} ${read.has(action.value) ? action.value : ''}`;
  }
}

function unlink(event: Event): void {
  if (event.previous !== undefined) event.previous.next = event.next;
  if (event.next !== undefined) event.next.previous = event.previous;
}

/** Puts an event back between its neighbours; the last one unlinked must be the first one put back. */
function relink(event: Event): void {
  if (event.previous !== undefined) event.previous.next = event;
  if (event.next !== undefined) event.next.previous = event;
}

function hash(words: Uint32Array): number {
  let value = 0;
  for (const word of words) value = (Math.imul(value, 31) + word) | 0;
  return value;
}
