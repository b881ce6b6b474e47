/**
 * Clients that watch the keys that others write: half of them all the time, half again and again from a random moment on, the
 * state first. In the end each must know what a read tells.
 */

import { setTimeout as pause } from 'node:timers/promises';
import type { KvClient, Watch } from '../../src/client/index.js';
import type { Random } from '../support/random.js';
import { nowNs } from './client.js';
import type { Findings } from './findings.js';
import { type HistoryLine, isAcknowledgedWrite } from './history-file.js';
import { ToldChanges, ToldWatcher } from './told-changes.js';
import { valueName } from './values.js';

/** Written once all others have ended, so that each watcher knows the end. */
const END_KEY_SUFFIX = 'end';
const END_CLIENT = 999_999;
const END_TIMEOUT_MS = 20_000;
const MIN_WATCH_MS = 300;
const MAX_WATCH_MS = 4_000;
const MAX_REST_MS = 500;
/** How often, and for how long, one takes nothing of what it is told. */
const STALL_CHANCE = 0.000_5;
const MAX_STALL_MS = 500;

export interface WatchersOptions {
  readonly clients: readonly KvClient[];
  readonly count: number;
  readonly prefix: string;
  readonly random: Random;
  readonly findings: Findings;
}

interface Begun {
  readonly watcher: ToldWatcher;
  readonly watch: Watch;
  readonly ended: Promise<void>;
}

export class Watchers {
  readonly #options: WatchersOptions;
  readonly #told: ToldChanges;
  readonly #writes: { readonly value: string; readonly callNs: number }[] = [];
  readonly #last: Begun[] = [];
  #begun = 0;
  #resets = 0;

  constructor(options: WatchersOptions) {
    this.#options = options;
    this.#told = new ToldChanges((what) => options.findings.add(what));
  }

  get summary(): string {
    return `watchers: ${this.#begun} begun, told of ${this.#told.count} changes and ${this.#told.states} states, ${this.#resets} times that some were missed`;
  }

  /** What is written last. */
  get endKey(): string {
    return `${this.#options.prefix}${END_KEY_SUFFIX}`;
  }

  /** All changes since the begin, each as its kind and key; undefined if there are some that no watcher was told of. */
  get changes(): readonly string[] | undefined {
    return this.#told.inOrder();
  }

  /** An operation was noted in the history. */
  noteWrite(line: HistoryLine): void {
    if (this.#options.count === 0 || !isAcknowledgedWrite(line) || line.value === null) return;
    if (line.key.startsWith(this.#options.prefix))
      this.#writes.push({ value: line.value, callNs: line.call });
  }

  /** Those begin that watch all the time; those of them that are told the state know it. */
  async begin(): Promise<void> {
    for (let id = 0; id < this.#options.count; id += 2) this.#watchAlways(id);
    const giveUpAtMs = performance.now() + END_TIMEOUT_MS;
    while (!this.#last.every(({ watcher }) => watcher.isSynced) && performance.now() < giveUpAtMs)
      await pause(20);
  }

  /** Goes on until told to stop: then each watcher has begun its last watch. */
  async run(isOver: () => boolean): Promise<void> {
    const { count, random } = this.#options;
    const all: Promise<void>[] = [];
    for (let id = 1; id < count; id += 2)
      all.push(this.#watchAnew(id, random.split(`watcher ${id}`), isOver));
    await Promise.all(all);
  }

  /** Once nobody writes any more: has all watchers told of everything, and looks at what they were told. */
  async finish(): Promise<void> {
    const [kv] = this.#options.clients;
    if (kv === undefined || this.#last.length === 0) return;
    const { findings } = this.#options;
    const { endKey } = this;
    await kv.set(endKey, `${valueName(END_CLIENT, 1)}.`);
    const giveUpAtMs = performance.now() + END_TIMEOUT_MS;
    const isAtEnd = ({ watcher }: Begun) => watcher.isSynced && watcher.keys.has(endKey);
    while (!this.#last.every(isAtEnd) && performance.now() < giveUpAtMs) await pause(20);
    const late = this.#last.filter((one) => !isAtEnd(one)).length;
    if (late > 0) findings.add(`${late} watchers were not told of the end in ${END_TIMEOUT_MS} ms`);
    await this.#compare(kv);
    for (const { watch } of this.#last) await watch.return();
    await Promise.all(this.#last.map(({ ended }) => ended));
    this.#told.check();
    this.#checkWrites();
  }

  /** One that begins with the first change that it is told, in every second case; else with the state. */
  #watchAlways(id: number): void {
    this.#last.push(this.#begin(id, id % 4 === 0 ? 0 : undefined));
  }

  async #watchAnew(id: number, random: Random, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await pause(random.between(0, MAX_REST_MS));
      const { watch, ended } = this.#begin(id, 0);
      await pause(random.between(MIN_WATCH_MS, MAX_WATCH_MS));
      await watch.return();
      await ended;
    }
    this.#last.push(this.#begin(id, 0));
  }

  #begin(id: number, from: 0 | undefined): Begun {
    const { clients, prefix, random } = this.#options;
    this.#begun += 1;
    const kv = clients[id % clients.length];
    if (kv === undefined) throw new RangeError('watchers need a client');
    const watch = kv.watch(prefix, from === undefined ? {} : { from });
    const watcher = new ToldWatcher(this.#told, `watcher ${id}`, from === 0, nowNs);
    const ended = this.#take(watch, watcher, random.split(`stalls ${this.#begun}`));
    return { watch, watcher, ended };
  }

  async #take(watch: Watch, watcher: ToldWatcher, random: Random): Promise<void> {
    try {
      for await (const change of watch) {
        watcher.take(change);
        if (random.chance(STALL_CHANCE)) await pause(random.between(0, MAX_STALL_MS));
      }
    } catch (error) {
      this.#options.findings.add(`a watch ended in ${String(error)}`);
    }
    this.#resets += watcher.resets;
  }

  /** What watchers know of the state at the end is what a read tells. */
  async #compare(kv: KvClient): Promise<void> {
    const keys = new Set(this.#last.flatMap(({ watcher }) => [...watcher.keys.keys()]));
    const told = this.#last.filter(({ watcher }) => watcher.isSynced);
    for (const key of keys) {
      const found = await kv.getWithVersion(key);
      for (const { watcher } of told) {
        // One that began with changes does not know keys that did not change since.
        if (watcher.keys.get(key) === found?.revision || !watcher.hasSeenState) continue;
        const what = `takes ${key} for changed at ${watcher.keys.get(key)}, and a read says ${found?.revision}`;
        this.#options.findings.add(`a watcher ${what}`);
      }
    }
  }

  /** Writes that were asked for while some watcher was told everything, and acknowledged, were told to it. */
  #checkWrites(): void {
    const since = this.#last.flatMap(({ watcher }) => watcher.sinceNs ?? []);
    const sinceNs = since.reduce((least, ns) => Math.min(least, ns), Number.POSITIVE_INFINITY);
    for (const { value, callNs } of this.#writes)
      if (callNs > sinceNs && !this.#told.hasSeen(value))
        this.#options.findings.add(`no watcher was told of ${value}, which was acknowledged`);
  }
}
