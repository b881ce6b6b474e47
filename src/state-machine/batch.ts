/**
 * A batch of commands as one log entry's payload.
 *
 * Layout, in the order of the bytes: the stamp (f64, ms since the epoch), the number of commands (u32), and the commands.
 * A command is its operation (u8) and:
 *
 * - set: key (u8 length, bytes), exptime (f64, seconds), value (u32 length, bytes);
 * - cas: key, exptime, version (f64), value;
 * - delete: key;
 * - the largest value that commands after it may make (u32), unless that is the usual one: once, before the others;
 * - a Redis command: the number of its arguments (u32), and each (u32 length, bytes);
 * - a transaction: the number of watched keys (u32), and for each the key (u32 length, bytes), version, deadline and hash of
 *   the value (f64 each); the number of commands (u32), and each one's arguments.
 *
 * The stamp is the leader's log time when the batch was completed. Replicas take the time from stamps alone, so all
 * of them expire the same keys at the same point of the log.
 */

import { ByteReader, type ByteSpan } from '../bytes/byte-reader.js';
import { ByteWriter } from '../bytes/byte-writer.js';
import { DEFAULT_MAX_VALUE_BYTES, MAX_ENCODED_ARGS, MAX_VALUE_BYTES } from '../limits.js';
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
const VALUE_LIMIT = 6;

const VALUE_LIMIT_BYTES = 4;

/** There is no unfinished command. */
const NONE: readonly Args[] = [];

/** Collects commands for one log entry. */
export class BatchEncoder {
  readonly #out = new ByteWriter();
  #count = 0;
  /** The unfinished command: its own commands, and how far their arguments were written. */
  #commands: readonly Args[] = NONE;
  #commandsDone = 0;
  #argsDone = 0;

  constructor() {
    this.clear();
  }

  /** Length of the payload so far. */
  get byteLength(): number {
    return this.#out.length;
  }

  /** The command that was added last has so many arguments that {@link goOn} has to add the rest. */
  get isUnfinished(): boolean {
    return this.#commands !== NONE;
  }

  /** Appends a command, or the beginning of one; its bytes are copied. The one before has to be finished. */
  add(command: Command): void {
    if (this.isUnfinished) throw new BatchError('a command is added within another');
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
        this.#redis(command.args);
        return;
      case 'redis-transaction':
        this.#out.u8(REDIS_TRANSACTION);
        this.#transaction(command);
        return;
    }
  }

  /** Appends arguments of the command that is not finished, {@link MAX_ENCODED_ARGS} at most. */
  goOn(): void {
    let left = MAX_ENCODED_ARGS;
    while (this.#commandsDone < this.#commands.length) {
      if (left === 0) return;
      const args = this.#commands[this.#commandsDone] ?? [];
      if (this.#argsDone === 0) this.#out.u32(args.length);
      const end = Math.min(args.length, this.#argsDone + left);
      left -= end - this.#argsDone;
      for (; this.#argsDone < end; this.#argsDone += 1) this.#string(args[this.#argsDone] ?? '');
      if (end < args.length) return;
      this.#argsDone = 0;
      this.#commandsDone += 1;
    }
    this.#commands = NONE;
    this.#commandsDone = 0;
  }

  /** The payload, stamped with a time in ms since the epoch. The encoder starts anew. */
  finish(stampMs: number): Uint8Array<ArrayBuffer> {
    if (this.isUnfinished) throw new BatchError('a command is not there as a whole');
    this.#out.patchF64(0, stampMs);
    this.#out.patchU32(COUNT_OFFSET, this.#count);
    const payload = this.#out.take();
    this.clear();
    return payload;
  }

  /** Forgets what was added. */
  clear(): void {
    this.#count = 0;
    this.#commands = NONE;
    this.#commandsDone = 0;
    this.#argsDone = 0;
    this.#out.clear();
    this.#out.f64(0);
    this.#out.u32(0);
    if (MAX_VALUE_BYTES === DEFAULT_MAX_VALUE_BYTES) return;
    this.#count = 1;
    this.#out.u8(VALUE_LIMIT);
    this.#out.u32(MAX_VALUE_BYTES);
  }

  #redis(args: Args): void {
    if (args.length > MAX_ENCODED_ARGS) {
      this.#commands = [args];
      this.goOn();
      return;
    }
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
    this.#commands = commands;
    this.goOn();
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
  /** The length of the largest value that the commands to come may make. */
  valueLimit(bytes: number): void;
  set(key: ByteSpan, value: ByteSpan, exptimeS: number): void;
  cas(key: ByteSpan, value: ByteSpan, exptimeS: number, version: number): void;
  delete(key: ByteSpan): void;
  redis(args: Args): void;
  /** The commands are read when they are executed: before the next command of the batch. */
  redisTransaction(watched: readonly WatchedKey[], commands: TransactionCommands): void;
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
      case REDIS:
        this.#readArgs(visitor);
        return;
      case REDIS_TRANSACTION: {
        const watched = readList(this.#reader, readWatchedKey);
        this.#transaction.begin();
        visitor.redisTransaction(watched, this.#transaction);
        return;
      }
      case VALUE_LIMIT:
        visitor.valueLimit(this.#reader.u32());
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
    if (operation === REDIS) {
      for (let args = reader.u32(); args > 0; args -= 1) reader.skip(reader.u32());
      continue;
    }
    if (operation === REDIS_TRANSACTION) return;
    if (operation === VALUE_LIMIT) {
      reader.skip(VALUE_LIMIT_BYTES);
      continue;
    }
    visit(reader.span(reader.u8()));
    if (operation === DELETE) continue;
    reader.skip(operation === CAS ? EXPTIME_BYTES + VERSION_BYTES : EXPTIME_BYTES);
    reader.skip(reader.u32());
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
