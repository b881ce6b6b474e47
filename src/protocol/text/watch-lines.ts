/** What a watcher is told by the text protocol, and how a key stands in a line of it. */

import { type ByteString, stringOf } from '../../bytes/byte-string.js';

const FIRST_PLAIN = 0x21;
const LAST_PLAIN = 0x7e;
const PERCENT = 0x25;
const HEX = 16;
const DIGITS = '0123456789ABCDEF';

/** What a byte of a key takes in a line at most. */
export const BYTES_PER_ESCAPED = 3;

/** Stands for all keys. */
const ALL = '*';

/** The prefix that a `watch` line names, one character per byte; undefined for one that is not well-formed. */
export function parsePrefix(word: string): string | undefined {
  if (word === ALL) return '';
  if (/%(?![0-9A-Fa-f]{2})/.test(word)) return undefined;
  return word.replaceAll(/%(..)/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, HEX)));
}

/** The key as it stands in a line: bytes outside of 0x21 to 0x7e, and `%`, as `%XX`. In one pass: a key may have megabytes. */
export function lineKey(key: string): string {
  if (!/[^!-~]|%/.test(key)) return key;
  const line = Buffer.allocUnsafe(BYTES_PER_ESCAPED * key.length);
  let end = 0;
  for (let at = 0; at < key.length; at += 1) {
    const code = key.charCodeAt(at);
    if (code >= FIRST_PLAIN && code <= LAST_PLAIN && code !== PERCENT) line[end++] = code;
    else {
      line[end++] = PERCENT;
      line[end++] = DIGITS.charCodeAt(code >> 4);
      line[end++] = DIGITS.charCodeAt(code & 0xf);
    }
  }
  return line.toString('latin1', 0, end);
}

/** The key has this value; `exptimeS` is in whole seconds, 0 for ever. */
export function setLine(change: {
  readonly key: string;
  readonly revision: number;
  readonly version: number;
  readonly exptimeS: number;
  readonly value: ByteString;
}): string {
  const { key, revision, version, exptimeS, value } = change;
  return `SET ${revision} ${lineKey(key)} ${version} ${exptimeS} ${value.length}\r\n${stringOf(value)}\r\n`;
}

export function goneLine(kind: 'deleted' | 'expired', key: string, revision: number): string {
  return `${kind.toUpperCase()} ${revision} ${lineKey(key)}\r\n`;
}

export function flushedLine(revision: number): string {
  return `FLUSHED ${revision}\r\n`;
}

/** All changes up to this revision were told. */
export function markLine(revision: number): string {
  return `AT ${revision}\r\n`;
}

/** What is asked for is not kept, but what comes from this revision on is. It ends the watch. */
export function compactedLine(firstKept: number): string {
  return `ERR_COMPACTED ${firstKept}\r\n`;
}
