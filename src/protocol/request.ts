/**
 * What clients ask for, in either protocol.
 */

import type {
  Args,
  OnceCommand,
  RedisTransaction,
  RedisWrite,
  SessionCloseCommand,
  SessionOpenCommand,
  TextCommand,
} from './command.js';
import type { RedisCommand } from './resp/commands.js';
import type { RespValue } from './resp/value.js';

/** A write may ask for silence: its success or failure is not reported. */
interface Silenceable {
  readonly noreply: boolean;
}

export interface GetRequest {
  /** `getm` also reports the version and how long the key lives, `gets` the revision, too. */
  readonly type: 'get' | 'getm' | 'gets';
  /** One character per byte. */
  readonly key: string;
}

/** Not a command, or a bad one: it is answered by an error, and the connection goes on. */
export interface MalformedRequest {
  readonly type: 'malformed';
  /** It would be a good command without the limits on sizes, and asks for silence. */
  readonly noreply: boolean;
}

/** Tells the password, one character per byte. */
export interface AuthRequest {
  readonly type: 'auth';
  readonly password: string;
}

/** Any command of a client that has yet to tell the password. */
export interface LockedRequest {
  readonly type: 'locked';
}

/** Tells the client of the changes of all keys with the prefix. */
export interface WatchRequest {
  readonly type: 'watch';
  /** One character per byte. */
  readonly prefix: string;
  /** The first to be told; 0 for the state and then its changes; undefined for those that happen from now on. */
  readonly revision: number | undefined;
  /** It goes on with a watch that was at another server: the client is not told that it begins. */
  readonly isResumed: boolean;
}

export interface UnwatchRequest {
  readonly type: 'unwatch';
}

export type WriteRequest = TextCommand & Silenceable;

/** Opens, closes or uses a session of the client's, in either protocol. */
export type SessionRequest = SessionOpenCommand | SessionCloseCommand | OnceRequest;

export interface OnceRequest extends OnceCommand {
  /** The first key of its command, whose slot a redirect names. */
  readonly slotKey: string | undefined;
}

/** A Redis command that goes through the log. */
export interface RedisWriteRequest extends RedisWrite {
  /** Its first key, whose slot a redirect names. */
  readonly slotKey: string | undefined;
}

/** A Redis command that reads. */
export interface RedisReadRequest {
  readonly type: 'redis-read';
  readonly command: RedisCommand;
  /** Those after its name. */
  readonly args: Args;
}

/** A Redis command that goes through all keys. */
export interface RedisWalkRequest {
  readonly type: 'redis-walk';
  /** The name in the state machine's table of walks. */
  readonly name: string;
  /** Those after its name. */
  readonly args: Args;
}

/** Remembers what keys look like, for a transaction. */
export interface RedisWatchRequest {
  readonly type: 'redis-watch';
  readonly keys: Args;
}

/** A command that was put into a transaction, to be executed by a later request. */
export interface RedisQueuedRequest {
  readonly type: 'redis-queued';
  readonly slotKey: string | undefined;
}

/** A Redis command that has the same reply wherever it is answered. */
export interface RedisFixedRequest {
  readonly type: 'redis-fixed';
  readonly value: RespValue;
}

/** A Redis command about the connection or the server, which answers it when its turn has come. */
export interface RedisLocalRequest {
  readonly type: 'redis-local';
  readonly name: string;
  /** Those after its name. */
  readonly args: Args;
}

export type RedisRequest =
  | RedisWriteRequest
  | RedisTransaction
  | RedisReadRequest
  | RedisWalkRequest
  | RedisWatchRequest
  | RedisQueuedRequest
  | RedisFixedRequest
  | RedisLocalRequest;

export type TextRequest =
  | WatchRequest
  | UnwatchRequest
  | WriteRequest
  | GetRequest
  | SessionRequest
  | AuthRequest
  | LockedRequest
  | MalformedRequest;

export type Request = TextRequest | RedisRequest;

/** Whether the request reads keys, and does nothing else. */
export function isRead({ type }: Request): boolean {
  switch (type) {
    case 'get':
    case 'getm':
    case 'gets':
    case 'redis-read':
    case 'redis-walk':
      return true;
    default:
      return false;
  }
}

/** Whether the request goes through the log: it may take effect although its client is never told. */
export function isWrite({ type }: Request): boolean {
  switch (type) {
    case 'set':
    case 'cas':
    case 'cas-revision':
    case 'add':
    case 'delete':
    case 'delete-if':
    case 'redis':
    case 'redis-transaction':
    case 'session-open':
    case 'session-close':
    case 'once':
      return true;
    default:
      return false;
  }
}
