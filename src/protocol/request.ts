/**
 * What clients ask for, whatever protocol they speak.
 */

import type { Args, ReadCommand } from '../state-machine/redis/command.js';
import type { RedisContext } from '../state-machine/redis/context.js';
import type { CasCommand, DeleteCommand, RedisTransaction, RedisWrite, SetCommand } from './command.js';
import type { RespValue } from './resp/value.js';

/** A write may ask for silence: its success or failure is not reported. */
interface Silenceable {
  readonly noreply: boolean;
}

export interface GetRequest {
  /** `getm` also reports the version and how long the key lives. */
  readonly type: 'get' | 'getm';
  /** One character per byte. */
  readonly key: string;
}

/** Not a command, or a bad one: it is answered by an error, and the connection goes on. */
export interface MalformedRequest {
  readonly type: 'malformed';
}

export type WriteRequest =
  | (SetCommand & Silenceable)
  | (CasCommand & Silenceable)
  | (DeleteCommand & Silenceable);

/** A Redis command that goes through the log. */
export interface RedisWriteRequest extends RedisWrite {
  /** Its first key, whose slot a redirect names. */
  readonly slotKey: string | undefined;
}

/** A Redis command that reads. */
export interface RedisReadRequest {
  readonly type: 'redis-read';
  readonly command: ReadCommand;
  /** Behind its name. */
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

/** A Redis command that any server answers by itself. */
export interface RedisLocalRequest {
  readonly type: 'redis-local';
  /** Called when its turn to be answered has come. */
  readonly evaluate: (context: RedisContext) => RespValue;
}

export type RedisRequest =
  | RedisWriteRequest
  | RedisTransaction
  | RedisReadRequest
  | RedisWatchRequest
  | RedisQueuedRequest
  | RedisFixedRequest
  | RedisLocalRequest;

export type TextRequest = WriteRequest | GetRequest | MalformedRequest;

export type Request = TextRequest | RedisRequest;
