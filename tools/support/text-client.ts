/**
 * A client of the text protocol that does what it is told: no retries, no redirects.
 */

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { dial } from './dial.js';

/** A reply, taken apart. Values are one character per byte. */
export type TextReply =
  | { readonly type: 'OK'; readonly version: number; readonly revision?: number }
  | { readonly type: 'ADDED'; readonly revision: number }
  | { readonly type: 'VALUE'; readonly value: string }
  | {
      readonly type: 'META';
      readonly version: number;
      readonly exptimeS: number;
      readonly revision?: number;
      readonly value: string;
    }
  | { readonly type: 'DELETED' | 'CLOSED' }
  | { readonly type: 'SESSION'; readonly id: string }
  /** `isDone`: the command was executed, and its result was not kept. */
  | { readonly type: 'ERR_SESSION'; readonly isDone: boolean }
  | { readonly type: 'ERR_REDIRECT'; readonly host: string; readonly port: number }
  | {
      readonly type:
        | 'ERR_NOT_FOUND'
        | 'ERR_VERSION'
        | 'ERR_EXISTS'
        | 'ERR_CMD_ERR'
        | 'ERR_INTERNAL'
        | 'ERR_AUTH';
    };

/** The connection ended before the reply came. */
export class DisconnectedError extends Error {
  constructor() {
    super('the connection was closed');
    this.name = 'DisconnectedError';
  }
}

/** A command's number in its session, and up to which number the client has all replies. */
export interface OnceNumbers {
  readonly seq: number;
  readonly done: number;
}

interface Waiting {
  readonly resolve: (reply: TextReply) => void;
  readonly reject: (error: Error) => void;
}

export class TextClient {
  readonly #socket: Socket;
  readonly #waiting: Waiting[] = [];
  readonly #closed: Promise<void>;
  #received = '';
  #isClosed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.#take(text));
    socket.on('error', () => undefined);
    this.#closed = new Promise<void>((resolve) => {
      socket.once('close', () => {
        this.#end();
        resolve();
      });
    });
  }

  /** Rejects when nobody listens there. */
  static async connect(port: number, host = '127.0.0.1'): Promise<TextClient> {
    const socket = dial(port, host);
    await once(socket, 'connect');
    return new TextClient(socket);
  }

  /** Resolves once the other side, or this one, has closed the connection. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Sends bytes, one per character, as one packet where that is possible. */
  write(text: string): void {
    this.#socket.write(text, 'latin1');
  }

  /** The next reply in the order of the commands. Rejects with {@link DisconnectedError}. */
  reply(): Promise<TextReply> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) reject(new DisconnectedError());
      else this.#waiting.push({ resolve, reject });
    });
  }

  /** Sends a command, or several, and resolves to as many replies. */
  async replies(text: string, count: number): Promise<TextReply[]> {
    const replies = Promise.all(Array.from({ length: count }, () => this.reply()));
    this.write(text);
    return replies;
  }

  /** Tells the password: `OK` without a version, or `ERR_AUTH`. */
  async auth(password: string): Promise<TextReply> {
    return this.#ask(`auth ${password}\r\n`);
  }

  async set(key: string, value: string, exptimeS = 0): Promise<TextReply> {
    return this.#ask(`set ${key} ${exptimeS} ${value.length}\r\n${value}\r\n`);
  }

  async cas(key: string, version: number, value: string, exptimeS = 0): Promise<TextReply> {
    return this.#ask(`cas ${key} ${exptimeS} ${version} ${value.length}\r\n${value}\r\n`);
  }

  async get(key: string): Promise<TextReply> {
    return this.#ask(`get ${key}\r\n`);
  }

  async getm(key: string): Promise<TextReply> {
    return this.#ask(`getm ${key}\r\n`);
  }

  async delete(key: string): Promise<TextReply> {
    return this.#ask(`delete ${key}\r\n`);
  }

  /** Opens a session, and resolves to its id. Rejects when it is not opened. */
  async openSession(): Promise<string> {
    const reply = await this.#ask('session open\r\n');
    if (reply.type !== 'SESSION') throw new Error(`no session was opened: ${reply.type}`);
    return reply.id;
  }

  /** Has the command, whole with its line break and value, executed once in the session. */
  async once(session: string, { seq, done }: OnceNumbers, command: string): Promise<TextReply> {
    return this.#ask(`once ${session} ${seq} ${done} ${command}`);
  }

  /** Says that nothing more will be sent; replies still come. */
  end(): void {
    this.#socket.end();
  }

  close(): void {
    this.#socket.destroy();
  }

  #ask(command: string): Promise<TextReply> {
    const reply = this.reply();
    this.write(command);
    return reply;
  }

  #take(text: string): void {
    this.#received += text;
    while (true) {
      const lineEnd = this.#received.indexOf('\r\n');
      if (lineEnd === -1) return;
      const words = this.#received.slice(0, lineEnd).split(' ');
      const valueLength = words[0] === 'VALUE' ? Number(words.at(-1)) : undefined;
      const end = valueLength === undefined ? lineEnd + 2 : lineEnd + 2 + valueLength + 2;
      if (this.#received.length < end) return;
      const value = this.#received.slice(lineEnd + 2, end - 2);
      this.#received = this.#received.slice(end);
      this.#waiting.shift()?.resolve(parse(words, value));
    }
  }

  #end(): void {
    this.#isClosed = true;
    for (const { reject } of this.#waiting.splice(0)) reject(new DisconnectedError());
  }
}

function parse(words: readonly string[], value: string): TextReply {
  const [type, first, second, third] = words;
  switch (type) {
    case 'OK':
      return second === undefined
        ? { type, version: Number(first) }
        : { type, version: Number(first), revision: Number(second) };
    case 'ADDED':
      return { type, revision: Number(first) };
    case 'VALUE':
      if (second === undefined) return { type, value };
      return words.length === 4
        ? { type: 'META', version: Number(first), exptimeS: Number(second), value }
        : {
            type: 'META',
            version: Number(first),
            exptimeS: Number(second),
            revision: Number(third),
            value,
          };
    case 'ERR_REDIRECT':
      return { type, host: first ?? '', port: Number(second) };
    case 'SESSION':
      return { type, id: first ?? '' };
    case 'ERR_SESSION':
      return { type, isDone: first === 'done' };
    case 'DELETED':
    case 'CLOSED':
    case 'ERR_NOT_FOUND':
    case 'ERR_VERSION':
    case 'ERR_EXISTS':
    case 'ERR_CMD_ERR':
    case 'ERR_INTERNAL':
    case 'ERR_AUTH':
      return { type };
    default:
      throw new TypeError(`not a reply of the text protocol: ${words.join(' ')}`);
  }
}

/** The reply, or undefined when the connection ended first: then nobody knows what happened. */
export async function replyOrEnd(reply: Promise<TextReply>): Promise<TextReply | undefined> {
  try {
    return await reply;
  } catch (error) {
    if (error instanceof DisconnectedError) return undefined;
    throw error;
  }
}
