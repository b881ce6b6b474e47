/**
 * A client's stream of Redis commands as this server takes it: what of the protocol is a matter of the connection alone.
 */

import { MAX_KEY_BYTES, MAX_TRANSACTION_BYTES } from '../limits.js';
import { AT_COMMAND_START, type StreamCheckpoint } from '../protocol/checkpoint.js';
import type { Request } from '../protocol/request.js';
import { RespParser, RespProtocolError } from '../protocol/resp-parser.js';
import type { RespVersion } from '../protocol/resp-writer.js';
import { hasArity, keysOf, type RedisCommand, type Words } from '../redis/command.js';
import type { WatchedKey } from '../redis/execute.js';
import { commandOf } from '../redis/table.js';
import { ErrorReply, OK, type RespValue, wrongArity } from '../redis/value.js';
import { connectionCommand } from './redis-connection.js';

/** A transaction that is being put together. */
interface Transaction {
  readonly commands: Words[];
  byteLength: number;
  /** A command was refused, so EXEC is, too. */
  isBroken: boolean;
}

/** Arguments shown of an unknown command, and how long each may be. */
const SHOWN_ARGUMENTS = 20;
const SHOWN_CHARS = 128;

const NESTED_MULTI = new ErrorReply('ERR MULTI calls can not be nested');
const WATCH_IN_MULTI = new ErrorReply('ERR WATCH inside MULTI is not allowed');
const EXEC_WITHOUT_MULTI = new ErrorReply('ERR EXEC without MULTI');
const DISCARD_WITHOUT_MULTI = new ErrorReply('ERR DISCARD without MULTI');
const NOT_IN_MULTI = new ErrorReply('ERR Command not allowed inside a transaction');
const TRANSACTION_TOO_LARGE = new ErrorReply('ERR the transaction is too large');
const EXEC_ABORTED = new ErrorReply('EXECABORT Transaction discarded because of previous errors.');

export class RedisStream {
  /** Of this connection: what HELLO and CLIENT say of it. */
  readonly id: number;
  name = '';
  version: RespVersion = 2;
  /** The connection closes once everything is answered, and nothing more is taken. */
  isClosing = false;
  readonly #parser = new RespParser();
  #transaction: Transaction | undefined;
  #watched: WatchedKey[] = [];
  /** What WATCH saw has to be known before EXEC is taken. */
  #awaitsWatch = false;

  constructor(id: number) {
    this.id = id;
  }

  get consumed(): number {
    return this.#parser.consumed;
  }

  get hasBuffered(): boolean {
    return this.#parser.hasBuffered;
  }

  /** A stream of Redis commands is never taken over in the middle by another server. */
  checkpoint(): StreamCheckpoint {
    return AT_COMMAND_START;
  }

  push(bytes: Uint8Array): void {
    this.#parser.push(bytes);
  }

  /** The next request; undefined until more bytes come, or what was taken is answered. */
  next(): Request | undefined {
    if (this.isClosing || this.#awaitsWatch) return undefined;
    const words = this.#parser.next();
    if (words === undefined) return undefined;
    if (!(words instanceof RespProtocolError)) return this.#requestOf(words);
    this.isClosing = true;
    return local(new ErrorReply(words.message));
  }

  /** The keys that WATCH named looked so. */
  watched(keys: readonly WatchedKey[]): void {
    this.#awaitsWatch = false;
    this.#watched.push(...keys);
  }

  /** WATCH was not executed. */
  watchFailed(): void {
    this.#awaitsWatch = false;
  }

  /** A command of the transaction was sent elsewhere. */
  breakTransaction(): void {
    if (this.#transaction !== undefined) this.#transaction.isBroken = true;
  }

  /** As at the start. */
  reset(): void {
    this.#transaction = undefined;
    this.#watched = [];
    this.name = '';
    this.version = 2;
  }

  #requestOf(words: Words): Request {
    const [name = '', ...rest] = words;
    const command = commandOf(name);
    if (command === undefined) return this.#refuse(unknownCommand(name, rest));
    if (!hasArity(command, rest)) return this.#refuse(wrongArity(command.name));
    if (this.#transaction !== undefined) return this.#inTransaction(this.#transaction, command, words);
    switch (command.kind) {
      case 'write':
        return quickSet(command, rest) ?? { type: 'redis', words, slotKey: keysOf(command, rest)[0] };
      case 'read':
        return quickGet(command, rest) ?? { type: 'redis-read', command, words: rest };
      case 'connection':
        return this.#onConnection(command, rest);
    }
  }

  #onConnection(command: RedisCommand, words: Words): Request {
    switch (command.name) {
      case 'multi':
        this.#transaction = { commands: [], byteLength: 0, isBroken: false };
        return local(OK);
      case 'exec':
        return local(EXEC_WITHOUT_MULTI);
      case 'discard':
        return local(DISCARD_WITHOUT_MULTI);
      case 'watch':
        this.#awaitsWatch = true;
        return { type: 'redis-watch', keys: words };
      case 'unwatch':
        this.#watched = [];
        return local(OK);
      case 'quit':
        this.isClosing = true;
        return local(OK);
      default:
        return {
          type: 'redis-local',
          evaluate: (context) => connectionCommand(command.name, words, this, context),
        };
    }
  }

  #inTransaction(transaction: Transaction, command: RedisCommand, words: Words): Request {
    switch (command.name) {
      case 'multi':
        return local(NESTED_MULTI);
      case 'watch':
        return local(WATCH_IN_MULTI);
      case 'exec':
        return this.#execute(transaction);
      case 'discard':
        this.#transaction = undefined;
        this.#watched = [];
        return local(OK);
      case 'quit':
      case 'reset':
        this.#transaction = undefined;
        return this.#onConnection(command, words.slice(1));
    }
    if (command.kind === 'connection' && command.run === undefined) return this.#refuse(NOT_IN_MULTI);
    transaction.byteLength += words.reduce((sum, word) => sum + word.length, 0);
    if (transaction.byteLength > MAX_TRANSACTION_BYTES) return this.#refuse(TRANSACTION_TOO_LARGE);
    transaction.commands.push(words);
    return { type: 'redis-queued', slotKey: keysOf(command, words.slice(1))[0] };
  }

  #execute({ commands, isBroken }: Transaction): Request {
    const watched = this.#watched;
    this.#transaction = undefined;
    this.#watched = [];
    if (isBroken) return local(EXEC_ABORTED);
    if (commands.length === 0 && watched.length === 0) return local([]);
    return { type: 'redis-transaction', watched, commands };
  }

  #refuse(error: ErrorReply): Request {
    this.breakTransaction();
    return local(error);
  }
}

function local(value: RespValue): Request {
  return { type: 'redis-local', evaluate: () => value };
}

/** A plain SET is what the text protocol's `set` is, and goes its way. */
function quickSet({ name }: RedisCommand, words: Words): Request | undefined {
  const [key = '', value = ''] = words;
  if (name !== 'set' || words.length !== 2 || key.length > MAX_KEY_BYTES) return undefined;
  return { type: 'set', key, value: Buffer.from(value, 'latin1'), exptimeS: 0, noreply: false };
}

function quickGet({ name }: RedisCommand, [key = '']: Words): Request | undefined {
  return name === 'get' ? { type: 'get', key } : undefined;
}

function unknownCommand(name: string, words: Words): ErrorReply {
  const shown = words.slice(0, SHOWN_ARGUMENTS).map((word) => `'${word.slice(0, SHOWN_CHARS)}' `);
  return new ErrorReply(
    `ERR unknown command '${name.slice(0, SHOWN_CHARS)}', with args beginning with: ${shown.join('')}`,
  );
}
