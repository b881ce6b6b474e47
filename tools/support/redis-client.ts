/** The least Redis client there is: raw replies, as JSON-like values. */

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { dial } from './dial.js';

/** Errors are `{ error }`, simple strings `{ simple }`, maps `{ map }`; bulk strings and integers are themselves. */
export type Raw =
  | string
  | number
  | bigint
  | null
  | { readonly error: string }
  | { readonly simple: string }
  | { readonly map: readonly (readonly [Raw, Raw])[] }
  | readonly Raw[];

export class RedisClient {
  readonly #socket: Socket;
  #received = '';
  #waiting: ((reply: Raw) => void)[] = [];
  /** Pushes of RESP3, and whatever else came that answers nothing. */
  readonly told: Raw[] = [];
  /** Resolves once the connection is closed. */
  readonly closed: Promise<unknown>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.#take(text));
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => socket.once('close', resolve));
  }

  static async connect(port: number, host = '127.0.0.1'): Promise<RedisClient> {
    const socket = dial(port, host);
    await once(socket, 'connect');
    return new RedisClient(socket);
  }

  call(...args: readonly string[]): Promise<Raw> {
    const reply = new Promise<Raw>((resolve) => this.#waiting.push(resolve));
    this.write(encodeCommand(args));
    return reply;
  }

  /** All commands in one packet. */
  pipeline(...commands: readonly (readonly string[])[]): Promise<Raw[]> {
    const replies = commands.map(() => new Promise<Raw>((resolve) => this.#waiting.push(resolve)));
    this.write(commands.map(encodeCommand).join(''));
    return Promise.all(replies);
  }

  /** Sends bytes; resolves to the next reply. */
  raw(text: string): Promise<Raw> {
    const reply = new Promise<Raw>((resolve) => this.#waiting.push(resolve));
    this.write(text);
    return reply;
  }

  write(text: string): void {
    this.#socket.write(text, 'latin1');
  }

  /** Reads no more. */
  pause(): void {
    this.#socket.pause();
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(text: string): void {
    this.#received += text;
    while (true) {
      const parsed = parseReply(this.#received, 0);
      if (parsed === undefined) return;
      const isPush = this.#received.startsWith('>') || this.#waiting.length === 0;
      this.#received = this.#received.slice(parsed.end);
      if (isPush) this.told.push(parsed.value);
      else this.#waiting.shift()?.(parsed.value);
    }
  }
}

export function encodeCommand(args: readonly string[]): string {
  return `*${args.length}\r\n${args.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

interface Parsed {
  readonly value: Raw;
  readonly end: number;
}

function parseReply(text: string, at: number): Parsed | undefined {
  const lineEnd = text.indexOf('\r\n', at);
  if (lineEnd === -1) return undefined;
  const line = text.slice(at + 1, lineEnd);
  const end = lineEnd + 2;
  switch (text[at]) {
    case '+':
      return { value: { simple: line }, end };
    case '-':
      return { value: { error: line }, end };
    case ':':
      return { value: Number.isSafeInteger(Number(line)) ? Number(line) : BigInt(line), end };
    case '_':
      return { value: null, end };
    case '$':
    case '=':
      return parseBulk(text, Number(line), end);
    case '*':
    case '>':
      return parseArray(text, Number(line), end);
    case '%': {
      const flat = parseArray(text, 2 * Number(line), end);
      if (flat === undefined || !Array.isArray(flat.value)) return undefined;
      const { value } = flat;
      const map = Array.from(
        { length: value.length / 2 },
        (_, i) => [value[2 * i], value[2 * i + 1]] as const,
      );
      return { value: { map }, end: flat.end };
    }
    default:
      throw new TypeError(`no reply begins with ${text.slice(at, at + 20)}`);
  }
}

function parseBulk(text: string, length: number, at: number): Parsed | undefined {
  if (length === -1) return { value: null, end: at };
  if (text.length < at + length + 2) return undefined;
  return { value: text.slice(at, at + length), end: at + length + 2 };
}

function parseArray(text: string, length: number, at: number): Parsed | undefined {
  if (length === -1) return { value: null, end: at };
  const value: Raw[] = [];
  let end = at;
  for (let i = 0; i < length; i += 1) {
    const element = parseReply(text, end);
    if (element === undefined) return undefined;
    value.push(element.value);
    end = element.end;
  }
  return { value, end };
}
