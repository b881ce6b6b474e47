/** Reads a batch of commands from a log entry's payload: see batch-format.ts. */

import { ByteReader, type ByteSpan } from '../bytes/byte-reader.js';
import { type Args, BatchError, type WatchedKey } from '../protocol/command.js';
import {
  COUNT_OFFSET,
  EXPTIME_BYTES,
  HEADER_BYTES,
  ONCE_NUMBERS_BYTES,
  Operation,
  TTL_BYTES,
  VALUE_LIMIT_BYTES,
  VERSION_BYTES,
} from './batch-format.js';

/** What a batch does to the store, command by command. */
export interface BatchVisitor {
  /** The length of the largest value that the commands to come may make. */
  valueLimit(bytes: number): void;
  set(key: ByteSpan, value: ByteSpan, exptimeS: number): void;
  cas(key: ByteSpan, value: ByteSpan, exptimeS: number, version: number): void;
  delete(key: ByteSpan): void;
  redis(args: Args): void;
  /** The commands are read when they are executed: before the next command of the batch. */
  redisTransaction(watched: readonly WatchedKey[], commands: TransactionCommands): void;
  /** @param name what the session's id is to contain */
  sessionOpen(name: string, ttlS: number): void;
  sessionClose(id: string): void;
  /** The next command is to be executed once. */
  once(id: string, seq: number, done: number): void;
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

/**
 * Goes through a payload's commands in order, in steps. An empty payload is Raft's no-op and holds none. Keys and values
 * are not copied. Its methods throw {@link BatchError} or TruncatedBytesError.
 */
export class BatchReader {
  readonly #reader: ByteReader;
  readonly #args: ArgsReader;
  readonly #transaction: TransactionReader;
  /** Commands that {@link next} has not come to. */
  #left = 0;
  /** When the batch was completed, in ms since the epoch; undefined for a no-op. */
  readonly stampMs: number | undefined;

  constructor(payload: Uint8Array) {
    this.#reader = new ByteReader(payload);
    this.#args = new ArgsReader(this.#reader);
    this.#transaction = new TransactionReader(this.#reader, this.#args);
    if (payload.byteLength === 0) return;
    if (payload.byteLength < HEADER_BYTES) throw new BatchError(`${payload.byteLength} bytes are too few`);
    this.stampMs = this.#reader.f64();
    this.#left = this.#reader.u32();
  }

  /** Units of work (work.ts) on what was read so far. */
  get units(): number {
    return this.#transaction.units;
  }

  get isAtEnd(): boolean {
    if (this.#left > 0 || this.#args.isWithin || this.#transaction.left > 0) return false;
    if (this.#reader.remaining > 0) throw new BatchError(`${this.#reader.remaining} bytes are left over`);
    return true;
  }

  /** Hands the next command to the visitor, or reads a part of a long one, which takes several calls. */
  next(visitor: BatchVisitor): void {
    if (this.#args.isWithin) {
      this.#readArgs(visitor);
      return;
    }
    this.#left -= 1;
    const operation = this.#reader.u8();
    switch (operation) {
      case Operation.redis:
        this.#readArgs(visitor);
        return;
      case Operation.redisTransaction: {
        const watched = readList(this.#reader, readWatchedKey);
        this.#transaction.begin();
        visitor.redisTransaction(watched, this.#transaction);
        return;
      }
      case Operation.valueLimit:
        visitor.valueLimit(this.#reader.u32());
        return;
      case Operation.sessionOpen:
        visitor.sessionOpen(readString(this.#reader), this.#reader.f64());
        return;
      case Operation.sessionClose:
        visitor.sessionClose(readString(this.#reader));
        return;
      case Operation.once:
        visitor.once(readString(this.#reader), this.#reader.f64(), this.#reader.f64());
        return;
      default:
        readKeyed(this.#reader, visitor, operation);
    }
  }

  #readArgs(visitor: BatchVisitor): void {
    const args = this.#args.next();
    if (args !== undefined) visitor.redis(args);
  }
}

/** Arguments that are read at once. */
const ARGS_AT_ONCE = 1024;

/** The cost of reading an argument, besides its bytes: see work.ts. */
const ARG_WORK = 80;

/** Reads the arguments of one command after the other, of a long one in several calls. */
class ArgsReader {
  readonly #reader: ByteReader;
  /** Arguments that were read so far. */
  count = 0;
  #args: string[] = [];
  #missing = 0;

  constructor(reader: ByteReader) {
    this.#reader = reader;
  }

  get isWithin(): boolean {
    return this.#missing > 0;
  }

  /** The arguments of the next command; undefined when it is to be called again for them. */
  next(): Args | undefined {
    if (this.#missing === 0) this.#missing = this.#reader.u32();
    const count = Math.min(this.#missing, ARGS_AT_ONCE);
    for (let i = 0; i < count; i += 1) this.#args.push(readString(this.#reader));
    this.#missing -= count;
    this.count += count;
    if (this.#missing > 0) return undefined;
    const args = this.#args;
    this.#args = [];
    return args;
  }
}

class TransactionReader implements TransactionCommands {
  readonly #reader: ByteReader;
  readonly #args: ArgsReader;
  left = 0;

  constructor(reader: ByteReader, args: ArgsReader) {
    this.#reader = reader;
    this.#args = args;
  }

  get units(): number {
    return this.#reader.offset + ARG_WORK * this.#args.count;
  }

  begin(): void {
    this.left = this.#reader.u32();
  }

  next(): Args | undefined {
    const args = this.#args.next();
    if (args !== undefined) this.left -= 1;
    return args;
  }
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
    if (operation > Operation.delete) {
      if (operation === Operation.redisTransaction) return;
      skipKeyless(reader, operation);
      continue;
    }
    visit(reader.span(reader.u8()));
    if (operation === Operation.delete) continue;
    reader.skip(operation === Operation.cas ? EXPTIME_BYTES + VERSION_BYTES : EXPTIME_BYTES);
    reader.skip(reader.u32());
  }
}

/** Passes over a command that is none of set, cas, delete and a transaction. */
function skipKeyless(reader: ByteReader, operation: number): void {
  switch (operation) {
    case Operation.redis:
      for (let args = reader.u32(); args > 0; args -= 1) reader.skip(reader.u32());
      return;
    case Operation.valueLimit:
      reader.skip(VALUE_LIMIT_BYTES);
      return;
    case Operation.sessionOpen:
      reader.skip(reader.u32());
      reader.skip(TTL_BYTES);
      return;
    case Operation.sessionClose:
      reader.skip(reader.u32());
      return;
    case Operation.once:
      reader.skip(reader.u32());
      reader.skip(ONCE_NUMBERS_BYTES);
      return;
  }
}

function readList<T>(reader: ByteReader, readOne: (reader: ByteReader) => T): T[] {
  const list: T[] = [];
  for (let count = reader.u32(); count > 0; count -= 1) list.push(readOne(reader));
  return list;
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
    case Operation.set: {
      const exptimeS = reader.f64();
      visitor.set(key, reader.span(reader.u32()), exptimeS);
      return;
    }
    case Operation.cas: {
      const exptimeS = reader.f64();
      const version = reader.f64();
      visitor.cas(key, reader.span(reader.u32()), exptimeS, version);
      return;
    }
    case Operation.delete:
      visitor.delete(key);
      return;
    default:
      throw new BatchError(`there is no operation ${operation}`);
  }
}
