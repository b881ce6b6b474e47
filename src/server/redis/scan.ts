/** SCAN: a walk through all keys of this server, a part at a time. */

import type { Args } from '../../protocol/command.js';
import { NOT_AN_INTEGER, SYNTAX_ERROR } from '../../protocol/resp/errors.js';
import { parseSafeInteger } from '../../protocol/resp/numbers.js';
import type { RedisStream } from '../../protocol/resp/redis-stream.js';
import { ErrorReply, type RespValue } from '../../protocol/resp/value.js';
import { matchesGlob } from '../../state-machine/redis/glob.js';
import type { RedisContext } from './context.js';

const INVALID_CURSOR = new ErrorReply('ERR invalid cursor');

const DEFAULT_SCAN_COUNT = 10;
const MAX_SCAN_COUNT = 100_000;

export function scan([cursorText = '', ...options]: Args, _: RedisStream, context: RedisContext): RespValue {
  if (!/^\d{1,20}$/.test(cursorText)) return INVALID_CURSOR;
  // A number that is no safe integer is no cursor of ours: it begins a new walk, as any unknown one does.
  const cursor = Number(cursorText);
  let count = DEFAULT_SCAN_COUNT;
  let pattern: string | undefined;
  let isEmptyType = false;
  for (let at = 0; at < options.length; at += 2) {
    const value = options[at + 1];
    if (value === undefined) return SYNTAX_ERROR;
    switch (options[at]?.toUpperCase()) {
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
  const part = context.scan(cursor, count);
  const isWanted = (key: string) => !isEmptyType && (pattern === undefined || matchesGlob(pattern, key));
  return [`${part.cursor}`, part.keys.filter(isWanted)];
}
