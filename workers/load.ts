/**
 * Clients that put load on a cluster: reads and writes of a few keys that expire by themselves.
 *
 * Requests are due by the clock, whatever the replies take; those that find too many unanswered are left out, so that
 * a cluster that stalls is not buried under them.
 */

import { connect, type Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import type { LoadStart } from '../src/admin/load.js';

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

const { address, requestsPerS, password }: LoadStart = workerData;

/** One connection. Replies are told apart by their lines: a value, which holds no line feed, is one more. */
class LoadClient {
  answered = 0;
  #socket: Socket | undefined;
  #unanswered = 0;
  #isInValue = false;
  #line = '';

  constructor() {
    this.#connect();
  }

  get hasRoom(): boolean {
    return this.#socket !== undefined && this.#unanswered < UNANSWERED_PER_CONNECTION;
  }

  send(request: string): void {
    this.#unanswered += 1;
    this.#socket?.write(request);
  }

  /** Holds back what is sent until {@link flush}. */
  cork(): void {
    this.#socket?.cork();
  }

  flush(): void {
    this.#socket?.uncork();
  }

  #connect(): void {
    const socket = connect({ ...address, noDelay: true });
    socket.on('connect', () => {
      this.#socket = socket;
      if (password === undefined) return;
      socket.write(`auth ${password}\r\n`);
      // Its reply is no answer to a request.
      this.#unanswered += 1;
      this.answered -= 1;
    });
    socket.on('data', (bytes) => this.#take(bytes));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#socket = undefined;
      this.#unanswered = 0;
      this.#isInValue = false;
      this.#line = '';
      setTimeout(() => this.#connect(), RECONNECT_MS);
    });
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

const clients = Array.from({ length: CONNECTIONS }, () => new LoadClient());
let due = 0;
let lastMs = performance.now();
let next = 0;

function tick(): void {
  const nowMs = performance.now();
  due += ((nowMs - lastMs) / 1000) * requestsPerS;
  lastMs = nowMs;
  for (const client of clients) client.cork();
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
  parentPort?.postMessage(((answered - answeredBefore) * 1000) / (nowMs - reportedMs));
  answeredBefore = answered;
  reportedMs = nowMs;
}

report();
setInterval(tick, TICK_MS);
setInterval(report, REPORT_MS);
