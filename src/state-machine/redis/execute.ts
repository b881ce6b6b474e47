/** Executes Redis commands: those of an entry that is applied, and those that only read. */

import type { Args } from '../../protocol/command.js';
import type { RedisReadRequest, RedisWalkRequest, Request } from '../../protocol/request.js';
import { commandOf, hasArity } from '../../protocol/resp/commands.js';
import { unknownCommand, wrongArity } from '../../protocol/resp/error-replies.js';
import { fixedReply } from '../../protocol/resp/fixed-replies.js';
import { limited } from '../../protocol/resp/reply-size.js';
import type { RespValue } from '../../protocol/resp/value.js';
import type { KeyWalk } from '../key-image.js';
import { COMMAND_WORK, type Steps, type Work } from '../work.js';
import { READS, WRITES } from './implementations.js';
import type { Keyspace, ReadableKeyspace } from './keyspace.js';
import { WALKS } from './keyspace-walks.js';
import { LONG_READS, LONG_WRITES, MAX_ARGS_AT_ONCE, STEPPED_READS, STEPPED_WRITES } from './long-commands.js';

/**
 * Executes a command of an entry that is applied.
 *
 * @param args the command's name first
 */
export function execute(keyspace: Keyspace, [name = '', ...args]: Args): RespValue {
  keyspace.work.units += COMMAND_WORK;
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

/** The steps of a command of an entry that takes long; undefined for all others, which {@link execute} executes. */
export function beginLong(keyspace: Keyspace, args: Args): Steps<RespValue> | undefined {
  const [name = ''] = args;
  const lowerCase = name.toLowerCase();
  if (args.length > MAX_ARGS_AT_ONCE || lowerCase === MGET) {
    const run = LONG_WRITES.get(lowerCase) ?? LONG_READS.get(lowerCase);
    if (run !== undefined) return run(keyspace, args.slice(1));
  }
  const command = commandOf(name);
  if (command === undefined || !hasArity(command, args.slice(1))) return undefined;
  const run = STEPPED_WRITES.get(command.name) ?? STEPPED_READS.get(command.name);
  if (run !== undefined) return run(keyspace, args.slice(1));
  return command.kind === 'walk'
    ? walkSteps(keyspace, { name: command.name, args: args.slice(1) })
    : undefined;
}

/** The steps of a command that only reads and takes long; undefined for all others, which {@link executeRead} executes. */
export function beginLongRead(
  keyspace: ReadableKeyspace,
  { command, args }: RedisReadRequest,
): Steps<RespValue> | undefined {
  const stepped = STEPPED_READS.get(command.name);
  if (stepped !== undefined) return stepped(keyspace, args);
  const isLong = args.length > MAX_ARGS_AT_ONCE || command.name === MGET;
  return isLong ? LONG_READS.get(command.name)?.(keyspace, args) : undefined;
}

/** Whether the request is a read that takes long, for which {@link beginLongRead} has steps. */
export function isLongRead(request: Request, keyspace: Pick<ReadableKeyspace, 'find'>): boolean {
  if (request.type !== 'redis-read') return false;
  const { command, args } = request;
  if (args.length > MAX_ARGS_AT_ONCE || STEPPED_READS.has(command.name)) return true;
  return command.name === MGET && areLarge(keyspace, args);
}

/** MGET may copy many bytes even for few keys. */
const MGET = 'mget';

/** Bytes of values that are copied at once. */
const MAX_BYTES_AT_ONCE = 256 * 1024;

function areLarge(keyspace: Pick<ReadableKeyspace, 'find'>, keys: Args): boolean {
  let byteCount = 0;
  for (const key of keys) {
    byteCount += keyspace.find(key)?.length ?? 0;
    if (byteCount > MAX_BYTES_AT_ONCE) return true;
  }
  return false;
}

function* walkSteps(keyspace: Keyspace, request: Pick<RedisWalkRequest, 'name' | 'args'>): Steps<RespValue> {
  const walk = keyspace.walk();
  try {
    return yield* executeWalk(walk, request, keyspace.work);
  } finally {
    walk.close();
  }
}
