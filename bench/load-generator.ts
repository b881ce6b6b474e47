/**
 * Drives a server with the text protocol, as `redis-benchmark` does with Redis': each connection sends a burst of
 * commands, waits for all the replies, and sends the next. A process of its own; told what to do by its parent.
 */

import { connect, type Socket } from 'node:net';
import { build } from 'hdr-histogram-js';
import type { LoadRequest, LoadResult, Operation } from './load.js';

const LF = 0x0a;
/** A get among so many sets and gets of the mixed load is a set. */
const MIXED_SET_EVERY = 10;

class ReplyCounter {
  #valueBytesLeft = 0;
  #line = '';
  errors = 0;

  /** How many replies end in this chunk. */
  count(chunk: Buffer): number {
    let replies = 0;
    for (let at = 0; at < chunk.length; ) {
      if (this.#valueBytesLeft > 0) {
        const taken = Math.min(this.#valueBytesLeft, chunk.length - at);
        this.#valueBytesLeft -= taken;
        at += taken;
        if (this.#valueBytesLeft === 0) replies += 1;
        continue;
      }
      const lineEnd = chunk.indexOf(LF, at);
      this.#line += chunk.toString('latin1', at, lineEnd === -1 ? chunk.length : lineEnd);
      if (lineEnd === -1) return replies;
      at = lineEnd + 1;
      if (this.#line.startsWith('VALUE')) this.#valueBytesLeft = Number(this.#line.slice(6)) + 2;
      else replies += 1;
      if (this.#line.startsWith('ERR') && !this.#line.startsWith('ERR_NOT_FOUND')) this.errors += 1;
      this.#line = '';
    }
    return replies;
  }
}

class Connection {
  readonly #socket: Socket;
  readonly #load: Load;
  readonly #counter = new ReplyCounter();
  #awaited = 0;
  #sentAtMs = 0;

  constructor(load: Load) {
    this.#load = load;
    this.#socket = connect(load.request.port, '127.0.0.1', () => this.#send());
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (chunk) => this.#receive(chunk));
    this.#socket.on('error', () => load.end(this.#awaited + 1));
  }

  #send(): void {
    const burst = this.#load.burst();
    if (burst === undefined) {
      this.#socket.destroy();
      this.#load.end(this.#counter.errors);
      return;
    }
    this.#awaited = this.#load.request.depth;
    this.#sentAtMs = performance.now();
    this.#socket.write(burst, 'latin1');
  }

  #receive(chunk: Buffer): void {
    this.#awaited -= this.#counter.count(chunk);
    if (this.#awaited > 0) return;
    this.#load.burstDone(performance.now() - this.#sentAtMs);
    this.#send();
  }
}

class Load {
  readonly request: LoadRequest;
  readonly #histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 60_000_000,
    numberOfSignificantValueDigits: 3,
  });
  readonly #done: (result: LoadResult) => void;
  readonly #value: string;
  readonly #startMs = performance.now();
  #issued = 0;
  #key = 0;
  #open: number;
  #errors = 0;

  constructor(request: LoadRequest, done: (result: LoadResult) => void) {
    this.request = request;
    this.#done = done;
    this.#value = 'x'.repeat(request.valueBytes);
    this.#open = request.connections;
    for (let i = 0; i < request.connections; i += 1) new Connection(this);
  }

  /** The next commands of a connection; undefined when enough were sent. */
  burst(): string | undefined {
    if (this.#issued >= this.request.requests) return undefined;
    let burst = '';
    for (let i = 0; i < this.request.depth; i += 1) burst += this.#command();
    return burst;
  }

  burstDone(latencyMs: number): void {
    this.#histogram.recordValue(Math.max(1, Math.round(latencyMs * 1000)));
  }

  /** One connection has no more to do. */
  end(errors: number): void {
    this.#errors += errors;
    this.#open -= 1;
    if (this.#open > 0) return;
    const seconds = (performance.now() - this.#startMs) / 1000;
    const at = (percentile: number) => this.#histogram.getValueAtPercentile(percentile);
    this.#done({
      requestsPerSecond: this.#issued / seconds,
      latencyUs: { p50: at(50), p99: at(99), p999: at(99.9) },
      errors: this.#errors,
    });
  }

  #command(): string {
    this.#issued += 1;
    // A prime stride visits all keys, and neighbours in time are far apart.
    this.#key = (this.#key + 7_919) % this.request.keys;
    const key = `key:${`${this.#key}`.padStart(12, '0')}`;
    if (!this.#isSet(this.request.operation)) return `get ${key}\r\n`;
    return `set ${key} 0 ${this.request.valueBytes}\r\n${this.#value}\r\n`;
  }

  #isSet(operation: Operation): boolean {
    return operation === 'set' || (operation === 'mixed' && this.#issued % MIXED_SET_EVERY === 0);
  }
}

process.on('message', (request: LoadRequest) => {
  new Load(request, (result) => process.send?.(result));
});
