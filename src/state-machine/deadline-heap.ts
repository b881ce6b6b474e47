/**
 * Which keys expire next: a binary heap of deadlines, earliest first.
 *
 * When a key is overwritten or deleted, its old deadline stays in the heap; the store sees that it is outdated when it
 * comes up. The store rebuilds the heap when outdated deadlines outnumber the others, so that endless overwrites of one key
 * do not pile them up.
 */

export interface Deadline {
  readonly key: string;
  /** Ms since the epoch. */
  readonly deadlineMs: number;
}

export class DeadlineHeap {
  #heap: Deadline[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** The earliest deadline. */
  get first(): Deadline | undefined {
    return this.#heap[0];
  }

  push(deadline: Deadline): void {
    this.#heap.push(deadline);
    this.#siftUp(this.#heap.length - 1);
  }

  removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#siftDown(0);
  }

  /** Replaces all deadlines by these. */
  rebuild(deadlines: Iterable<Deadline>): void {
    this.#heap = [...deadlines].sort((a, b) => a.deadlineMs - b.deadlineMs);
  }

  #siftUp(from: number): void {
    let child = from;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!this.#swapIfEarlier(child, parent)) return;
      child = parent;
    }
  }

  #siftDown(from: number): void {
    let parent = from;
    while (true) {
      const left = 2 * parent + 1;
      const earlier = this.#timeAt(left + 1) < this.#timeAt(left) ? left + 1 : left;
      if (earlier >= this.#heap.length || !this.#swapIfEarlier(earlier, parent)) return;
      parent = earlier;
    }
  }

  #timeAt(place: number): number {
    return this.#heap[place]?.deadlineMs ?? Number.POSITIVE_INFINITY;
  }

  /** Swaps child and parent when the child is the earlier one, and says whether it was. */
  #swapIfEarlier(child: number, parent: number): boolean {
    const lower = this.#heap[child];
    const upper = this.#heap[parent];
    if (lower === undefined || upper === undefined || lower.deadlineMs >= upper.deadlineMs) return false;
    this.#heap[child] = upper;
    this.#heap[parent] = lower;
    return true;
  }
}
