/** The settings that CONFIG knows: a few that can be changed, at all servers at once, and others that only tell what is true. */

import { MAX_VALUE_BYTES } from '../../limits.js';
import type { Args } from '../../protocol/command.js';
import { parseInteger } from '../../protocol/resp/numbers.js';
import { ErrorReply } from '../../protocol/resp/value.js';
import { MAX_SLOW_LOG_ENTRIES } from '../../redis-limits.js';
import type { SlowLog } from '../slow-log.js';

interface Changeable {
  readonly least: number;
  readonly most: number;
  readonly get: (log: SlowLog) => number;
  readonly set: (log: SlowLog, value: number) => void;
}

const CHANGEABLE = new Map<string, Changeable>([
  [
    'slowlog-log-slower-than',
    {
      least: -1,
      most: Number.MAX_SAFE_INTEGER,
      get: ({ thresholdUs }) => thresholdUs,
      set: (log, value) => {
        log.thresholdUs = value;
      },
    },
  ],
  [
    'slowlog-max-len',
    {
      least: 0,
      most: MAX_SLOW_LOG_ENTRIES,
      get: ({ maxLength }) => maxLength,
      set: (log, value) => {
        log.maxLength = value;
      },
    },
  ],
]);

function fixed(): Map<string, string> {
  return new Map([
    ['appendfsync', 'always'],
    ['appendonly', 'yes'],
    ['databases', '1'],
    ['latency-monitor-threshold', '0'],
    ['maxmemory', '0'],
    ['maxmemory-policy', 'noeviction'],
    ['notify-keyspace-events', ''],
    ['proto-max-bulk-len', `${MAX_VALUE_BYTES}`],
    ['save', ''],
    ['timeout', '0'],
  ]);
}

/** All settings by name, in order. */
export function settings(log: SlowLog): readonly (readonly [name: string, value: string])[] {
  const all = fixed();
  for (const [name, { get }] of CHANGEABLE) all.set(name, `${get(log)}`);
  return [...all].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Why these names and values cannot be set; undefined if they can. */
export function refusalOfSettings(pairs: Args): ErrorReply | undefined {
  const seen = new Set<string>();
  for (let at = 0; at < pairs.length; at += 2) {
    const given = pairs[at] ?? '';
    const name = given.toLowerCase();
    const reason = seen.has(name) ? 'duplicate parameter' : reasonAgainst(name, pairs[at + 1]);
    if (reason === 'unknown')
      return new ErrorReply(`ERR Unknown option or number of arguments for CONFIG SET - '${given}'`);
    if (reason !== undefined)
      return new ErrorReply(`ERR CONFIG SET failed (possibly related to argument '${name}') - ${reason}`);
    seen.add(name);
  }
  return undefined;
}

function reasonAgainst(name: string, value: string | undefined): string | undefined {
  const current = fixed().get(name);
  if (current !== undefined) return current === value ? undefined : "can't set immutable config";
  const changeable = CHANGEABLE.get(name);
  if (changeable === undefined || value === undefined) return 'unknown';
  const number = parseInteger(value);
  if (number === undefined) return "argument couldn't be parsed into an integer";
  const { least, most } = changeable;
  return number < BigInt(least) || number > BigInt(most)
    ? `argument must be between ${least} and ${most} inclusive`
    : undefined;
}

/** Sets what {@link refusalOfSettings} has nothing against. */
export function changeSettings(log: SlowLog, pairs: Args): void {
  for (let at = 0; at < pairs.length; at += 2)
    CHANGEABLE.get(pairs[at]?.toLowerCase() ?? '')?.set(log, Number(pairs[at + 1]));
}
