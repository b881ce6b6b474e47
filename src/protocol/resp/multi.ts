/** A transaction that MULTI has begun, the keys that it watches, and the errors for misuse of both. */

import { MAX_WATCHED_BYTES, WATCHED_KEY_OVERHEAD_BYTES } from '../../limits.js';
import { type Args, CHANGED_KEY, type RedisTransaction, type WatchedKey } from '../command.js';
import { ErrorReply, type NullArray } from './value.js';

/** A transaction that is being put together. */
export interface Transaction {
  readonly commands: Args[];
  byteLength: number;
  /** The error that EXEC will be answered, because a command was refused. */
  refusal: ErrorReply | undefined;
}

/** What WATCH has named for the next EXEC. */
export class WatchedKeys {
  #keys: WatchedKey[] = [];
  /** The keys' earlier state is lost: EXEC does nothing. */
  areLost = false;
  #byteLength = 0;

  get keys(): readonly WatchedKey[] {
    return this.#keys;
  }

  /** Whether there is room for these keys, which then count. */
  mayAdd(keys: Args): boolean {
    const byteLength = this.#byteLength + byteLengthOf(keys, WATCHED_KEY_OVERHEAD_BYTES);
    if (byteLength > MAX_WATCHED_BYTES) return false;
    this.#byteLength = byteLength;
    return true;
  }

  add(keys: readonly WatchedKey[]): void {
    this.#keys.push(...keys);
  }

  forget(): void {
    this.#keys = [];
    this.areLost = false;
    this.#byteLength = 0;
  }
}

export const NESTED_MULTI = new ErrorReply('ERR MULTI calls can not be nested');
export const WATCH_IN_MULTI = new ErrorReply('ERR WATCH inside MULTI is not allowed');
export const EXEC_WITHOUT_MULTI = new ErrorReply('ERR EXEC without MULTI');
export const DISCARD_WITHOUT_MULTI = new ErrorReply('ERR DISCARD without MULTI');
export const NOT_IN_MULTI = new ErrorReply('ERR Command not allowed inside a transaction');
export const TRANSACTION_TOO_LARGE = new ErrorReply('ERR the transaction is too large');
export const TOO_MUCH_WATCHED = new ErrorReply('ERR too many keys are watched');
export const EXEC_ABORTED = new ErrorReply('EXECABORT Transaction discarded because of previous errors.');
export const EXEC_WITH_ARGS = new ErrorReply(
  "EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command",
);
export const LEADER_CHANGED = new ErrorReply(
  'EXECABORT Transaction discarded because of: the leader has changed',
);

/** Bytes of the arguments, each with this overhead. */
export function byteLengthOf(args: Args, overheadBytes: number): number {
  return args.reduce((sum, arg) => sum + arg.length + overheadBytes, 0);
}

/** EXEC of a transaction of which another server knew what this one does not. That server may have executed it. */
export function lostTransaction(lost: ErrorReply | NullArray): RedisTransaction {
  return { type: 'redis-transaction', watched: [CHANGED_KEY], commands: [], lost };
}
