/**
 * Clients that put load on a cluster: reads and writes of a few keys that expire by themselves.
 *
 * Requests are due by the clock, whatever the replies take; those that find too many unanswered are left out, so that
 * a cluster that stalls is not buried under them.
 */

import { parentPort, workerData } from 'node:worker_threads';
import type { LoadEvent, LoadMessage, LoadStart } from '../src/admin/load.js';

const CONNECTIONS = 16;
const UNANSWERED_PER_CONNECTION = 64;
const KEYS = 1000;
const EXPTIME_S = 60;
const VALUE = 'x'.repeat(64);
const READ_SHARE = 0.5;
const TICK_MS = 10;
const REPORT_MS = 500;
const RECONNECT_MS = 200;
const LINE_FEED = 10;

const { requestsPerS }: LoadStart = workerData;

/** One connection. Replies are told apart by their lines: a value, which holds no line feed, is one more. */
class LoadClient {
  answered = 0;
  readonly #id: number;
  #isOpen = false;
  #requests = '';
  #unanswered = 0;
  #isInValue = false;
  #line = '';

  constructor(id: number) {
    this.#id = id;
    this.#say('connect');
  }

  get hasRoom(): boolean {
    return this.#isOpen && this.#unanswered < UNANSWERED_PER_CONNECTION;
  }

  /** Sent with the next {@link flush}. */
  send(request: string): void {
    this.#unanswered += 1;
    this.#requests += request;
  }

  flush(): void {
    if (this.#requests === '') return;
    this.#say(Buffer.from(this.#requests, 'latin1'));
    this.#requests = '';
  }

  heard(bytes: LoadEvent['bytes']): void {
    if (typeof bytes !== 'string') this.#take(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    else if (bytes === 'open') this.#isOpen = true;
    else {
      this.#isOpen = false;
      this.#unanswered = 0;
      this.#isInValue = false;
      this.#line = '';
      this.#requests = '';
      setTimeout(() => this.#say('connect'), RECONNECT_MS);
    }
  }

  #say(bytes: Uint8Array | 'connect'): void {
    parentPort?.postMessage({ client: this.#id, bytes } satisfies LoadMessage);
  }

  #take(bytes: Buffer): void {
    for (let start = 0; start < bytes.length; ) {
      const end = bytes.indexOf(LINE_FEED, start);
      if (end === -1) {
        this.#line += bytes.toString('latin1', start);
        return;
      }
      const line = this.#line + bytes.toString('latin1', start, end);
      this.#line = '';
      start = end + 1;
      this.#isInValue = !this.#isInValue && line.startsWith('VALUE ');
      if (this.#isInValue) continue;
      this.#unanswered -= 1;
      this.answered += 1;
    }
  }
}

const clients = Array.from({ length: CONNECTIONS }, (_, id) => new LoadClient(id));
parentPort?.on('message', ({ client, bytes }: LoadEvent) => clients[client]?.heard(bytes));
let due = 0;
let lastMs = performance.now();
let next = 0;

function tick(): void {
  const nowMs = performance.now();
  due += ((nowMs - lastMs) / 1000) * requestsPerS;
  lastMs = nowMs;
  let full = 0;
  while (due >= 1 && full < CONNECTIONS) {
    const client = clients[next];
    next = (next + 1) % CONNECTIONS;
    if (client?.hasRoom !== true) {
      full += 1;
      continue;
    }
    full = 0;
    due -= 1;
    client.send(request());
  }
  // What finds no room is left out, but for the fraction of one that is not due yet.
  due %= 1;
  for (const client of clients) client.flush();
}

function request(): string {
  const key = `load:${Math.floor(Math.random() * KEYS)}`;
  return Math.random() < READ_SHARE
    ? `get ${key}\r\n`
    : `set ${key} ${EXPTIME_S} ${VALUE.length}\r\n${VALUE}\r\n`;
}

let answeredBefore = 0;
let reportedMs = performance.now();

/** The first report, of nothing, says that the thread has loaded. */
function report(): void {
  const nowMs = performance.now();
  const answered = clients.reduce((sum, client) => sum + client.answered, 0);
  const answeredPerS = ((answered - answeredBefore) * 1000) / (nowMs - reportedMs);
  parentPort?.postMessage({ answeredPerS } satisfies LoadMessage);
  answeredBefore = answered;
  reportedMs = nowMs;
}

report();
setInterval(tick, TICK_MS);
setInterval(report, REPORT_MS);
