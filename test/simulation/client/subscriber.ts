/**
 * A client that is subscribed to all events of all keys. When its connection is gone, it subscribes at another server, or at the
 * router. It must be told each event once at most, in order, and none that has not happened. It misses none as long as its
 * connection lasts, except through the router where the next leader has begun with a snapshot.
 */

import { PropertyViolation } from '../../../src/raft/checks/property-violation.js';
import { type EventRecord, RecordPlaces } from '../checks/events.js';
import { PASSWORD } from './admission.js';
import { LastingConnection, type LastingConnectionOptions } from './lasting-connection.js';

export interface SubscriberOptions extends LastingConnectionOptions {
  readonly id: number;
  readonly isRouted: boolean;
  readonly hasPassword: boolean;
  readonly record: EventRecord;
  /** Changes when another server leads. */
  readonly leadership: () => string;
  readonly onViolation: (error: unknown) => void;
  readonly trace: (what: () => string) => void;
}

const PATTERNS = ['__keyspace@0__:*', '__keyevent@0__:*'];
/** What the last leader told may arrive that long after the next one leads. */
const MAX_LATE_MS = 1_000;

export class SimulatedSubscriber {
  readonly #options: SubscriberOptions;
  readonly #places: RecordPlaces;
  #received = '';
  readonly #connection: LastingConnection;
  #isSubscribed = false;
  /** Length of the record when it asked. */
  #from = 0;
  #leadership = '';
  #leadershipChangedMs = 0;

  constructor(options: SubscriberOptions) {
    this.#options = options;
    this.#places = new RecordPlaces(options.record);
    const { record, random, hasPassword } = options;
    this.#connection = new LastingConnection(options, {
      onBegin: () => {
        this.#received = '';
        this.#isSubscribed = false;
      },
      onConnected: () => {
        const auth = hasPassword ? `AUTH ${PASSWORD}\r\n` : '';
        this.#from = record.messages.length;
        const hello = random.chance(0.5) ? 'HELLO 3\r\n' : '';
        this.#connection.send(`PING\r\n${auth}${hello}PSUBSCRIBE ${PATTERNS.join(' ')}\r\n`);
      },
      onBytes: (bytes) => this.#take(bytes),
      onLost: () => {
        this.#isSubscribed = false;
      },
    });
  }

  start(): void {
    this.#connection.connect();
  }

  /** Whether it was told of everything, as far as it must be. */
  get wasToldAll(): boolean {
    return this.#isSubscribed && (this.#places.isAtEnd || this.#mayEverMiss);
  }

  get #mayEverMiss(): boolean {
    return this.#options.isRouted && this.#options.record.hasSnapshots;
  }

  /** To be called after each step. */
  look(): void {
    const leadership = this.#options.leadership();
    if (leadership === this.#leadership) return;
    this.#leadership = leadership;
    this.#leadershipChangedMs = this.#options.world.nowMs;
  }

  #take(bytes: Uint8Array): void {
    this.#received += Buffer.from(bytes).toString('latin1');
    try {
      for (let words = this.#next(); words !== undefined; words = this.#next()) this.#told(words);
    } catch (error) {
      this.#options.onViolation(error);
    }
  }

  /** The words of the next reply or message; undefined until it is there. */
  #next(): string[] | undefined {
    const words: string[] = [];
    let at = 0;
    for (let left = 1; left > 0; left -= 1) {
      const lineEnd = this.#received.indexOf('\r\n', at);
      if (lineEnd === -1) return undefined;
      const line = this.#received.slice(at, lineEnd);
      const [type, rest] = [line[0] ?? '', line.slice(1)];
      at = lineEnd + 2;
      if ('*>'.includes(type)) left += Number(rest);
      else if (type === '%') left += 2 * Number(rest);
      else if (type === '$') {
        const length = Number(rest);
        if (this.#received.length < at + length + 2) return undefined;
        words.push(this.#received.slice(at, at + length));
        at += length + 2;
      } else words.push(type === '-' ? line : rest);
    }
    this.#received = this.#received.slice(at);
    return words;
  }

  #told(words: readonly string[]): void {
    const { id, trace, record } = this.#options;
    trace(() => `subscriber ${id} is told ${words.join(' ')}`);
    const [first = '', , channel = '', payload = ''] = words;
    if (first === 'psubscribe') {
      if (words.at(-1) !== `${PATTERNS.length}`) return;
      this.#isSubscribed = true;
      this.#places.begin(this.#from, record.messages.length);
    } else if (first === 'pmessage') this.#message(`${channel} ${payload}`);
    else if (first.startsWith('-') && !first.startsWith('-NOAUTH')) {
      // No leader: it is not subscribed, or the password was not taken.
      this.#connection.giveUp();
    }
  }

  #message(message: string): void {
    if (!this.#isSubscribed) this.#wrong(`told ${message} before it is subscribed`);
    const { world } = this.#options;
    const mayMiss = this.#mayEverMiss && world.nowMs - this.#leadershipChangedMs <= MAX_LATE_MS;
    if (!this.#places.take(message, mayMiss)) this.#wrong(`told ${message}, which has not happened by then`);
  }

  #wrong(what: string): never {
    throw new PropertyViolation('subscribers', `subscriber ${this.#options.id}: ${what}`);
  }
}
