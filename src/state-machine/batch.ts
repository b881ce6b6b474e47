/**
 * A batch of commands as one log entry's payload.
 *
 * Layout, in the order of the bytes: the stamp (f64, ms since the epoch), the number of commands (u32), and the commands.
 * A command is its operation (u8) and:
 *
 * - set: key (u8 length, bytes), exptime (f64, seconds), value (u32 length, bytes);
 * - cas: key, exptime, version (f64), value;
 * - delete: key;
 * - a Redis command: the number of its arguments (u32), and each (u32 length, bytes);
 * - a transaction: the number of watched keys (u32), and for each the key (u32 length, bytes), version, deadline and hash of
 *   the value (f64 each); the number of commands (u32), and each one's arguments.
 *
 * The stamp is the leader's wall clock when the batch was completed. Replicas take the time from stamps alone, so all
 * of them expire the same keys at the same point of the log.
 */

import { ByteReader, type ByteSpan } from '../bytes/byte-reader.js';
import { ByteWriter } from '../bytes/byte-writer.js';
import {
  type Args,
  BatchError,
  type Command,
  type RedisTransaction,
  type WatchedKey,
} from '../protocol/command.js';

const HEADER_BYTES = 12;
const COUNT_OFFSET = 8;
const EXPTIME_BYTES = 8;
const VERSION_BYTES = 8;

const SET = 1;
const CAS = 2;
const DELETE = 3;
const REDIS = 4;
const REDIS_TRANSACTION = 5;

/** Collects commands for one log entry. */
export class BatchEncoder {
  readonly #out = new ByteWriter();
  #count = 0;

  constructor() {
    this.clear();
  }

  /** Length of the payload so far. */
  get byteLength(): number {
    return this.#out.length;
  }

  /** Appends a command; its bytes are copied. */
  add(command: Command): void {
    this.#count += 1;
    switch (command.type) {
      case 'set':
        this.#head(SET, command.key);
        this.#out.f64(command.exptimeS);
        this.#value(command.value);
        return;
      case 'cas':
        this.#head(CAS, command.key);
        this.#out.f64(command.exptimeS);
        this.#out.f64(command.version);
        this.#value(command.value);
        return;
      case 'delete':
        this.#head(DELETE, command.key);
        return;
      case 'redis':
        this.#out.u8(REDIS);
        this.#args(command.args);
        return;
      case 'redis-transaction':
        this.#out.u8(REDIS_TRANSACTION);
        this.#transaction(command);
        return;
    }
  }

  /** The payload, stamped with a time in ms since the epoch. The encoder starts anew. */
  finish(stampMs: number): Uint8Array<ArrayBuffer> {
    this.#out.patchF64(0, stampMs);
    this.#out.patchU32(COUNT_OFFSET, this.#count);
    const payload = this.#out.take();
    this.clear();
    return payload;
  }

  /** Forgets what was added. */
  clear(): void {
    this.#count = 0;
    this.#out.clear();
    this.#out.f64(0);
    this.#out.u32(0);
  }

  #args(args: Args): void {
    this.#out.u32(args.length);
    for (const arg of args) this.#string(arg);
  }

  #string(text: string): void {
    this.#out.u32(text.length);
    this.#out.latin1(text);
  }

  #transaction({ watched, commands }: RedisTransaction): void {
    this.#out.u32(watched.length);
    for (const { key, version, deadlineMs, valueHash } of watched) {
      this.#string(key);
      this.#out.f64(version);
      this.#out.f64(deadlineMs);
      this.#out.f64(valueHash);
    }
    this.#out.u32(commands.length);
    for (const args of commands) this.#args(args);
  }

  #head(operation: number, key: string): void {
    this.#out.u8(operation);
    this.#out.u8(key.length);
    this.#out.latin1(key);
  }

  #value(value: Uint8Array): void {
    this.#out.u32(value.byteLength);
    this.#out.bytes(value);
  }
}

/** What a batch does to the store, command by command. */
export interface BatchVisitor {
  /** Comes first. */
  stamp(stampMs: number): void;
  set(key: ByteSpan, value: ByteSpan, exptimeS: number): void;
  cas(key: ByteSpan, value: ByteSpan, exptimeS: number, version: number): void;
  delete(key: ByteSpan): void;
  redis(args: Args): void;
  redisTransaction(watched: readonly WatchedKey[], commands: readonly Args[]): void;
}

/**
 * Goes through a payload's commands in order. An empty payload is Raft's no-op and holds none. Keys and values are
 * not copied. Throws {@link BatchError} or TruncatedBytesError.
 */
export function readBatch(payload: Uint8Array, visitor: BatchVisitor): void {
  if (payload.byteLength === 0) return;
  if (payload.byteLength < HEADER_BYTES) throw new BatchError(`${payload.byteLength} bytes are too few`);
  const reader = new ByteReader(payload);
  visitor.stamp(reader.f64());
  for (let count = reader.u32(); count > 0; count -= 1) readCommand(reader, visitor);
  if (reader.remaining > 0) throw new BatchError(`${reader.remaining} bytes are left over`);
}

/**
 * The keys of the sets, cas and deletes before a batch's first transaction, in order. Where the payload is no batch, it
 * stops or throws TruncatedBytesError.
 */
export function visitKeys(payload: Uint8Array, visit: (key: ByteSpan) => void): void {
  if (payload.byteLength < HEADER_BYTES) return;
  const reader = new ByteReader(payload);
  reader.skip(COUNT_OFFSET);
  for (let count = reader.u32(); count > 0; count -= 1) {
    const operation = reader.u8();
    if (operation === REDIS) {
      for (let args = reader.u32(); args > 0; args -= 1) reader.skip(reader.u32());
      continue;
    }
    if (operation === REDIS_TRANSACTION) return;
    visit(reader.span(reader.u8()));
    if (operation === DELETE) continue;
    reader.skip(operation === CAS ? EXPTIME_BYTES + VERSION_BYTES : EXPTIME_BYTES);
    reader.skip(reader.u32());
  }
}

function readCommand(reader: ByteReader, visitor: BatchVisitor): void {
  const operation = reader.u8();
  switch (operation) {
    case REDIS:
      visitor.redis(readArgs(reader));
      return;
    case REDIS_TRANSACTION:
      visitor.redisTransaction(readList(reader, readWatchedKey), readList(reader, readArgs));
      return;
    default:
      readKeyed(reader, visitor, operation);
  }
}

function readList<T>(reader: ByteReader, readOne: (reader: ByteReader) => T): T[] {
  const list: T[] = [];
  for (let count = reader.u32(); count > 0; count -= 1) list.push(readOne(reader));
  return list;
}

function readArgs(reader: ByteReader): string[] {
  return readList(reader, readString);
}

function readString(reader: ByteReader): string {
  return reader.latin1(reader.u32());
}

function readWatchedKey(reader: ByteReader): WatchedKey {
  return {
    key: readString(reader),
    version: reader.f64(),
    deadlineMs: reader.f64(),
    valueHash: reader.f64(),
  };
}

function readKeyed(reader: ByteReader, visitor: BatchVisitor, operation: number): void {
  const key = reader.span(reader.u8());
  switch (operation) {
    case SET: {
      const exptimeS = reader.f64();
      visitor.set(key, reader.span(reader.u32()), exptimeS);
      return;
    }
    case CAS: {
      const exptimeS = reader.f64();
      const version = reader.f64();
      visitor.cas(key, reader.span(reader.u32()), exptimeS, version);
      return;
    }
    case DELETE:
      visitor.delete(key);
      return;
    default:
      throw new BatchError(`there is no operation ${operation}`);
  }
}
