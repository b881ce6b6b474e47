/**
 * What all watchers of one prefix were told, put together: the same change of each revision, and to each watcher all of them
 * between the first one and the last, once and in order. What is told of the state is judged by the changes, too.
 */

import type { Change } from '../../src/client/index.js';
import { firstNotBelow } from './availability.js';
import { nameOf } from './values.js';

type KeyChange = Extract<Change, { readonly key: string }>;

/** Revisions from which a watcher was told all changes: after `from`, up to `to`. */
interface Stretch {
  readonly watcher: string;
  readonly from: number;
  to: number;
  count: number;
}

/** What a watcher took for the state at a revision: the revision of each key. */
interface ToldState {
  readonly watcher: string;
  readonly revision: number;
  readonly keys: ReadonlyMap<string, number>;
}

export class ToldChanges {
  readonly #onFinding: (what: string) => void;
  /** Each change in a few words, by its revision. */
  readonly #changes = new Map<number, string>();
  /** The revisions of each key's changes; negative where the key is gone by it. */
  readonly #byKey = new Map<string, number[]>();
  readonly #revisionOfValue = new Map<string, number>();
  readonly #stretches: Stretch[] = [];
  readonly #states: ToldState[] = [];

  constructor(onFinding: (what: string) => void) {
    this.#onFinding = onFinding;
  }

  get count(): number {
    return this.#changes.size;
  }

  get states(): number {
    return this.#states.length;
  }

  /** A watcher was told of it, as a change or as part of the state. */
  note(watcher: string, change: KeyChange): void {
    const { key, revision } = change;
    const text =
      change.type === 'set'
        ? `set ${key} ${change.version} ${nameOf(change.value)}`
        : `${change.type} ${key}`;
    const known = this.#changes.get(revision);
    if (known === text) return;
    if (known !== undefined) {
      this.#onFinding(`${watcher} was told "${text}" at ${revision}, and another one "${known}"`);
      return;
    }
    this.#changes.set(revision, text);
    const isGone = change.type === 'deleted' || change.type === 'expired';
    const revisions = this.#byKey.get(key) ?? [];
    revisions.push(isGone ? -revision : revision);
    this.#byKey.set(key, revisions);
    if (change.type !== 'set') return;
    const value = nameOf(change.value);
    const before = this.#revisionOfValue.get(value);
    if (before !== undefined) this.#onFinding(`${value} was written twice, at ${before} and at ${revision}`);
    this.#revisionOfValue.set(value, revision);
  }

  /** Whether a watcher was told of the write of that value, which nobody writes twice. */
  hasSeen(value: string): boolean {
    return this.#revisionOfValue.has(value);
  }

  /** All changes since the first watch, each as its kind and key; undefined if there are some that no watcher was told of. */
  inOrder(): readonly string[] | undefined {
    if (this.#knownRevisions().length !== 1) return undefined;
    const revisions = [...this.#changes.keys()].sort((a, b) => a - b);
    return revisions.map((revision) => this.#changes.get(revision)?.split(' ', 2).join(' ') ?? '');
  }

  /** A watcher knows the state as it was at that revision. */
  noteState(watcher: string, revision: number, keys: ReadonlyMap<string, number>): void {
    this.#states.push({ watcher, revision, keys: new Map(keys) });
  }

  /** A watcher is told all changes after that revision; call {@link goOn} with each. */
  begin(watcher: string, from: number): Stretch {
    const stretch = { watcher, from, to: from, count: 0 };
    this.#stretches.push(stretch);
    return stretch;
  }

  goOn(stretch: Stretch, { revision }: KeyChange): void {
    const { watcher, to } = stretch;
    if (revision <= to) this.#onFinding(`${watcher} was told of ${revision} after ${to}`);
    stretch.to = revision;
    stretch.count += 1;
  }

  /** Once all was told. */
  check(): void {
    const revisions = [...this.#changes.keys()].sort((a, b) => a - b);
    for (const { watcher, from, to, count } of this.#stretches) {
      const all = firstNotBelow(revisions, to + 1, Number) - firstNotBelow(revisions, from + 1, Number);
      if (all !== count)
        this.#onFinding(`${watcher} was told of ${count} changes after ${from} up to ${to}, of ${all}`);
    }
    const known = this.#knownRevisions();
    for (const [key, all] of this.#byKey) {
      const ofKey = all.toSorted((a, b) => Math.abs(a) - Math.abs(b));
      for (const state of this.#states) this.#checkKey(state, key, ofKey, known);
    }
  }

  #checkKey(
    { watcher, revision, keys }: ToldState,
    key: string,
    ofKey: readonly number[],
    known: readonly Pick<Stretch, 'from' | 'to'>[],
  ): void {
    const last = ofKey[firstNotBelow(ofKey, revision + 1, Math.abs) - 1];
    if (last === undefined) return;
    const told = keys.get(key);
    if (told === (last < 0 ? undefined : last)) return;
    // What nobody was told of may have come between.
    if (!known.some(({ from, to }) => from < Math.abs(last) && revision <= to)) return;
    const what = last < 0 ? 'it was gone' : `it was last changed at ${last}`;
    this.#onFinding(
      `${watcher} was told of ${key} ${told ?? 'nothing'} in the state at ${revision}, and ${what}`,
    );
  }

  /** From where to where every change is known: stretches that overlap, put together. */
  #knownRevisions(): readonly Pick<Stretch, 'from' | 'to'>[] {
    const known: { from: number; to: number }[] = [];
    for (const { from, to } of this.#stretches.toSorted((a, b) => a.from - b.from)) {
      const last = known.at(-1);
      if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to);
      else known.push({ from, to });
    }
    return known;
  }
}

/** One watch, from its begin to its end. */
export class ToldWatcher {
  readonly #told: ToldChanges;
  readonly #name: string;
  readonly #nowNs: () => number;
  /** The state as it is told: the revision of each key. */
  readonly keys = new Map<string, number>();
  #stretch: Stretch | undefined;
  #isTellingAll: boolean;
  #resets = 0;
  #hasSeenState = false;
  /** Since when it was told everything without a gap; undefined while it was not. */
  sinceNs: number | undefined;

  constructor(told: ToldChanges, name: string, isTellingAll: boolean, nowNs: () => number) {
    this.#told = told;
    this.#name = name;
    this.#isTellingAll = isTellingAll;
    this.#nowNs = nowNs;
  }

  /** Whether it knows the state. */
  get isSynced(): boolean {
    return !this.#isTellingAll;
  }

  /** Whether it was told all keys, at its begin or since. */
  get hasSeenState(): boolean {
    return this.#hasSeenState;
  }

  get resets(): number {
    return this.#resets;
  }

  take(change: Change): void {
    switch (change.type) {
      case 'reset':
        this.keys.clear();
        this.#stretch = undefined;
        this.#isTellingAll = true;
        this.#resets += 1;
        this.sinceNs = undefined;
        return;
      case 'synced':
        this.#isTellingAll = false;
        this.#hasSeenState = true;
        this.#told.noteState(this.#name, change.revision, this.keys);
        this.#stretch = this.#told.begin(this.#name, change.revision);
        this.sinceNs = this.#nowNs();
        return;
      case 'flushed':
        throw new TypeError('nobody flushes here');
      default:
        this.#takeChange(change);
    }
  }

  #takeChange(change: KeyChange): void {
    const isGone = change.type === 'deleted' || change.type === 'expired';
    if (isGone) this.keys.delete(change.key);
    else this.keys.set(change.key, change.revision);
    this.#told.note(this.#name, change);
    if (this.#isTellingAll) return;
    this.#stretch ??= this.#told.begin(this.#name, change.revision - 1);
    this.sinceNs ??= this.#nowNs();
    this.#told.goOn(this.#stretch, change);
  }
}
