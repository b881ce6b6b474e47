/** A client that sends much and only looks at the beginning and the end of what it gets. */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { encodeCommand } from '../../support/redis-client.js';

/** Kept of what comes: enough to tell an error from what was asked for. */
const HEAD_CHARS = 200;
const CHUNK_CHARS = 256 * 1024;
const LINES_AT_ONCE = 1_000;
/** No other line is answered like that. */
const END_LINE = 'session close nobodys\r\n';
const END_REPLY = 'CLOSED\r\n';
const QUIET_MS = 10_000;

export class CostlyClient {
  readonly #socket: Socket;
  #head = '';
  #tail = '';
  #marks = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('error', () => undefined);
    socket.on('data', (text: string) => {
      if (this.#head.length < HEAD_CHARS) this.#head = (this.#head + text).slice(0, HEAD_CHARS);
      this.#tail = (this.#tail + text.slice(-HEAD_CHARS)).slice(-HEAD_CHARS);
    });
  }

  static async connect(port: number): Promise<CostlyClient> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new CostlyClient(socket);
  }

  /** Sends the bytes as the server takes them. Rejects once the connection is closed. */
  async send(text: string): Promise<void> {
    for (let at = 0; at < text.length; at += CHUNK_CHARS)
      if (!this.#socket.write(text.slice(at, at + CHUNK_CHARS), 'latin1')) await this.#event('drain');
  }

  /** As {@link run} does, with lines in place of arrays. */
  async runInline(lines: readonly string[]): Promise<string> {
    const mark = this.#begin();
    for (const line of lines) await this.send(`${line}\r\n`);
    return this.#endWith(mark);
  }

  /** Sends commands of Redis, and resolves to the beginning of the replies once all of them have come. */
  async run(commands: Iterable<readonly string[]>): Promise<string> {
    const mark = this.#begin();
    let text = '';
    for (const command of commands) {
      text += encodeCommand(command);
      if (text.length < CHUNK_CHARS) continue;
      await this.send(text);
      text = '';
    }
    await this.send(text);
    return this.#endWith(mark);
  }

  /** As {@link run} does where the connection ends as subscribed, monitoring, or whatever answers no ECHO: done after a moment. */
  async tryToRun(commands: Iterable<readonly string[]>): Promise<string> {
    return Promise.race([this.run(commands), pause(QUIET_MS, this.#head)]);
  }

  /** As {@link run} does, in the text protocol. */
  async runText(lines: readonly string[]): Promise<string> {
    this.#begin();
    for (let from = 0; from < lines.length; from += LINES_AT_ONCE)
      await this.send(lines.slice(from, from + LINES_AT_ONCE).join(''));
    await this.send(END_LINE);
    while (!this.#tail.endsWith(END_REPLY)) await this.#event('data');
    return this.#head;
  }

  close(): void {
    this.#socket.destroy();
  }

  #begin(): string {
    this.#head = '';
    this.#marks += 1;
    return `mark${this.#marks}end`;
  }

  /** Resolves once an ECHO is answered. */
  async #endWith(mark: string): Promise<string> {
    await this.send(encodeCommand(['ECHO', mark]));
    while (!this.#tail.includes(mark)) await this.#event('data');
    return this.#head;
  }

  async #event(name: 'drain' | 'data'): Promise<void> {
    if (this.#socket.destroyed) throw new Error(`the connection was closed, after ${this.#head}`);
    const ended = new AbortController();
    const close = () => ended.abort(new Error(`the connection was closed, after ${this.#head}`));
    this.#socket.once('close', close);
    try {
      await once(this.#socket, name, { signal: ended.signal });
    } finally {
      this.#socket.off('close', close);
    }
  }
}
