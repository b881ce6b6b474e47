/**
 * One connection of the load generator: sends a burst, waits for all its replies, sends the next.
 */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { dial } from '../../support/dial.js';
import type { Scanner } from './reply-scanner.js';
import type { RequestSequence } from './request-sequence.js';
import type { Workload } from './workload.js';

/** The load could not be kept up: refused, disconnected, or no reply for too long. */
export class LoadError extends Error {
  readonly code = 'LOAD_FAILED';

  constructor(message: string) {
    super(message);
    this.name = 'LoadError';
  }
}

/** The round that a connection works for. */
export interface Employer {
  /** How many requests to send now; 0 when there is nothing left to do. */
  nextBurst(): number;
  /** Replies came in, right or wrong, this long after their burst was sent. */
  answered(count: number, latencyUs: number): void;
  wrongReply(what: string): void;
  /** The connection is of no use any more. */
  failed(error: Error): void;
}

type Endpoint = Pick<Workload, 'port' | 'ca' | 'identity'>;

const HOST = '127.0.0.1';
const GREETED = '+OK\r\n';
const READ_BUFFER_BYTES = 64 * 1024;

export class LoadConnection {
  readonly #socket: Socket;
  readonly #sequence: RequestSequence;
  readonly #employer: Employer;
  readonly #scanner: Scanner;
  /** Requests of the current burst that are not answered. */
  #open = 0;
  #sentAtMs = 0;
  /** Bytes of the reply to its greeting that are still to come. */
  #greetingBytes = 0;

  private constructor({ port, ca, identity }: Endpoint, sequence: RequestSequence, employer: Employer) {
    this.#sequence = sequence;
    this.#employer = employer;
    this.#scanner = sequence.dialect.newScanner(sequence, (what) => employer.wrongReply(what));
    if (ca !== undefined) {
      this.#socket = dial(port, HOST, ca, identity).setNoDelay();
      this.#socket.on('data', (bytes: Buffer) => this.#receive(bytes));
      return;
    }
    // Reading into a buffer of our own spares the allocations and the events of a readable stream.
    const buffer = Buffer.allocUnsafe(READ_BUFFER_BYTES);
    const callback = (byteCount: number) => {
      this.#receive(buffer.subarray(0, byteCount));
      return true;
    };
    this.#socket = connect({ port, host: HOST, noDelay: true, onread: { buffer, callback } });
  }

  /** Rejects when nobody listens there. */
  static async open(
    { greeting, ...endpoint }: Endpoint & Pick<Workload, 'greeting'>,
    sequence: RequestSequence,
    employer: Employer,
  ): Promise<LoadConnection> {
    const connection = new LoadConnection(endpoint, sequence, employer);
    await once(connection.#socket, 'connect');
    if (greeting !== undefined) {
      connection.#greetingBytes = GREETED.length;
      connection.#socket.write(`${greeting}\r\n`);
    }
    connection.#socket.once('error', (error) => employer.failed(error));
    connection.#socket.once('close', () => employer.failed(new LoadError('a connection was closed')));
    return connection;
  }

  sendNext(): void {
    const count = this.#employer.nextBurst();
    if (count === 0) return;
    const position = this.#sequence.take(count);
    this.#scanner.expect(position, count);
    this.#open = count;
    this.#sentAtMs = performance.now();
    this.#socket.write(this.#sequence.bytes(position, count));
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(received: Buffer): void {
    try {
      const bytes = received.subarray(this.#greetingBytes);
      this.#greetingBytes = Math.max(0, this.#greetingBytes - received.byteLength);
      const count = this.#scanner.scan(bytes);
      if (count === 0) return;
      this.#open -= count;
      this.#employer.answered(count, Math.round((performance.now() - this.#sentAtMs) * 1000));
      if (this.#open === 0) this.sendNext();
    } catch (error) {
      this.#employer.failed(error instanceof Error ? error : new LoadError(String(error)));
      this.close();
    }
  }
}
