/** The settings that CONFIG knows: a few that can be changed, at all servers at once, and others that only tell what is true. */

import { MAX_VALUE_BYTES } from '../../limits.js';
import type { Args } from '../../protocol/command.js';
import { parseInteger } from '../../protocol/resp/numbers.js';
import { ErrorReply } from '../../protocol/resp/value.js';
import { MAX_SLOW_LOG_ENTRIES } from '../../redis-limits.js';
import type { SlowLog } from '../slow-log.js';
import { EventFlags, isEventFlags } from './event-flags.js';

/** What of a server the settings change. */
export interface Changeable {
  readonly slowLog: SlowLog;
  readonly notifications: { flags: EventFlags };
}

interface Setting {
  readonly get: (of: Changeable) => string;
  /** Sets what there is no reason against. */
  readonly set: (of: Changeable, value: string) => void;
  readonly reasonAgainst: (value: string) => string | undefined;
}

function integer(
  [least, most]: readonly [least: number, most: number],
  get: (log: SlowLog) => number,
  set: (log: SlowLog, value: number) => void,
): Setting {
  return {
    get: ({ slowLog }) => `${get(slowLog)}`,
    set: ({ slowLog }, value) => set(slowLog, Number(value)),
    reasonAgainst: (value) => {
      const number = parseInteger(value);
      if (number === undefined) return "argument couldn't be parsed into an integer";
      return number < BigInt(least) || number > BigInt(most)
        ? `argument must be between ${least} and ${most} inclusive`
        : undefined;
    },
  };
}

const CHANGEABLE = new Map<string, Setting>([
  [
    'slowlog-log-slower-than',
    integer(
      [-1, Number.MAX_SAFE_INTEGER],
      ({ thresholdUs }) => thresholdUs,
      (log, value) => {
        log.thresholdUs = value;
      },
    ),
  ],
  [
    'slowlog-max-len',
    integer(
      [0, MAX_SLOW_LOG_ENTRIES],
      ({ maxLength }) => maxLength,
      (log, value) => {
        log.maxLength = value;
      },
    ),
  ],
  [
    'notify-keyspace-events',
    {
      get: ({ notifications }) => notifications.flags.toString(),
      set: ({ notifications }, value) => {
        notifications.flags = new EventFlags(value);
      },
      reasonAgainst: (value) =>
        isEventFlags(value) ? undefined : "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.",
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
    ['proto-max-bulk-len', `${MAX_VALUE_BYTES}`],
    ['save', ''],
    ['timeout', '0'],
  ]);
}

/** All settings by name, in order. */
export function settings(of: Changeable): readonly (readonly [name: string, value: string])[] {
  const all = fixed();
  for (const [name, { get }] of CHANGEABLE) all.set(name, get(of));
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
  return changeable === undefined || value === undefined ? 'unknown' : changeable.reasonAgainst(value);
}

/** Sets what {@link refusalOfSettings} has nothing against. */
export function changeSettings(of: Changeable, pairs: Args): void {
  for (let at = 0; at < pairs.length; at += 2)
    CHANGEABLE.get(pairs[at]?.toLowerCase() ?? '')?.set(of, pairs[at + 1] ?? '');
}
