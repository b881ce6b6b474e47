/** Reads a batch of commands from a log entry's payload: see batch-format.ts. */

import { ByteReader, type ByteSpan, textOf } from '../bytes/byte-reader.js';
import { equals } from '../bytes/byte-string.js';
import { type Args, BatchError, type FormerlyWatchedKey, type WatchedKey } from '../protocol/command.js';
import type { ArgSource } from './arg-source.js';
import { HEADER_BYTES, Operation, START_BYTES } from './batch-format.js';
import { type BatchVisitor, MAX_LISTED_ARGS, type TransactionCommands } from './batch-visitor.js';
import { ARG_WORK } from './work.js';

/**
 * Goes through a payload's commands in order, in steps. An empty payload is Raft's no-op and holds none. Keys and values
 * are not copied. Its methods throw {@link BatchError} or TruncatedBytesError.
 */
export class BatchReader {
  readonly #reader: ByteReader;
  readonly #args: ArgsReader;
  readonly #transaction: TransactionReader;
  readonly #long: EncodedArgs;
  /** Commands that {@link next} has not come to. */
  #left = 0;
  /** When the batch was completed, in ms since the epoch; undefined for a no-op. */
  readonly stampMs: number | undefined;
  /** Whether changes are given revisions, from this batch on at the latest. */
  readonly countsRevisions: boolean = false;

  constructor(payload: Uint8Array) {
    this.#reader = new ByteReader(payload);
    this.#args = new ArgsReader(this.#reader);
    this.#transaction = new TransactionReader(this.#reader, this.#args);
    this.#long = new EncodedArgs(this.#reader);
    if (payload.byteLength === 0) return;
    if (payload.byteLength < HEADER_BYTES) throw new BatchError(`${payload.byteLength} bytes are too few`);
    this.stampMs = this.#reader.f64();
    this.#left = this.#reader.u32();
    if (this.#left === 0 || payload[HEADER_BYTES] !== Operation.revisions) return;
    this.#reader.skip(1);
    this.#left -= 1;
    this.countsRevisions = true;
  }

  /** Units of work (work.ts) on what was read so far. */
  get units(): number {
    return this.#transaction.units;
  }

  get isAtEnd(): boolean {
    if (this.#left > 0 || this.#long.left > 0 || this.#transaction.left > 0) return false;
    if (this.#reader.remaining > 0) throw new BatchError(`${this.#reader.remaining} bytes are left over`);
    return true;
  }

  /** Hands the next command to the visitor, which has read the one before as a whole. */
  next(visitor: BatchVisitor): void {
    this.#left -= 1;
    const operation = this.#reader.u8();
    switch (operation) {
      case Operation.redis:
        this.#redis(visitor);
        return;
      case Operation.redisTransaction:
      case Operation.formerTransaction: {
        const watched = readList<WatchedKey | FormerlyWatchedKey>(
          this.#reader,
          operation === Operation.redisTransaction ? readWatchedKey : readFormerlyWatchedKey,
        );
        this.#transaction.begin();
        visitor.redisTransaction(watched, this.#transaction);
        return;
      }
      case Operation.dedupe:
        visitor.dedupe(this.#reader.u32(), this.#reader.f64(), this.#reader.f64());
        return;
      case Operation.stride:
        visitor.stride(this.#reader.u32());
        return;
      case Operation.dedupeEnd:
        visitor.dedupeEnd();
        return;
      case Operation.routerStart:
        visitor.routerStart(this.#reader.latin1(START_BYTES));
        return;
      case Operation.valueLimit:
        visitor.valueLimit(this.#reader.u32());
        return;
      case Operation.workRule:
        visitor.workRule(this.#reader.u8());
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

  #redis(visitor: BatchVisitor): void {
    const count = this.#reader.u32();
    if (count <= MAX_LISTED_ARGS) {
      visitor.redis(this.#args.list(count));
      return;
    }
    const name = this.#args.name();
    this.#long.begin(count - 1);
    visitor.longRedis(name, this.#long);
  }
}

/** Arguments of a command of a transaction that are read at once. */
const ARGS_AT_ONCE = 1024;

/** Reads the arguments of one command after the other, of a long one in several calls. */
class ArgsReader {
  readonly #reader: ByteReader;
  /** Arguments that were read so far. */
  count = 0;
  #args: string[] = [];
  #missing = 0;
  /** The last name: mostly the next command has the same, and the string need not be made again. */
  #name = '';

  constructor(reader: ByteReader) {
    this.#reader = reader;
  }

  /** All of this many arguments, the name first. */
  list(count: number): Args {
    const args: string[] = [];
    if (count > 0) args.push(this.name());
    for (let i = 1; i < count; i += 1) args.push(readString(this.#reader));
    this.count += count;
    return args;
  }

  /** The arguments of the next command; undefined when it is to be called again for them. */
  next(): Args | undefined {
    if (this.#missing === 0) {
      const total = this.#reader.u32();
      if (total <= MAX_LISTED_ARGS) return this.list(total);
      this.#missing = total;
    }
    const count = Math.min(this.#missing, ARGS_AT_ONCE);
    for (let i = 0; i < count; i += 1) this.#args.push(readString(this.#reader));
    this.#missing -= count;
    this.count += count;
    if (this.#missing > 0) return undefined;
    const args = this.#args;
    this.#args = [];
    return args;
  }

  name(): string {
    const span = this.#reader.span(this.#reader.u32());
    const { memory, start, length } = span;
    if (length !== this.#name.length || !equals(this.#name, memory, start)) this.#name = textOf(span);
    return this.#name;
  }
}

/** The arguments of a long command where they lie. */
class EncodedArgs implements ArgSource {
  readonly #reader: ByteReader;
  #start = 0;
  count = 0;
  left = 0;

  constructor(reader: ByteReader) {
    this.#reader = reader;
  }

  begin(count: number): void {
    this.#start = this.#reader.offset;
    this.count = count;
    this.left = count;
  }

  next(): ByteSpan {
    this.left -= 1;
    return this.#reader.span(this.#reader.u32());
  }

  rewind(): void {
    this.#reader.goBackTo(this.#start);
    this.left = this.count;
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

function readList<T>(reader: ByteReader, readOne: (reader: ByteReader) => T): T[] {
  const list: T[] = [];
  for (let count = reader.u32(); count > 0; count -= 1) list.push(readOne(reader));
  return list;
}

function readString(reader: ByteReader): string {
  return reader.latin1(reader.u32());
}

function readWatchedKey(reader: ByteReader): WatchedKey {
  return { key: readString(reader), mark: reader.f64() };
}

function readFormerlyWatchedKey(reader: ByteReader): FormerlyWatchedKey {
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
    case Operation.casRevision: {
      const exptimeS = reader.f64();
      const revision = reader.f64();
      visitor.casRevision(key, reader.span(reader.u32()), exptimeS, revision);
      return;
    }
    case Operation.add: {
      const exptimeS = reader.f64();
      visitor.add(key, reader.span(reader.u32()), exptimeS);
      return;
    }
    case Operation.delete:
      visitor.delete(key);
      return;
    case Operation.deleteVersion:
    case Operation.deleteRevision:
      visitor.deleteIf(key, operation === Operation.deleteVersion ? 'version' : 'revision', reader.f64());
      return;
    default:
      throw new BatchError(`there is no operation ${operation}`);
  }
}
