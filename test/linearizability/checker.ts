/**
 * Is there an order of all operations, true to real time, in which each would have had its outcome? (Herlihy and Wing)
 *
 * Keys are independent, so each is searched alone, by the algorithm of Wing and Gong with the memory of Lowe: take any
 * operation that was called before the first pending return, if its outcome fits the state; when stuck, take the last
 * one back; and never look twice at the same state with the same operations done.
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
  previous: Event | undefined;
  next: Event | undefined;
}

class Search {
  readonly #key: string;
  readonly #operations: readonly Operation[];
  readonly #head: Event;
  readonly #done: Uint32Array;
  readonly #seen = new Map<string, Uint32Array[]>();
  readonly #taken: { readonly event: Event; readonly before: KeyState }[] = [];
  #returnsLeft: number;
  #longest: readonly Operation[] = [];

  constructor(key: string, operations: readonly Operation[]) {
    this.#key = key;
    this.#operations = operations;
    this.#done = new Uint32Array(Math.ceil(operations.length / 32));
    this.#head = eventList(operations);
    this.#returnsLeft = operations.filter(isComplete).length;
  }

  run(): Violation | undefined {
    let state: KeyState;
    let event = this.#head.next;
    while (this.#returnsLeft > 0) {
      if (event === undefined || event.isReturn) {
        const last = this.#takeBack();
        if (last === undefined) return this.#violation();
        state = last.before;
        event = last.event.next;
        continue;
      }
      const after = step(state, event.operation);
      if (after === 'illegal' || !this.#isNew(event, after)) {
        event = event.next;
        continue;
      }
      this.#take(event, state);
      state = after;
      event = this.#head.next;
    }
    return undefined;
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
    const name = `${hash(this.#done)}:${after?.version}:${after?.value}`;
    const seen = this.#seen.get(name) ?? [];
    const isNew = !seen.some((done) => done.every((word, i) => word === this.#done[i]));
    if (isNew) this.#seen.set(name, [...seen, this.#done.slice()]);
    this.#flip(event.id);
    return isNew;
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
function eventList(operations: readonly Operation[]): Event {
  const events: { readonly time: number; readonly event: Event }[] = [];
  for (const [id, operation] of operations.entries()) {
    const blank = { operation, id, previous: undefined, next: undefined };
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
