/** What Redis commands see of the store, and how they do their work on it. */

import type { ByteString } from '../../bytes/byte-string.js';
import type { Args } from '../../protocol/command.js';
import type { RespValue } from '../../protocol/resp/value.js';
import type { ChangeEvent } from '../change-events.js';
import type { KeyWalk } from '../key-image.js';
import type { KeyRecord } from '../key-record.js';
import type { Work } from '../work.js';

/** What is known of a key without its value. */
export interface KeyMeta {
  readonly version: number;
  /** When the key expires, in ms since the epoch; 0 for never. */
  readonly deadlineMs: number;
  /** The value's length in bytes. */
  readonly length: number;
  /** Of the last change; 0 from before revisions were counted. */
  readonly revision: number;
}

export interface KeysLimit {
  readonly maxKeys: number;
  readonly maxBytes: number;
}

/** Some keys in the order of their hashes. Those with equal hashes are in one part, which goes over a limit for them. */
export interface KeysPart {
  readonly keys: readonly string[];
  /** The hash to go on from; undefined at the end. More keys may follow although this part has none. */
  readonly next: number | undefined;
}

export interface ReadableKeyspace {
  /** The time for this command, in ms since the epoch. */
  readonly nowMs: number;
  /** The length of the largest value that there may be, in bytes. */
  readonly maxValueBytes: number;
  /** How many keys there are. */
  readonly size: number;
  /** Counts the work done. */
  readonly work: Work;
  /** The key's record with its whole value, which takes time for a long value: {@link find} and {@link slice} do not. */
  get(key: ByteString): KeyRecord | undefined;
  find(key: ByteString): KeyMeta | undefined;
  /** The keys are about to be looked for, one after the other. The processor waits for memory less often than without this. */
  prefetch(keys: readonly ByteString[]): void;
  /** The value's bytes from `start` up to `end`, as far as there are any. */
  slice(key: string, start: number, end: number): string;
  /**
   * Keys in the order of their hashes, from that hash on. That order is the same on all servers of a cluster, also after a
   * restart. About as much work as a few hundred keys.
   */
  keysFrom(hash: number, limit: KeysLimit): KeysPart;
  /** The keys as they are now, to be gone through while they change. */
  walk(): KeyWalk;
  /** Changes whenever the key is removed, and now and then when another one is. */
  removalsOf(key: string): number;
  /** Uniform in [0, 1): for an entry that is applied the same on each server, for a read not. */
  random(): number;
}

/**
 * The keys while a log entry is applied: the same commands in the same order make the same state on every server. Each change is
 * noted with its event, for those who subscribe.
 */
export interface Keyspace extends ReadableKeyspace {
  /** Stores the value with the key's next version. A deadline of 0 stands for none; a past one removes the key. */
  put(key: ByteString, value: ByteString, deadlineMs: number, event?: ChangeEvent): void;
  /** Gives the key, which must exist, another deadline, and leaves its version. */
  setDeadline(key: string, deadlineMs: number): void;
  /**
   * Writes a part of the value with the key's next version; what is missing before it is filled with zeros. Returns the
   * length of the value then.
   */
  writePart(key: string, offset: number, part: string, event: ChangeEvent): number;
  /** Removes the key and says whether it was there. */
  remove(key: ByteString, event?: ChangeEvent): boolean;
  /** Removes all keys. */
  clear(): void;
  /** Changes from now on can be taken back. */
  beginChanges(): void;
  /** Keeps the changes since {@link beginChanges}. Returns whether that is done; to be called again otherwise. */
  keepChanges(): boolean;
  /** Takes back the changes since {@link beginChanges}. Returns whether that is done; to be called again otherwise. */
  takeBack(): boolean;
}

/** What a command that reads does with the arguments after its name, and what it replies. */
export type Read = (keyspace: ReadableKeyspace, args: Args) => RespValue;

/** What a command that changes the store, or may, does with the arguments after its name, and what it replies. */
export type Write = (keyspace: Keyspace, args: Args) => RespValue;
