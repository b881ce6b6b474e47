/**
 * The commands that change the store, and their results (the state machine's input and output).
 */

import type { RespValue } from './resp/value.js';

/** Arguments of a Redis command, one character per byte. */
export type Args = readonly string[];

/** What a key looked like when a client began to watch it. */
export interface WatchedKey {
  readonly key: string;
  /** 0 when it did not exist. */
  readonly version: number;
  readonly deadlineMs: number;
  /** A hash of the value; of an absent key or a long value, the removal count of the key's group. */
  readonly valueHash: number;
}

/** Stores the value under the key, whether or not the key was there. */
export interface SetCommand {
  readonly type: 'set';
  /** One character per byte. */
  readonly key: string;
  readonly value: Uint8Array;
  /**
   * How long the key lives, in whole seconds from the batch's stamp on; 0 for ever. It is no deadline: the stamp is set
   * when the batch is complete, and the state machine makes a deadline of the two.
   */
  readonly exptimeS: number;
}

/** Stores the value if the key is at this version. */
export interface CasCommand extends Omit<SetCommand, 'type'> {
  readonly type: 'cas';
  /** The version the key must be at. A number that is not a safe integer never matches. */
  readonly version: number;
}

export interface DeleteCommand {
  readonly type: 'delete';
  readonly key: string;
}

/** A Redis command, decided when it is applied: see execute.ts of the state machine. */
export interface RedisWrite {
  readonly type: 'redis';
  /** Its name first; one character per byte. */
  readonly args: Args;
}

/** Several Redis commands, all or none of them. */
export interface RedisTransaction {
  readonly type: 'redis-transaction';
  readonly watched: readonly WatchedKey[];
  readonly commands: readonly Args[];
}

export type TextCommand = SetCommand | CasCommand | DeleteCommand;

export type Command = TextCommand | RedisWrite | RedisTransaction;

/** The result of a command. */
export type CommandResult = TextResult | RedisResult;

export type TextResult =
  | { readonly type: 'stored'; readonly version: number }
  | { readonly type: 'deleted' }
  | { readonly type: 'not-found' }
  | { readonly type: 'version-mismatch' };

export interface RedisResult {
  readonly type: 'resp';
  readonly value: RespValue;
}

/** A log entry that does not hold a batch of commands: the log is corrupt, or of another version of the program. */
export class BatchError extends Error {
  readonly code = 'BAD_BATCH';

  constructor(reason: string) {
    super(`a log entry is not a batch of commands: ${reason}`);
    this.name = 'BatchError';
  }
}
