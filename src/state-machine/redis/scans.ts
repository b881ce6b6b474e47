/**
 * SCAN and RANDOMKEY: both begin anywhere in the order of the keys' hashes.
 *
 * A cursor of SCAN is a place in that order: the hash of the first keys that are still to be returned. So no server keeps state
 * of a scan, and any server can go on with it. A key that exists from the scan's beginning to its end is returned.
 */

import type { Args } from '../../protocol/command.js';
import { NOT_AN_INTEGER, SYNTAX_ERROR } from '../../protocol/resp/error-replies.js';
import { parseSafeInteger } from '../../protocol/resp/numbers.js';
import { ErrorReply, type RespValue } from '../../protocol/resp/value.js';
import { MAX_SCAN_COUNT, MAX_SCAN_MATCH_WORK, MAX_SCAN_WORK } from '../../redis-limits.js';
import { HASHES } from '../index-shard.js';
import type { Steps, Work } from '../work.js';
import { GlobMatch } from './glob.js';
import type { ReadableKeyspace } from './keyspace.js';

export const INVALID_CURSOR = new ErrorReply('ERR invalid cursor');
const PATTERN_TOO_SLOW = new ErrorReply('ERR comparing keys with this pattern takes too long');

const DEFAULT_SCAN_COUNT = 10;
const MAX_PART_BYTES = 65_536;

export interface ScanOptions {
  readonly count: number;
  readonly pattern: string | undefined;
  /** A type other than string was asked for: there are no such keys. */
  readonly isEmptyType: boolean;
}

export function* scan(keyspace: ReadableKeyspace, [cursor = '', ...args]: Args): Steps<RespValue> {
  if (!isCursor(cursor)) return INVALID_CURSOR;
  const options = scanOptions(args);
  if (options instanceof ErrorReply) return options;
  const { work } = keyspace;
  const match = options.pattern === undefined ? undefined : new GlobMatch(options.pattern);
  const found: string[] = [];
  let left = options.count;
  let next: number | undefined = Number(cursor);
  const endUnits = work.units + MAX_SCAN_WORK;
  while (next !== undefined && next < HASHES && left > 0 && work.units < endUnits) {
    const part = keyspace.keysFrom(next, { maxKeys: left, maxBytes: MAX_PART_BYTES });
    for (const key of part.keys) {
      const isMatch = match === undefined || (yield* matches(match, key, work));
      if (isMatch instanceof ErrorReply) return isMatch;
      if (isMatch && !options.isEmptyType) found.push(key);
    }
    left -= part.keys.length;
    next = part.next;
    if (work.isSpent) yield;
  }
  return [`${next === undefined || next >= HASHES ? 0 : next}`, found];
}

/** Returns a random key. A key after a gap in the order of the hashes is more likely than others. */
export function* randomKey(keyspace: ReadableKeyspace): Steps<RespValue> {
  const start = Math.floor(keyspace.random() * HASHES);
  for (const from of [start, 0]) {
    let next: number | undefined = from;
    while (next !== undefined) {
      const part = keyspace.keysFrom(next, { maxKeys: DEFAULT_SCAN_COUNT, maxBytes: MAX_PART_BYTES });
      const key = part.keys[Math.floor(keyspace.random() * part.keys.length)];
      if (key !== undefined) return key;
      next = part.next;
      if (keyspace.work.isSpent) yield;
    }
  }
  return null;
}

export function isCursor(text: string): boolean {
  return /^\d{1,20}$/.test(text);
}

/** What SCAN's arguments after the cursor ask for, or their error. */
export function scanOptions(args: Args): ScanOptions | ErrorReply {
  let count = DEFAULT_SCAN_COUNT;
  let pattern: string | undefined;
  let isEmptyType = false;
  for (let at = 0; at < args.length; at += 2) {
    const value = args[at + 1];
    if (value === undefined) return SYNTAX_ERROR;
    switch (args[at]?.toUpperCase()) {
      case 'COUNT': {
        const asked = parseSafeInteger(value);
        if (asked === undefined) return NOT_AN_INTEGER;
        if (asked < 1) return SYNTAX_ERROR;
        count = Math.min(asked, MAX_SCAN_COUNT);
        break;
      }
      case 'MATCH':
        pattern = value;
        break;
      case 'TYPE':
        isEmptyType = value.toLowerCase() !== 'string';
        break;
      default:
        return SYNTAX_ERROR;
    }
  }
  return { count, pattern, isEmptyType };
}

/** Whether the key matches. Nothing is applied meanwhile, so a single comparison is limited. */
export function* matches(match: GlobMatch, key: string, work: Work): Steps<boolean | ErrorReply> {
  const endUnits = work.units + MAX_SCAN_MATCH_WORK;
  match.begin(key);
  let isMatch = match.goOn(work);
  while (isMatch === undefined) {
    if (work.units > endUnits) return PATTERN_TOO_SLOW;
    yield;
    isMatch = match.goOn(work);
  }
  return isMatch;
}
