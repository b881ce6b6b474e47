/** Collects commands for one log entry: see batch-format.ts. */

import { ByteWriter } from '../bytes/byte-writer.js';
import { DEFAULT_MAX_VALUE_BYTES, MAX_ENCODED_ARGS, MAX_VALUE_BYTES } from '../limits.js';
import { type Args, BatchError, type Command, type RedisTransaction } from '../protocol/command.js';
import { COUNT_OFFSET, Operation } from './batch-format.js';
import { LATEST_RULE } from './work-rules.js';

/** There is no unfinished command. */
const NONE: readonly Args[] = [];

const NO_ROW = -1;
const MAX_STRIDE = 2 ** 32 - 1;

/** A connection of the router: the start of the router, and the connection's row. */
export interface RoutedStream {
  /** 16 bytes, one character each. */
  readonly start: string;
  readonly row: number;
}

export class BatchEncoder {
  readonly #out = new ByteWriter();
  readonly #sessionName: string;
  #count = 0;
  /** The unfinished command: its own commands, and how far their arguments were written. */
  #commands: readonly Args[] = NONE;
  #commandsDone = 0;
  #argsDone = 0;
  #hasWorkRule = false;
  /** The start of the router whose commands the entry has; undefined while it has none. */
  #start: string | undefined;
  /** The row and the number of the connection that the last command is of, and the command's place. */
  #row = NO_ROW;
  #connection = 0;
  #place = 0;
  #stride = 0;

  /** @param sessionName what the ids of all sessions contain that this cluster opens */
  constructor(sessionName = '') {
    this.#sessionName = sessionName;
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
        this.#head(Operation.set, command.key);
        this.#out.f64(command.exptimeS);
        this.#value(command.value);
        return;
      case 'cas':
        this.#head(Operation.cas, command.key);
        this.#out.f64(command.exptimeS);
        this.#out.f64(command.version);
        this.#value(command.value);
        return;
      case 'delete':
        this.#head(Operation.delete, command.key);
        return;
      case 'add':
        this.#head(Operation.add, command.key);
        this.#out.f64(command.exptimeS);
        this.#value(command.value);
        return;
      case 'cas-revision':
        this.#head(Operation.casRevision, command.key);
        this.#out.f64(command.exptimeS);
        this.#out.f64(command.revision);
        this.#value(command.value);
        return;
      case 'delete-if':
        this.#head(
          command.by === 'version' ? Operation.deleteVersion : Operation.deleteRevision,
          command.key,
        );
        this.#out.f64(command.expected);
        return;
      case 'redis':
        this.#out.u8(Operation.redis);
        this.#redis(command.args);
        return;
      case 'redis-transaction':
        this.#workRule();
        this.#out.u8(Operation.redisTransaction);
        this.#transaction(command);
        return;
      case 'session-open':
        this.#out.u8(Operation.sessionOpen);
        this.#string(this.#sessionName);
        this.#out.f64(command.ttlS);
        return;
      case 'session-close':
        this.#out.u8(Operation.sessionClose);
        this.#string(command.id);
        return;
      case 'once':
        this.#out.u8(Operation.once);
        this.#string(command.id);
        this.#out.f64(command.seq);
        this.#out.f64(command.done);
        this.add(command.command);
        return;
    }
  }

  /** The command that is added next came through the router, and ends at this place of its connection's stream. */
  dedupe({ start, row }: RoutedStream, connection: number, place: number): void {
    const isNext = row === this.#row && connection === this.#connection && place > this.#place;
    if (isNext && place - this.#place <= MAX_STRIDE) {
      const stride = place - this.#place;
      if (stride !== this.#stride) this.#setStride(stride);
    } else this.#beginRun(start, row, connection, place);
    this.#place = place;
  }

  /** The commands that are added next are no connection's. */
  endDedupe(): void {
    if (this.#row === NO_ROW) return;
    this.#row = NO_ROW;
    this.#count += 1;
    this.#out.u8(Operation.dedupeEnd);
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
    this.#count = 1;
    this.#commands = NONE;
    this.#commandsDone = 0;
    this.#argsDone = 0;
    this.#hasWorkRule = false;
    this.#start = undefined;
    this.#row = NO_ROW;
    this.#out.clear();
    this.#out.f64(0);
    this.#out.u32(0);
    this.#out.u8(Operation.revisions);
    if (MAX_VALUE_BYTES === DEFAULT_MAX_VALUE_BYTES) return;
    this.#count = 2;
    this.#out.u8(Operation.valueLimit);
    this.#out.u32(MAX_VALUE_BYTES);
  }

  #beginRun(start: string, row: number, connection: number, place: number): void {
    if (start !== this.#start) {
      this.#start = start;
      this.#count += 1;
      this.#out.u8(Operation.routerStart);
      this.#out.latin1(start);
    }
    this.#row = row;
    this.#connection = connection;
    this.#stride = 0;
    this.#count += 1;
    this.#out.u8(Operation.dedupe);
    this.#out.u32(row);
    this.#out.f64(connection);
    this.#out.f64(place);
  }

  #setStride(stride: number): void {
    this.#stride = stride;
    this.#count += 1;
    this.#out.u8(Operation.stride);
    this.#out.u32(stride);
  }

  #workRule(): void {
    if (this.#hasWorkRule) return;
    this.#hasWorkRule = true;
    this.#count += 1;
    this.#out.u8(Operation.workRule);
    this.#out.u8(LATEST_RULE);
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
    for (const { key, mark } of watched) {
      this.#string(key);
      this.#out.f64(mark);
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
