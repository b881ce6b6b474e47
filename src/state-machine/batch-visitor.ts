/** What a batch of commands says, command by command, to whoever has it read. */

import type { ByteSpan } from '../bytes/byte-reader.js';
import type { Args, DeleteIfCommand, FormerlyWatchedKey, WatchedKey } from '../protocol/command.js';
import type { ArgSource } from './arg-source.js';

/** A command with more arguments, its name counted, is handed on without a list of them. */
export const MAX_LISTED_ARGS = 256;

/** What a batch does to the store, command by command. */
export interface BatchVisitor {
  /** The length of the largest value that the commands to come may make. */
  valueLimit(bytes: number): void;
  set(key: ByteSpan, value: ByteSpan, exptimeS: number): void;
  cas(key: ByteSpan, value: ByteSpan, exptimeS: number, version: number): void;
  casRevision(key: ByteSpan, value: ByteSpan, exptimeS: number, revision: number): void;
  add(key: ByteSpan, value: ByteSpan, exptimeS: number): void;
  delete(key: ByteSpan): void;
  /** The number of the rule for the work of the transactions to come. */
  workRule(number: number): void;
  deleteIf(key: ByteSpan, by: DeleteIfCommand['by'], expected: number): void;
  redis(args: Args): void;
  /** A command of more arguments than {@link MAX_LISTED_ARGS}. They are read before the next command of the batch. */
  longRedis(name: string, args: ArgSource): void;
  /** The commands are read when they are executed: before the next command of the batch. */
  redisTransaction(
    watched: readonly (WatchedKey | FormerlyWatchedKey)[],
    commands: TransactionCommands,
  ): void;
  /** @param name what the session's id is to contain */
  sessionOpen(name: string, ttlS: number): void;
  sessionClose(id: string): void;
  /** The next command is to be executed once. */
  once(id: string, seq: number, done: number): void;
  /** The rows to come are of this start of the router. */
  routerStart(start: string): void;
  /** The next command is that of a connection, whose stream it ends at this place. */
  dedupe(row: number, connection: number, place: number): void;
  /** Each command to come ends that much later in the connection's stream than the one before. */
  stride(bytes: number): void;
  /** The commands to come are no connection's. */
  dedupeEnd(): void;
}

/** The commands of a transaction, one after the other. */
export interface TransactionCommands {
  /** Units of work (work.ts) on what was read so far, of commands before the transaction, too. */
  readonly units: number;
  /** How many commands {@link next} has not returned yet. */
  readonly left: number;
  /** Reads on; the next command's arguments, or undefined when a long command needs another call. */
  next(): Args | undefined;
}
