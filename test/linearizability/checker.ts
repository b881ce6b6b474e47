/**
 * Is there an order of all operations, true to real time, in which each would have had its outcome? (Herlihy and Wing)
 *
 * Keys are independent, so each is searched alone, by the algorithm of Wing and Gong with the memory of Lowe: take any
 * operation that was called before the first pending return, if its outcome fits the state; when stuck, take the last
 * one back; and never look twice at the same state with the same operations done.
 *
 * Operations of unknown outcome may take effect at any later time, so each would double the search. It stays small
 * because one is tried only when no other fits and only if it changes the state, and because those that nobody can tell
 * apart are taken in the order of their calls: had they taken effect in another order, nobody would have noticed.
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
  /** For an unknown outcome: the operation called before it that nobody can tell from this one. */
  readonly alike: Event | undefined;
  previous: Event | undefined;
  next: Event | undefined;
}

class Search {
  readonly #key: string;
  readonly #operations: readonly Operation[];
  readonly #head: Event;
  /** Values that were read. */
  readonly #read: ReadonlySet<string>;
  readonly #done: Uint32Array;
  readonly #seen = new Map<string, Uint32Array[]>();
  readonly #taken: { readonly event: Event; readonly before: KeyState }[] = [];
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
    let state: KeyState;
    let event = this.#next(this.#head, { isKnown: true });
    while (this.#returnsLeft > 0) {
      if (event === undefined) {
        const last = this.#takeBack();
        if (last === undefined) return this.#violation();
        state = last.before;
        event = this.#next(last.event, { isKnown: isComplete(last.event.operation) });
        continue;
      }
      const isKnown = isComplete(event.operation);
      const after = step(state, event.operation);
      if (after === 'illegal' || (!isKnown && after === state) || !this.#isNew(event, after)) {
        event = this.#next(event, { isKnown });
        continue;
      }
      this.#take(event, state);
      state = after;
      event = this.#next(this.#head, { isKnown: true });
    }
    return undefined;
  }

  /** The next operation behind `from` that may come first: those of a known outcome, then the others. */
  #next(from: Event, { isKnown }: { isKnown: boolean }): Event | undefined {
    for (let event = from.next; event !== undefined && !event.isReturn; event = event.next) {
      if (isComplete(event.operation) === isKnown && !this.#isOutOfTurn(event)) return event;
    }
    return isKnown ? this.#next(this.#head, { isKnown: false }) : undefined;
  }

  #isOutOfTurn({ alike }: Event): boolean {
    return alike !== undefined && !this.#isDone(alike.id);
  }

  #take(event: Event, before: KeyState): void {
    this.#taken.push({ event, before });
    this.#flip(event.id);
    unlink(event);
    if (event.matchingReturn !== undefined) {
      unlink(event.matchingReturn);
      this.#returnsLeft -= 1;
    }
    if (this.#taken.length > this.#longest.length)
      this.#longest = this.#taken.map((taken) => taken.event.operation);
  }

  #takeBack(): { readonly event: Event; readonly before: KeyState } | undefined {
    const last = this.#taken.pop();
    if (last === undefined) return undefined;
    if (last.event.matchingReturn !== undefined) {
      relink(last.event.matchingReturn);
      this.#returnsLeft += 1;
    }
    relink(last.event);
    this.#flip(last.event.id);
    return last;
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

function isComplete({ outcome }: Operation): boolean {
  return outcome.type !== 'unknown';
}

/** All calls and known returns in the order of time; at the same time, calls come first. Returns the list's head. */
function eventList(operations: readonly Operation[], read: ReadonlySet<string>): Event {
  const events: { readonly time: number; readonly event: Event }[] = [];
  const lastAlike = new Map<string, Event>();
  for (const [id, operation] of operations.entries()) {
    const kind = isComplete(operation) ? undefined : kindOf(operation, read);
    const alike = kind === undefined ? undefined : lastAlike.get(kind);
    const blank = { operation, id, alike, previous: undefined, next: undefined };
    const matchingReturn = isComplete(operation)
      ? { ...blank, isReturn: true, matchingReturn: undefined }
      : undefined;
    const event = { ...blank, isReturn: false, matchingReturn };
    if (kind !== undefined) lastAlike.set(kind, event);
    events.push({ time: operation.call, event });
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
    alike: undefined,
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
