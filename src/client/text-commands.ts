/** Calls as commands of the text protocol. Throws {@link ArgumentError} for what no server would take. */

import { ArgumentError } from './client-errors.js';
import { MAX_LOCK_TTL_S } from './client-limits.js';

/** A line, its value included where that is text; else the value follows, and a line break. */
export interface Command {
  /** What the call is named in messages. */
  readonly what: string;
  readonly text: string;
  readonly value?: Uint8Array;
  /** At least the bytes of all. */
  readonly byteLength: number;
  /** It changes nothing, so it can be repeated. */
  readonly isRead: boolean;
}

/** A session that is opened twice by mistake costs the servers a little memory until it expires. */
export const OPEN_SESSION: Command = {
  what: 'the opening of a session',
  text: 'session open\r\n',
  byteLength: 14,
  isRead: true,
};

const MAX_KEY_BYTES = 250;
const MAX_TTL_S = 1e12;

export function checkedKey(key: string): string {
  if (typeof key !== 'string' || key === '') throw new ArgumentError('a key is a text of at least one byte');
  if (Buffer.byteLength(key) > MAX_KEY_BYTES)
    throw new ArgumentError(`a key has at most ${MAX_KEY_BYTES} bytes, this one ${Buffer.byteLength(key)}`);
  for (let at = 0; at < key.length; at += 1) {
    const code = key.charCodeAt(at);
    if (code <= 0x20 || code === 0x7f)
      throw new ArgumentError(`a key has no spaces and no control bytes: ${JSON.stringify(key)}`);
  }
  return key;
}

/** 0 for never. */
export function checkedTtl(ttl: number | undefined): number {
  if (ttl === undefined) return 0;
  if (!Number.isInteger(ttl) || ttl < 1 || ttl > MAX_TTL_S)
    throw new ArgumentError(`ttl: ${ttl} is no whole number of seconds from 1 on`);
  return ttl;
}

/** Of a lock, which always expires. */
export function checkedLockTtl(ttl: number | undefined): void {
  if (checkedTtl(ttl) > MAX_LOCK_TTL_S)
    throw new ArgumentError(`ttl: ${ttl} is more than the ${MAX_LOCK_TTL_S} s of a lock`);
}

export function readCommand(name: 'get' | 'gets', key: string): Command {
  const text = `${name} ${checkedKey(key)}\r\n`;
  return { what: name, text, byteLength: text.length, isRead: true };
}

/** `set`, `cas` or `add`, by the words before the length of the value. */
export function valueCommand(what: string, words: string, value: string | Uint8Array): Command {
  if (typeof value === 'string') {
    const length = Buffer.byteLength(value);
    return {
      what,
      text: `${words} ${length}\r\n${value}\r\n`,
      byteLength: words.length + length,
      isRead: false,
    };
  }
  if (!(value instanceof Uint8Array)) throw new ArgumentError('a value is a text or a Uint8Array');
  // The caller may change its bytes as soon as the call has returned.
  const copy = new Uint8Array(value);
  const { byteLength } = copy;
  return {
    what,
    text: `${words} ${byteLength}\r\n`,
    value: copy,
    byteLength: words.length + byteLength,
    isRead: false,
  };
}

/** A command without a value that changes something. */
export function plainCommand(what: string, line: string): Command {
  return { what, text: `${line}\r\n`, byteLength: line.length, isRead: false };
}
