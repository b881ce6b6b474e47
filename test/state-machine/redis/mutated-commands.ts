/** Commands that are nearly right: those of a list, with arguments that are missing, foreign, too many, or any bytes. */

import type { Random } from '../../../tools/support/random.js';

/** What they come to is the same in Redis, whatever the time, and how often others have drawn. */
const NAMES = (
  'GET MGET STRLEN GETRANGE SUBSTR EXISTS TOUCH TYPE SET SETNX SETEX PSETEX GETSET GETDEL GETEX MSET MSETNX APPEND SETRANGE INCR DECR ' +
  'INCRBY DECRBY INCRBYFLOAT SETBIT GETBIT BITCOUNT BITPOS BITOP BITFIELD BITFIELD_RO LCS DEL UNLINK RENAME RENAMENX COPY EXPIRE ' +
  'PEXPIRE EXPIREAT PEXPIREAT PERSIST FLUSHALL MULTI EXEC DISCARD WATCH UNWATCH PING ECHO SELECT'
).split(' ');
const TIMED = new Set('SET SETEX PSETEX GETEX EXPIRE PEXPIRE EXPIREAT PEXPIREAT'.split(' '));
const UNITS = new Set(['EX', 'PX', 'EXAT', 'PXAT']);
/** A deadline of so many seconds or milliseconds from now is not reached, and one at so many milliseconds was long ago. */
const FAR = '9999999999';
const WORDS = [
  ...['', '0', '-1', '1', '2', '8', '63', '64', '-0', '+1', '01', ' 1', '1 ', '1e5', '0x10', 'nan', 'inf'],
  ...['9223372036854775807', '9223372036854775808', '-9223372036854775808', '18446744073709551615'],
  ...[
    'NX',
    'XX',
    'GET',
    'KEEPTTL',
    'EX',
    'PX',
    'EXAT',
    'PXAT',
    'PERSIST',
    'GT',
    'LT',
    'ASYNC',
    'REPLACE',
    'DB',
  ],
  ...['BIT', 'BYTE', 'AND', 'NOT', 'XOR', 'OVERFLOW', 'SAT', 'WRAP', 'FAIL', 'INCRBY'],
  ...['u8', 'i64', 'u63', 'u64', 'i65', '#1', 'LEN', 'IDX', 'MINMATCHLEN', 'WITHMATCHLEN'],
  ...['a', 'b', 'c', 'k', '*', '\0', '\r\n', '\xff'],
];
const MAX_CHANGES = 2;
const MAX_ANY_BYTES = 6;

/** @param lines good ones; those that depend on more than the keys are left out */
export function mutatedCommands(
  lines: readonly (readonly string[])[],
  count: number,
  random: Random,
): readonly (readonly string[])[] {
  const good = lines.filter(([name = '']) => NAMES.includes(name.toUpperCase()));
  return Array.from({ length: count }, () => comparable(mutated(random.of(good), random), random));
}

function mutated(line: readonly string[], random: Random): readonly string[] {
  const args = [...line];
  for (let left = random.below(MAX_CHANGES + 1); left > 0; left -= 1) {
    const at = 1 + random.below(args.length);
    const [change] = random.shuffled(['add', 'remove', 'replace', 'rename'] as const);
    if (change === 'rename') args[0] = random.of(NAMES);
    else args.splice(at, change === 'add' ? 0 : 1, ...(change === 'remove' ? [] : [anyArg(random)]));
  }
  return args;
}

/** Without what docs/redis.md says is different, and without deadlines that come while it runs. */
function comparable([name = '', ...args]: readonly string[], random: Random): readonly string[] {
  const shown = random.chance(0.1) ? name.toLowerCase() : name;
  if (!TIMED.has(name.toUpperCase())) return [shown, ...args];
  const words = args.map((arg) => arg.toUpperCase());
  if (words.filter((word) => UNITS.has(word)).length > 1) return ['PING'];
  // Two deadlines from now are compared: which is later depends on the milliseconds between them.
  if (/^P?EXPIRE$/i.test(name) && (words.includes('GT') || words.includes('LT'))) return ['PING'];
  return [shown, ...args.map((arg) => (/^\s*\+?0*[1-9]\d*\s*$/.test(arg) ? FAR : arg))];
}

function anyArg(random: Random): string {
  if (random.chance(0.7)) return random.of(WORDS);
  const bytes = Array.from({ length: 1 + random.below(MAX_ANY_BYTES) }, () => random.below(256));
  return String.fromCharCode(...bytes);
}
