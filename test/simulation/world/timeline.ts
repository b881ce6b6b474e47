/**
 * What happens when: virtual time, in ms, that jumps from one event to the next. Events of the same time happen in the
 * order in which they were asked for.
 */

import type { Timer } from '../../../src/environment.js';

interface TimedEvent extends Timer {
  readonly atMs: number;
  readonly sequence: number;
  happen: () => void;
}

export class Timeline {
  nowMs = 0;
  /** Events that have happened. */
  steps = 0;
  #nextSequence = 0;
  readonly #heap: TimedEvent[] = [];

  /** Has the event happen after `delayMs`, unless it is cancelled. */
  after(delayMs: number, happen: () => void): Timer {
    return this.at(this.nowMs + delayMs, happen);
  }

  /** Has the event happen then, or now if that is past, unless it is cancelled. */
  at(atMs: number, happen: () => void): Timer {
    const event: TimedEvent = {
      atMs: Math.max(atMs, this.nowMs),
      sequence: this.#nextSequence,
      happen,
      cancel: () => {
        event.happen = CANCELLED;
      },
    };
    this.#nextSequence += 1;
    this.#heap.push(event);
    this.#siftUp(this.#heap.length - 1);
    return event;
  }

  /** Lets the next event happen; returns false when there is none before `endMs`. */
  step(endMs: number): boolean {
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= endMs; next = this.#heap[0]) {
      this.#removeFirst();
      if (next.happen === CANCELLED) continue;
      this.nowMs = next.atMs;
      this.steps += 1;
      next.happen();
      return true;
    }
    return false;
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#siftDown();
  }

  #siftUp(from: number): void {
    for (let child = from; child > 0; ) {
      const parent = (child - 1) >> 1;
      if (!this.#swapIfEarlier(child, parent)) return;
      child = parent;
    }
  }

  #siftDown(): void {
    for (let parent = 0; ; ) {
      const left = 2 * parent + 1;
      const earlier = this.#isEarlier(left + 1, left) ? left + 1 : left;
      if (!this.#swapIfEarlier(earlier, parent)) return;
      parent = earlier;
    }
  }

  #isEarlier(a: number, b: number): boolean {
    const first = this.#heap[a];
    const second = this.#heap[b];
    if (first === undefined) return false;
    if (second === undefined) return true;
    return first.atMs < second.atMs || (first.atMs === second.atMs && first.sequence < second.sequence);
  }

  #swapIfEarlier(child: number, parent: number): boolean {
    const lower = this.#heap[child];
    const upper = this.#heap[parent];
    if (lower === undefined || upper === undefined || !this.#isEarlier(child, parent)) return false;
    this.#heap[child] = upper;
    this.#heap[parent] = lower;
    return true;
  }
}

function CANCELLED(): void {}
