/** Executes Redis commands: those of an entry that is applied, and those that only read. */

import { textOf } from '../../bytes/byte-reader.js';
import type { Args } from '../../protocol/command.js';
import type { RedisReadRequest, RedisWalkRequest, RedisWatchRequest } from '../../protocol/request.js';
import { commandOf, hasArity } from '../../protocol/resp/commands.js';
import { unknownCommand, wrongArity } from '../../protocol/resp/error-replies.js';
import { fixedReply } from '../../protocol/resp/fixed-replies.js';
import { limited } from '../../protocol/resp/reply-size.js';
import type { RespValue } from '../../protocol/resp/value.js';
import { type ArgSource, ListedArgs } from '../arg-source.js';
import type { KeyWalk } from '../key-image.js';
import { ARG_WORK, COMMAND_WORK, PLACE_WORK, type Steps, type Work } from '../work.js';
import { READS, WRITES } from './implementations.js';
import type { Keyspace, ReadableKeyspace } from './keyspace.js';
import { WALKS } from './keyspace-walks.js';
import {
  beginKeys,
  beginManyArgs,
  MAX_ARGS_AT_ONCE,
  STEPPED_READS,
  STEPPED_WRITES,
} from './long-commands.js';

/**
 * Executes a command of an entry that is applied.
 *
 * @param args the command's name first
 */
export function execute(keyspace: Keyspace, nameAndArgs: Args): RespValue {
  keyspace.work.units += COMMAND_WORK;
  const [name = ''] = nameAndArgs;
  const args = nameAndArgs.slice(1);
  const command = commandOf(name);
  if (command === undefined) return unknownCommand(name, args);
  if (!hasArity(command, args)) return wrongArity(name);
  if (command.kind === 'fixed') return fixedReply(command.name, args);
  const run = WRITES.get(command.name) ?? READS.get(command.name);
  return run === undefined ? unknownCommand(name, args) : run(keyspace, args);
}

/** The reply to a command that goes through these keys, in steps. */
export function executeWalk(
  keys: KeyWalk,
  { name, args }: Pick<RedisWalkRequest, 'name' | 'args'>,
  work: Work,
): Steps<RespValue> {
  const run = WALKS.get(name);
  if (run === undefined) throw new TypeError(`${name} does not go through all keys`);
  return run(keys, args, work);
}

/** The reply to a command that only reads, or an error if the reply is too large. */
export function executeRead(keyspace: ReadableKeyspace, { command, args }: RedisReadRequest): RespValue {
  const run = READS.get(command.name);
  return run === undefined ? unknownCommand(command.name, args) : limited(run(keyspace, args));
}

/**
 * The steps of a command of an entry that takes long; undefined for all others, which {@link execute} executes.
 *
 * @param args the command's name first
 */
export function beginLong(keyspace: Keyspace, args: Args): Steps<RespValue> | undefined {
  const [name = ''] = args;
  const command = commandOf(name);
  if (command === undefined || !hasArity(command, { length: args.length - 1 })) return undefined;
  if (args.length > MAX_ARGS_AT_ONCE || command.name === MGET) {
    const listed = args.slice(1);
    const steps =
      beginKeys(keyspace, command.name, new ListedArgs(listed)) ??
      beginManyArgs(keyspace, command.name, listed);
    if (steps !== undefined) return steps;
  }
  const run = STEPPED_WRITES.get(command.name) ?? STEPPED_READS.get(command.name);
  if (run !== undefined) return run(keyspace, args.slice(1));
  return command.kind === 'walk'
    ? walkSteps(keyspace, { name: command.name, args: args.slice(1) })
    : undefined;
}

/** The steps of a command of an entry that has more arguments than {@link MAX_ARGS_AT_ONCE}. */
export function* executeLong(keyspace: Keyspace, name: string, args: ArgSource): Steps<RespValue> {
  const { work } = keyspace;
  const steps = beginKeys(keyspace, commandOf(name)?.name ?? '', args);
  if (steps !== undefined) {
    const value = yield* steps;
    while (args.left > 0) {
      args.next();
      work.units += PLACE_WORK;
      if (work.isSpent) yield;
    }
    return value;
  }
  const listed = [name];
  while (args.left > 0) {
    const arg = args.next();
    listed.push(typeof arg === 'string' ? arg : textOf(arg));
    work.units += ARG_WORK + arg.length;
    if (work.isSpent) yield;
  }
  const long = beginLong(keyspace, listed);
  return long === undefined ? execute(keyspace, listed) : yield* long;
}

/** The steps of a command that only reads and takes long; undefined for all others, which {@link executeRead} executes. */
export function beginLongRead(
  keyspace: ReadableKeyspace,
  { command, args }: RedisReadRequest,
): Steps<RespValue> | undefined {
  const stepped = STEPPED_READS.get(command.name);
  if (stepped !== undefined) return stepped(keyspace, args);
  const isLong = args.length > MAX_ARGS_AT_ONCE || command.name === MGET;
  return isLong ? beginManyArgs(keyspace, command.name, args) : undefined;
}

/**
 * Whether the request is a read that takes long, for which {@link beginLongRead} has steps. MGET may be one, too: see
 * {@link executeShortRead}.
 */
export function isLongRead({ command, args }: RedisReadRequest): boolean {
  return args.length > MAX_ARGS_AT_ONCE || STEPPED_READS.has(command.name);
}

/** Whether so many keys are to be watched that it is done in steps. */
export function isLongWatch({ keys }: Pick<RedisWatchRequest, 'keys'>): boolean {
  return keys.length > MAX_ARGS_AT_ONCE;
}

/** The reply to a command that only reads; undefined if it is to be executed in steps. */
export type ShortRead = (keyspace: ReadableKeyspace, request: RedisReadRequest) => RespValue | undefined;

/** {@link executeRead}; undefined for an MGET that has come to so many bytes that it is to be executed in steps. */
export const executeShortRead: ShortRead = (keyspace, request) => {
  if (request.command.name !== MGET) return executeRead(keyspace, request);
  const values: RespValue[] = [];
  let byteCount = 0;
  for (const key of request.args) {
    const value = keyspace.get(key)?.value ?? null;
    byteCount += value?.length ?? 0;
    if (byteCount > MAX_BYTES_AT_ONCE) return undefined;
    values.push(value);
  }
  return values;
};

/** MGET may copy many bytes even for few keys. */
const MGET = 'mget';

/** Bytes of values that are copied at once. */
const MAX_BYTES_AT_ONCE = 256 * 1024;

function* walkSteps(keyspace: Keyspace, request: Pick<RedisWalkRequest, 'name' | 'args'>): Steps<RespValue> {
  const walk = keyspace.walk();
  try {
    return yield* executeWalk(walk, request, keyspace.work);
  } finally {
    walk.close();
  }
}
