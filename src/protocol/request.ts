/**
 * What clients ask for, whatever protocol they speak.
 */

import type { CasCommand, DeleteCommand, SetCommand } from '../kv/command.js';

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

export type Request = WriteRequest | GetRequest | MalformedRequest;
