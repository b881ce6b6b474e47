/**
 * A client that watches all keys, first the state and then each change. When its connection is gone it goes on at another
 * server, or at the router, from the revision after the last one that it was told.
 *
 * Each revision is one change, so a watcher of all keys must be told every number once, in order.
 */

import { PropertyViolation } from '../../../src/raft/checks/property-violation.js';
import { PASSWORD } from './admission.js';
import { LastingConnection, type LastingConnectionOptions } from './lasting-connection.js';

export interface WatcherOptions extends LastingConnectionOptions {
  readonly id: number;
  readonly hasPassword: boolean;
  readonly onViolation: (error: unknown) => void;
  readonly trace: (what: () => string) => void;
}

export class SimulatedWatcher {
  readonly #options: WatcherOptions;
  /** What the lines come to: a line's words for each key, with its value. */
  content = new Map<string, string>();
  /** The next revision that it must be told; undefined until it was told the state. */
  next: number | undefined;
  /** The key of the state that was told last, and the revision of the last change since the state began. */
  #lastKey = '';
  #lastChange = 0;
  #received = '';
  readonly #connection: LastingConnection;

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#connection = new LastingConnection(options, {
      onBegin: () => {
        this.#received = '';
      },
      onConnected: () => {
        if (options.hasPassword) this.#connection.send(`auth ${PASSWORD}\r\n`);
        this.#begin();
      },
      onBytes: (bytes) => this.#take(bytes),
    });
  }

  start(): void {
    this.#connection.connect();
  }

  #begin(): void {
    if (this.next === undefined) {
      this.content = new Map();
      this.#lastKey = '';
      this.#lastChange = 0;
    }
    this.#connection.send(`watch * ${this.next ?? 0}\r\n`);
  }

  #take(bytes: Uint8Array): void {
    this.#received += Buffer.from(bytes).toString('latin1');
    try {
      while (this.#takeLine());
    } catch (error) {
      this.#options.onViolation(error);
    }
  }

  #takeLine(): boolean {
    const end = this.#received.indexOf('\r\n');
    if (end === -1) return false;
    const line = this.#received.slice(0, end);
    const words = line.split(' ');
    let after = end + 2;
    let value = '';
    if (words[0] === 'SET') {
      const length = Number(words[5]);
      if (this.#received.length < after + length + 2) return false;
      value = this.#received.slice(after, after + length);
      after += length + 2;
    }
    this.#received = this.#received.slice(after);
    this.#told(words, value);
    return true;
  }

  #told(words: readonly string[], value: string): void {
    const [type = '', first = '', key = '', version = ''] = words;
    const { id, trace } = this.#options;
    trace(() => `watcher ${id} is told ${words.join(' ')}`);
    const revision = Number(first);
    switch (type) {
      case 'OK':
      case 'WATCHING':
        return;
      case 'AT':
        this.#mark(revision);
        return;
      case 'ERR_COMPACTED':
        this.#compacted(revision);
        return;
      case 'SET':
        if (this.#isOfState(revision, key)) this.#lastKey = key;
        else this.#change(revision, key);
        this.content.set(key, `${revision} ${version} ${value}`);
        return;
      case 'DELETED':
      case 'EXPIRED':
        this.#change(revision, key);
        this.content.delete(key);
        return;
      case 'FLUSHED':
        this.#change(revision, '');
        this.content.clear();
        return;
      case 'ERR_INTERNAL':
      case 'ERR_AUTH':
        // No leader: the watch has not begun, or the password was not taken.
        this.#connection.giveUp();
        return;
      default:
        this.#wrong(`told ${words.join(' ')}`);
    }
  }

  /** Whether the line is the key's turn, and no change of a key that was told already. */
  #isOfState(revision: number, key: string): boolean {
    if (this.next !== undefined || key <= this.#lastKey) return false;
    return revision !== 0;
  }

  #change(revision: number, key: string): void {
    if (this.next !== undefined) {
      // Before the first change of a new cluster, revisions are 0.
      if (revision !== this.next && this.next !== 1)
        this.#wrong(`told ${revision}, and ${this.next} is next`);
      this.next = revision + 1;
      return;
    }
    if (revision <= this.#lastChange) this.#wrong(`told ${revision} after ${this.#lastChange}`);
    if (key > this.#lastKey) this.#wrong(`told a change of ${key} before its turn`);
    this.#lastChange = revision;
  }

  #mark(revision: number): void {
    // A write that changes nothing may begin the counting of revisions in a new cluster.
    if (this.next !== undefined && revision !== this.next - 1 && this.next !== 1)
      this.#wrong(`told AT ${revision}, and ${this.next} is next`);
    this.next = revision + 1;
  }

  #compacted(firstKept: number): void {
    // No run makes as many changes as are kept: only a snapshot may cut the history, and nobody resumes from within the state.
    if (this.next !== undefined && firstKept <= this.next)
      this.#wrong(`refused ${this.next}, though it is kept`);
    this.next = undefined;
    this.#begin();
  }

  #wrong(what: string): never {
    throw new PropertyViolation('watch', `watcher ${this.#options.id}: ${what}`);
  }
}
