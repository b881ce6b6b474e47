/**
 * The commands that change the store, and their results (the state machine's input and output).
 */

import { MAX_SESSION_COMMANDS } from '../session-limits.js';
import type { RespValue } from './resp/value.js';

/** Arguments of a Redis command, one character per byte. */
export type Args = readonly string[];

/** What a key looked like when a client began to watch it. */
export interface WatchedKey {
  readonly key: string;
  /** The revision of its last change. For an absent key: minus one, minus the removal count of its hash group. */
  readonly mark: number;
}

/** {@link WatchedKey} as entries of earlier versions of the program have it. */
export interface FormerlyWatchedKey {
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

/** Stores the value if the key's last change has this revision. */
export interface CasRevisionCommand extends Omit<SetCommand, 'type'> {
  readonly type: 'cas-revision';
  /** A number that is not a safe integer never matches. */
  readonly revision: number;
}

/** Stores the value if there is no such key. */
export interface AddCommand extends Omit<SetCommand, 'type'> {
  readonly type: 'add';
}

export interface DeleteCommand {
  readonly type: 'delete';
  readonly key: string;
}

/** Deletes the key if it is at this version, or its last change has this revision. */
export interface DeleteIfCommand {
  readonly type: 'delete-if';
  readonly key: string;
  readonly by: 'version' | 'revision';
  /** A number that is not a safe integer never matches. */
  readonly expected: number;
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
  /**
   * Its commands, or what its keys looked like, are lost with the server that knew them: it is not executed, and this is the
   * reply, unless it is a repeat of one that was.
   */
  readonly lost?: RespValue;
}

/** A key that is never as it was: what a lost transaction watches. */
export const CHANGED_KEY: WatchedKey = { key: '', mark: Number.NaN };

export type TextCommand =
  | SetCommand
  | CasCommand
  | CasRevisionCommand
  | AddCommand
  | DeleteCommand
  | DeleteIfCommand;

/** Opens a client's session, in which commands are executed exactly once (dissertation, 6.3). */
export interface SessionOpenCommand {
  readonly type: 'session-open';
  /** How long the session lives after its last command, in whole seconds of the state machine's time. */
  readonly ttlS: number;
}

/** Ends the session, if it is there. */
export interface SessionCloseCommand {
  readonly type: 'session-close';
  readonly id: string;
}

/** Executes the command, unless the session has executed one of this number: then its result is the first one's. */
export interface OnceCommand {
  readonly type: 'once';
  /** The session's id, one character per byte. */
  readonly id: string;
  /** The number of the command in its session, from 1 on. */
  readonly seq: number;
  /** The client has the results of all commands up to this number: they may be forgotten. */
  readonly done: number;
  readonly command: TextCommand | RedisWrite;
}

/** Whether a command of a session may have this number, given what its client says is done. */
export function isWithinSession(seq: number, done: number): boolean {
  return seq > done && seq <= done + MAX_SESSION_COMMANDS;
}

export type SessionCommand = SessionOpenCommand | SessionCloseCommand | OnceCommand;

export type Command = TextCommand | RedisWrite | RedisTransaction | SessionCommand;

/** The result of a command. */
export type CommandResult = WriteResult | SessionResult | RepeatResult;

/** The result of a command that writes to keys: what a session keeps of it. */
export type WriteResult = TextResult | RedisResult;

export type SessionResult =
  | { readonly type: 'session'; readonly id: string }
  | { readonly type: 'session-closed' }
  /** There is no such session. Nothing was executed. */
  | { readonly type: 'no-session' }
  /** The command was executed before, and its result was too large to be kept. */
  | { readonly type: 'result-not-kept' }
  /** The client has said that it has the result of a command with this number. Nothing was executed. */
  | { readonly type: 'result-forgotten' };

/** The result of a command that the router repeats, where the one that it had cannot be told. */
export type RepeatResult =
  /** The command was executed before, and its result was too long to be kept. */
  | { readonly type: 'result-too-long' }
  /** The command may have been executed before. It is not executed now. */
  | { readonly type: 'result-unknown' };

export type TextResult =
  | { readonly type: 'stored'; readonly version: number }
  /** A {@link CasRevisionCommand} took effect. */
  | { readonly type: 'stored-at'; readonly version: number; readonly revision: number }
  | { readonly type: 'added'; readonly revision: number }
  | { readonly type: 'exists' }
  | { readonly type: 'deleted' }
  | { readonly type: 'not-found' }
  | { readonly type: 'version-mismatch' };

export interface RedisResult {
  readonly type: 'resp';
  readonly value: RespValue;
}

/** Whether it is the result of a command that writes to keys. */
export function isOfWrite(result: CommandResult): result is WriteResult {
  switch (result.type) {
    case 'session':
    case 'session-closed':
    case 'no-session':
    case 'result-not-kept':
    case 'result-forgotten':
    case 'result-too-long':
    case 'result-unknown':
      return false;
    default:
      return true;
  }
}

/** A log entry that does not hold a batch of commands: the log is corrupt, or of another version of the program. */
export class BatchError extends Error {
  readonly code = 'BAD_BATCH';

  constructor(reason: string) {
    super(`a log entry is not a batch of commands: ${reason}`);
    this.name = 'BatchError';
  }
}
