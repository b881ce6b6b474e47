/** LCS: the longest common subsequence of two values. */

import type { Args } from '../../protocol/command.js';
import { NOT_AN_INTEGER, SYNTAX_ERROR } from '../../protocol/resp/error-replies.js';
import { parseInteger } from '../../protocol/resp/numbers.js';
import { ErrorReply, MapReply, type RespValue } from '../../protocol/resp/value.js';
import { MAX_LCS_CELLS } from '../../redis-limits.js';
import type { Steps, Work } from '../work.js';
import type { ReadableKeyspace } from './keyspace.js';

const LENGTH_AND_INDEXES = new ErrorReply(
  'ERR If you want both the length and indexes, please just use IDX.',
);
const TOO_MUCH = new ErrorReply(`ERR the lengths of the values multiply to more than ${MAX_LCS_CELLS}`);

const CELL_WORK = 8;

interface Options {
  wantsLength: boolean;
  wantsIndexes: boolean;
  wantsMatchLengths: boolean;
  leastLength: bigint;
}

export function* lcs(keyspace: ReadableKeyspace, [keyA = '', keyB = '', ...args]: Args): Steps<RespValue> {
  const options = parseOptions(args);
  if (options instanceof ErrorReply) return options;
  if (options.wantsLength && options.wantsIndexes) return LENGTH_AND_INDEXES;
  const [lengthA, lengthB] = [keyspace.find(keyA)?.length ?? 0, keyspace.find(keyB)?.length ?? 0];
  if (lengthA * lengthB > MAX_LCS_CELLS) return TOO_MUCH;
  const a = keyspace.get(keyA)?.value ?? '';
  const b = keyspace.get(keyB)?.value ?? '';
  const table = yield* tableOf(a, b, keyspace.work);
  if (options.wantsLength) return lengthOf(table, a, b);
  if (options.wantsIndexes) return describe(matchesOf(table, a, b), lengthOf(table, a, b), options);
  return textOf(table, a, b);
}

function parseOptions(args: Args): Options | ErrorReply {
  const options = { wantsLength: false, wantsIndexes: false, wantsMatchLengths: false, leastLength: 0n };
  for (let at = 0; at < args.length; at += 1) {
    switch (args[at]?.toUpperCase()) {
      case 'LEN':
        options.wantsLength = true;
        break;
      case 'IDX':
        options.wantsIndexes = true;
        break;
      case 'WITHMATCHLEN':
        options.wantsMatchLengths = true;
        break;
      case 'MINMATCHLEN': {
        at += 1;
        const text = args[at];
        if (text === undefined) return SYNTAX_ERROR;
        const least = parseInteger(text);
        if (least === undefined) return NOT_AN_INTEGER;
        options.leastLength = least;
        break;
      }
      default:
        return SYNTAX_ERROR;
    }
  }
  return options;
}

/** The length of the longest common subsequence for each pair of prefixes, in rows of `b.length + 1`. */
function* tableOf(a: string, b: string, work: Work): Steps<Uint32Array> {
  const width = b.length + 1;
  const table = new Uint32Array((a.length + 1) * width);
  work.units += table.length;
  const bytes = Buffer.from(b, 'latin1');
  for (let i = 1; i <= a.length; i += 1) {
    const row = i * width;
    const byte = a.charCodeAt(i - 1);
    let diagonal = 0;
    let left = 0;
    for (let j = 1; j < width; j += 1) {
      const above = table[row - width + j] ?? 0;
      if (byte === bytes[j - 1]) left = diagonal + 1;
      else if (above > left) left = above;
      table[row + j] = left;
      diagonal = above;
    }
    work.units += CELL_WORK * width;
    if (work.isSpent) yield;
  }
  return table;
}

function lengthOf(table: Uint32Array, a: string, b: string): number {
  return table[(a.length + 1) * (b.length + 1) - 1] ?? 0;
}

function textOf(table: Uint32Array, a: string, b: string): string {
  let text = '';
  for (const { endA, length } of matchesOf(table, a, b)) text = a.slice(endA - length + 1, endA + 1) + text;
  return text;
}

/** A contiguous piece of the subsequence, by the place of its last character in each value. */
interface Match {
  readonly endA: number;
  readonly endB: number;
  readonly length: number;
}

/** The matches, from the last to the first. */
function matchesOf(table: Uint32Array, a: string, b: string): Match[] {
  const width = b.length + 1;
  const matches: Match[] = [];
  let [i, j] = [a.length, b.length];
  while (i > 0 && j > 0) {
    if (a[i - 1] !== b[j - 1]) {
      if ((table[(i - 1) * width + j] ?? 0) > (table[i * width + j - 1] ?? 0)) i -= 1;
      else j -= 1;
      continue;
    }
    const [endA, endB] = [i - 1, j - 1];
    let length = 0;
    while (i > 0 && j > 0 && a[i - 1] === b[j - 1]) {
      i -= 1;
      j -= 1;
      length += 1;
    }
    matches.push({ endA, endB, length });
  }
  return matches;
}

function describe(matches: readonly Match[], length: number, options: Options): RespValue {
  const shown = matches
    .filter((match) => BigInt(match.length) >= options.leastLength)
    .map(({ endA, endB, length }): RespValue => {
      const ranges = [
        [endA - length + 1, endA],
        [endB - length + 1, endB],
      ];
      return options.wantsMatchLengths ? [...ranges, length] : ranges;
    });
  return new MapReply([
    ['matches', shown],
    ['len', length],
  ]);
}
