/**
 * What happens when: virtual time, in ms, that jumps from one event to the next. Events of the same time happen in the
 * order in which they were asked for.
 */

interface TimedEvent {
  readonly atMs: number;
  readonly sequence: number;
  readonly happen: () => void;
}

export class Timeline {
  nowMs = 0;
  #nextSequence = 0;
  readonly #heap: TimedEvent[] = [];

  /** Has the event happen after so much time. */
  after(delayMs: number, happen: () => void): void {
    this.at(this.nowMs + delayMs, happen);
  }

  /** Has the event happen then, or now if that is past. */
  at(atMs: number, happen: () => void): void {
    this.#heap.push({ atMs: Math.max(atMs, this.nowMs), sequence: this.#nextSequence, happen });
    this.#nextSequence += 1;
    this.#siftUp(this.#heap.length - 1);
  }

  /** Lets the next event happen; returns false when there is none before `endMs`. */
  step(endMs: number): boolean {
    const first = this.#heap[0];
    if (first === undefined || first.atMs > endMs) return false;
    const last = this.#heap.pop();
    if (last !== undefined && this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#siftDown();
    }
    this.nowMs = first.atMs;
    first.happen();
    return true;
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
