/** What a Redis command is: how it is called, which keys it names, and what it does. */

import type { RespValue } from '../../protocol/resp/value.js';
import type { Keyspace, ReadableKeyspace } from './keyspace.js';

/** Arguments of a command behind its name, one character per byte. */
export type Args = readonly string[];

/** Where the keys are among the arguments: from the first to the last (negative: counted from the end), each so many apart. */
export interface KeyPositions {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

interface Described {
  /** In lower case. */
  readonly name: string;
  /** Arguments, the name included: exactly so many, or at least so many if negative. */
  readonly arity: number;
  /** Undefined for commands without keys. */
  readonly keys: KeyPositions | undefined;
}

/** Changes the store, or may: goes through the log, and is decided when it is applied. */
export interface WriteCommand extends Described {
  readonly kind: 'write';
  readonly run: (keyspace: Keyspace, args: Args) => RespValue;
}

/** Reads the store, as it is after everything that was acknowledged before. */
export interface ReadCommand extends Described {
  readonly kind: 'read';
  readonly run: (keyspace: ReadableKeyspace, args: Args) => RespValue;
}

/** Concerns the connection or this server alone: see server/redis-session.ts. */
export interface ConnectionCommand extends Described {
  readonly kind: 'connection';
  /** For those whose reply depends on their arguments alone, so that they may be part of a transaction. */
  readonly run: ((args: Args) => RespValue) | undefined;
}

export type RedisCommand = WriteCommand | ReadCommand | ConnectionCommand;

export const ONE_KEY: KeyPositions = { first: 0, last: 0, step: 1 };
export const ALL_KEYS: KeyPositions = { first: 0, last: -1, step: 1 };
export const TWO_KEYS: KeyPositions = { first: 0, last: 1, step: 1 };
export const KEYS_AND_VALUES: KeyPositions = { first: 0, last: -1, step: 2 };

/** The keys that these arguments name. */
export function keysOf({ keys }: RedisCommand, args: Args): string[] {
  if (keys === undefined) return [];
  const last = keys.last < 0 ? args.length + keys.last : keys.last;
  const found: string[] = [];
  for (let at = keys.first; at <= Math.min(last, args.length - 1); at += keys.step)
    found.push(args[at] ?? '');
  return found;
}

/** Whether there are as many arguments behind the name as there must be. */
export function hasArity({ arity }: RedisCommand, args: Args): boolean {
  const count = args.length + 1;
  return arity < 0 ? count >= -arity : count === arity;
}
