/** Changes as a server tells them, a line each, to changes as a watcher gets them. */

import { ArgumentError } from './client-errors.js';
import { BadReplyError, type Reply } from './reply-reader.js';

/** A change of a key, or what a watcher must know besides. Revisions only grow, unless a `reset` comes between. */
export type Change =
  | {
      readonly type: 'set';
      readonly key: string;
      readonly value: string;
      readonly version: number;
      /** Seconds that are left; undefined if the key does not expire. */
      readonly ttl: number | undefined;
      readonly revision: number;
    }
  | { readonly type: 'deleted' | 'expired'; readonly key: string; readonly revision: number }
  /** The key holds another type than a string. */
  | {
      readonly type: 'changed';
      readonly key: string;
      readonly version: number;
      readonly holds: string;
      readonly revision: number;
    }
  /** All keys are gone at once. */
  | { readonly type: 'flushed'; readonly revision: number }
  /** Changes were missed, for they are no more kept: forget what you know; all keys follow, then `synced`. */
  | { readonly type: 'reset' }
  /** All keys were told, as they are at this revision. From here on there are changes alone. */
  | { readonly type: 'synced'; readonly revision: number };

/** What bytes are read as. */
export type TextEncoding = 'utf8' | 'latin1';

const MAX_PREFIX_BYTES = 250;
const PERCENT = 0x25;

/** A prefix as `watch` takes it: `*` for all keys. Throws ArgumentError. */
export function prefixWord(prefix: string): string {
  if (typeof prefix !== 'string') throw new ArgumentError("a prefix is a text, '' for all keys");
  const bytes = Buffer.from(prefix);
  if (bytes.byteLength > MAX_PREFIX_BYTES)
    throw new ArgumentError(`a prefix has at most ${MAX_PREFIX_BYTES} bytes`);
  if (prefix === '') return '*';
  if (prefix === '*') return '%2A';
  let word = '';
  for (const byte of bytes)
    word +=
      byte < 0x21 || byte > 0x7e || byte === PERCENT
        ? `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
        : String.fromCharCode(byte);
  return word;
}

/** The change that a line tells; undefined for one that tells none. Throws {@link BadReplyError}. */
export function changeIn(
  { line, value }: Reply,
  encoding: TextEncoding = 'utf8',
): Exclude<Change, { type: 'reset' | 'synced' }> | undefined {
  const [type, first, word = '', ...others] = line.split(' ');
  const revision = Number(first);
  const [second, third = ''] = others;
  switch (type) {
    case 'SET': {
      const ttl = Number(third);
      return {
        type: 'set',
        key: keyIn(word, encoding),
        value: value?.toString(encoding) ?? '',
        version: Number(second),
        ttl: ttl === 0 ? undefined : ttl,
        revision,
      };
    }
    case 'DELETED':
      return { type: 'deleted', key: keyIn(word, encoding), revision };
    case 'EXPIRED':
      return { type: 'expired', key: keyIn(word, encoding), revision };
    case 'CHANGED':
      return { type: 'changed', key: keyIn(word, encoding), version: Number(second), holds: third, revision };
    case 'FLUSHED':
      return { type: 'flushed', revision };
    default:
      return undefined;
  }
}

/** The number in `WATCHING <revision>` and the like. */
export function numberIn(line: string): number {
  const number = Number(line.split(' ')[1]);
  if (!Number.isSafeInteger(number)) throw new BadReplyError(JSON.stringify(line));
  return number;
}

/** In one pass: a key may have megabytes. */
function keyIn(word: string, encoding: TextEncoding): string {
  if (!word.includes('%')) return word;
  const bytes = Buffer.from(word, 'latin1');
  let end = 0;
  for (let at = 0; at < bytes.byteLength; at += 1, end += 1) {
    const code = bytes[at] === PERCENT ? Number(`0x${word.slice(at + 1, at + 3)}`) : Number.NaN;
    bytes[end] = Number.isNaN(code) ? (bytes[at] ?? 0) : code;
    if (!Number.isNaN(code)) at += 2;
  }
  return bytes.toString(encoding, 0, end);
}
