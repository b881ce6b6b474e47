/**
 * The commands that go through all keys. They work in steps, on keys that stay as they were when the walk began.
 */

import { MAX_REDIS_REPLY_BYTES } from '../../limits.js';
import type { Args } from '../../protocol/command.js';
import { NOT_AN_INTEGER } from '../../protocol/resp/error-replies.js';
import { hashSlot, SLOT_COUNT } from '../../protocol/resp/hash-slot.js';
import { parseSafeInteger } from '../../protocol/resp/numbers.js';
import { REPLY_TOO_LARGE, sizeOf } from '../../protocol/resp/reply-size.js';
import { ErrorReply, type RespValue } from '../../protocol/resp/value.js';
import type { KeyWalk } from '../key-image.js';
import { CHECKSUM_BYTE_WORK, KEY_WORK, PLACE_WORK, type Steps, type Work } from '../work.js';
import { GlobMatch } from './glob.js';

const INVALID_SLOT = new ErrorReply('ERR Invalid slot');
const INVALID_COUNT = new ErrorReply('ERR Invalid number of keys');

/** What a command that goes through all keys replies, given the arguments after its name. */
export type Walk = (keys: KeyWalk, args: Args, work: Work) => Steps<RespValue>;

function* keys(walk: KeyWalk, [pattern = '']: Args, work: Work): Steps<RespValue> {
  const match = new GlobMatch(pattern);
  const found: string[] = [];
  let leftBytes = MAX_REDIS_REPLY_BYTES;
  for (const key of places(walk, work)) {
    if (key === undefined) {
      yield;
      continue;
    }
    match.begin(key);
    let isMatch = match.goOn(work);
    while (isMatch === undefined) {
      yield;
      isMatch = match.goOn(work);
    }
    if (!isMatch) continue;
    leftBytes -= sizeOf(key);
    if (leftBytes < 0) return REPLY_TOO_LARGE;
    found.push(key);
  }
  return found;
}

function* countKeysInSlot(walk: KeyWalk, [text = '']: Args, work: Work): Steps<RespValue> {
  const slot = slotOf(text);
  if (typeof slot !== 'number') return slot;
  let count = 0;
  for (const key of places(walk, work)) {
    if (key === undefined) {
      yield;
      continue;
    }
    work.units += CHECKSUM_BYTE_WORK * key.length;
    if (hashSlot(key) === slot) count += 1;
  }
  return count;
}

function* getKeysInSlot(walk: KeyWalk, [text = '', countText = '']: Args, work: Work): Steps<RespValue> {
  const slot = slotOf(text);
  if (typeof slot !== 'number') return slot;
  const count = parseSafeInteger(countText);
  if (count === undefined) return NOT_AN_INTEGER;
  if (count < 0) return INVALID_COUNT;
  const found: string[] = [];
  let leftBytes = MAX_REDIS_REPLY_BYTES;
  for (const key of places(walk, work)) {
    if (found.length === count) break;
    if (key === undefined) {
      yield;
      continue;
    }
    work.units += CHECKSUM_BYTE_WORK * key.length;
    if (hashSlot(key) !== slot) continue;
    leftBytes -= sizeOf(key);
    if (leftBytes < 0) return REPLY_TOO_LARGE;
    found.push(key);
  }
  return found;
}

/** The keys, and undefined whenever the work is spent. */
function* places(walk: KeyWalk, work: Work): Generator<string | undefined, void, undefined> {
  while (!walk.isAtEnd) {
    const key = walk.next();
    work.units += key === undefined ? PLACE_WORK : KEY_WORK + key.length;
    if (key !== undefined) yield key;
    if (work.isSpent) yield undefined;
  }
}

function slotOf(text: string): number | ErrorReply {
  const slot = parseSafeInteger(text);
  if (slot === undefined) return NOT_AN_INTEGER;
  return slot < 0 || slot >= SLOT_COUNT ? INVALID_SLOT : slot;
}

/** The walks by the name of the request. */
export const WALKS: ReadonlyMap<string, Walk> = new Map(
  Object.entries({ keys, countkeysinslot: countKeysInSlot, getkeysinslot: getKeysInSlot }),
);
