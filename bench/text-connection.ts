/**
 * A connection that sets keys one at a time: as much of the text protocol as the failover measurement needs.
 */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export class TextConnection {
  readonly #socket: Socket;
  #received = '';
  #waiting: ((line: string | undefined) => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.#receive(text));
    socket.on('error', () => undefined);
    socket.on('close', () => this.#answer(undefined));
  }

  /** Undefined when nobody listens there. */
  static async open(port: number): Promise<TextConnection | undefined> {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return new TextConnection(socket);
    } catch {
      return undefined;
    }
  }

  /** Whether commands can still be sent. */
  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  /** The key's new version; undefined when the write was not acknowledged. */
  async set(key: string, value: string): Promise<number | undefined> {
    const line = await this.#ask(`set ${key} 0 ${value.length}\r\n${value}\r\n`);
    return line?.startsWith('OK ') ? Number(line.slice(3)) : undefined;
  }

  /** The key's version; undefined when there is no such key, or no answer. */
  async version(key: string): Promise<number | undefined> {
    const line = await this.#ask(`getm ${key}\r\n`);
    return line?.startsWith('VALUE ') ? Number(line.split(' ')[1]) : undefined;
  }

  close(): void {
    this.#socket.destroy();
  }

  /** The first line of the reply; undefined when the connection ends before. */
  #ask(command: string): Promise<string | undefined> {
    if (!this.isOpen) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#waiting = resolve;
      this.#socket.write(command, 'latin1');
    });
  }

  #receive(text: string): void {
    this.#received += text;
    const lineEnd = this.#received.indexOf('\r\n');
    if (lineEnd === -1) return;
    const words = this.#received.slice(0, lineEnd).split(' ');
    const valueLength = words[0] === 'VALUE' ? Number(words.at(-1)) + 2 : 0;
    if (this.#received.length < lineEnd + 2 + valueLength) return;
    const line = this.#received.slice(0, lineEnd);
    this.#received = this.#received.slice(lineEnd + 2 + valueLength);
    this.#answer(line);
  }

  #answer(line: string | undefined): void {
    this.#waiting?.(line);
    this.#waiting = undefined;
  }
}
