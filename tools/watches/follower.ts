/** One watch of all keys, and what it was told: each change is to come once, in order, and the same to all who watch. */

import type { Change, Watch } from '../../src/client/index.js';

type KeyChange = Extract<Change, { readonly key: string }>;

/** What watchers were told of each revision, and what they found wrong. */
export class ToldRevisions {
  readonly findings: string[] = [];
  readonly #texts = new Map<number, string>();
  readonly #values = new Set<string>();

  /** How many changes there were. */
  get count(): number {
    return this.#texts.size;
  }

  note(who: string, change: KeyChange): void {
    const text = textOf(change);
    const known = this.#texts.get(change.revision);
    if (known !== undefined && known !== text)
      this.findings.push(`${who} was told "${text}" at ${change.revision}, and another one "${known}"`);
    this.#texts.set(change.revision, text);
    if (change.type === 'set') this.#values.add(change.value);
  }

  /** Whether somebody was told that this value, which nobody writes twice, was written. */
  hasSeen(value: string): boolean {
    return this.#values.has(value);
  }
}

export class Follower {
  /** The state, as it is told. */
  readonly view = new Map<string, string>();
  /** How often it was told that changes were missed. */
  resets = 0;
  readonly #name: string;
  readonly #told: ToldRevisions;
  readonly #watch: Watch;
  /** The last revision that it was told of; undefined while it is told the state, and before the first change. */
  #last: number | undefined;
  #isToldState: boolean;

  /** @param isToldState whether the watch begins with the state */
  constructor(name: string, watch: Watch, isToldState: boolean, told: ToldRevisions) {
    this.#name = name;
    this.#watch = watch;
    this.#isToldState = isToldState;
    this.#told = told;
  }

  /** Goes on to the end of the watch. */
  async run(): Promise<void> {
    try {
      for await (const change of this.#watch) this.#take(change);
    } catch (error) {
      this.#told.findings.push(`${this.#name} ended in ${String(error)}`);
    }
  }

  async end(): Promise<void> {
    await this.#watch.return();
  }

  #take(change: Change): void {
    switch (change.type) {
      case 'reset':
        this.resets += 1;
        this.view.clear();
        this.#isToldState = true;
        return;
      case 'synced':
        this.#isToldState = false;
        this.#last = change.revision;
        return;
      case 'flushed':
        this.#told.findings.push(`${this.#name} was told that all keys are gone`);
        return;
      default:
        this.#takeChange(change);
    }
  }

  #takeChange(change: KeyChange): void {
    if (change.type === 'set') this.view.set(change.key, change.value);
    else this.view.delete(change.key);
    this.#told.note(this.#name, change);
    if (this.#isToldState) return;
    // All keys are watched, so it is told of every revision that there is.
    if (this.#last !== undefined && change.revision !== this.#last + 1)
      this.#told.findings.push(`${this.#name} was told of ${change.revision} after ${this.#last}`);
    this.#last = change.revision;
  }
}

function textOf(change: KeyChange): string {
  return change.type === 'set'
    ? `set ${change.key} ${change.version} ${change.value}`
    : `${change.type} ${change.key}`;
}
