/**
 * MONITOR: connections that receive each command that this server takes as the leader. A connection that does not read misses
 * commands, and receives their number.
 */

import { MAX_UNREAD_REPLY_BYTES } from '../../limits.js';
import type { Args } from '../../protocol/command.js';
import type { OnceRequest, Request } from '../../protocol/request.js';
import { mayHoldPassword } from '../../protocol/resp/access.js';
import { endpoint } from '../../protocol/resp/client-facts.js';
import { ErrorReply } from '../../protocol/resp/value.js';
import {
  MAX_MONITORED_ARG_CHARS,
  MAX_MONITORED_ARGS,
  MAX_MONITORED_COMMANDS,
  MAX_MONITORS,
} from '../../redis-limits.js';
import type { ClientConnection, PendingCommand } from './client-connection.js';
import type { ReplyFrames } from './reply-frames.js';

export class Monitors {
  readonly #replies: ReplyFrames;
  /** Each with the number of commands that it has missed. */
  readonly #missed = new Map<ClientConnection, number>();

  constructor(replies: ReplyFrames) {
    this.#replies = replies;
  }

  /** Whether any connection monitors: only then need commands be shown. */
  get isOn(): boolean {
    return this.#missed.size > 0;
  }

  get isFull(): boolean {
    return this.#missed.size >= MAX_MONITORS;
  }

  add(client: ClientConnection): void {
    if (!this.#missed.has(client)) this.#missed.set(client, 0);
  }

  remove(client: ClientConnection): void {
    this.#missed.delete(client);
  }

  /** A command was taken. */
  tell({ client, request }: PendingCommand, nowMs: number): void {
    const commands = commandsOf(request, client.redis?.lastCommand ?? '');
    const lines = commands.map((args) => `+${stamp(nowMs)} [0 ${endpoint(client.from)}]${shown(args)}\r\n`);
    for (const [monitor, missed] of this.#missed) {
      if (monitor.redis?.isMonitor !== true) this.#missed.delete(monitor);
      else if (monitor.unreadBytes > MAX_UNREAD_REPLY_BYTES) this.#missed.set(monitor, missed + lines.length);
      else {
        if (missed > 0) this.#replies.push(monitor, `+${stamp(nowMs)} [0 -] "missed" "${missed}"\r\n`);
        this.#missed.set(monitor, 0);
        for (const line of lines) this.#replies.push(monitor, line);
      }
    }
  }
}

/** Seconds since the epoch, with six digits after the point. */
function stamp(nowMs: number): string {
  return (nowMs / 1000).toFixed(6);
}

type Shown = Request | OnceRequest['command'];

/** The text protocol's word for the command. */
function wordOf(type: Shown['type']): string {
  return type === 'cas-revision' ? 'cas' : type === 'delete-if' ? 'delete' : type;
}

/** The commands of the request, without those that may hold a password. */
function commandsOf(request: Shown, name: string): readonly Args[] {
  switch (request.type) {
    case 'set':
    case 'cas':
    case 'cas-revision':
    case 'add':
      return [[wordOf(request.type), request.key, Buffer.from(request.value).toString('latin1')]];
    case 'get':
    case 'getm':
    case 'gets':
    case 'delete':
    case 'delete-if':
      return [[wordOf(request.type), request.key]];
    case 'redis':
      return [request.args];
    case 'session-open':
      return [['session', 'open', `${request.ttlS}`]];
    case 'session-close':
      return [['session', 'close', request.id]];
    case 'once': {
      const { id, seq, done, command } = request;
      return commandsOf(command, name).map((args) => ['once', id, `${seq}`, `${done}`, ...args]);
    }
    case 'redis-transaction':
      return [['multi'], ...request.commands.slice(0, MAX_MONITORED_COMMANDS), ['exec']];
    case 'redis-read':
      return [[request.command.name, ...request.args]];
    case 'redis-walk':
      return [[request.name, ...request.args]];
    case 'redis-watch':
      return [['watch', ...request.keys]];
    case 'redis-local':
      return mayHoldPassword(request.name, request.args) ? [] : [[request.name, ...request.args]];
    case 'redis-fixed':
      // What is refused is not taken, and may be no command at all.
      return name === 'multi' || name === 'exec' || request.value instanceof ErrorReply ? [] : [[name]];
    case 'watch':
      return request.isResumed ? [] : [['watch', request.prefix]];
    case 'unwatch':
      return [['unwatch']];
    case 'redis-queued':
    case 'auth':
    case 'locked':
    case 'malformed':
      return [];
  }
}

function shown(args: Args): string {
  let text = '';
  for (const arg of args.slice(0, MAX_MONITORED_ARGS)) text += ` ${quoted(arg)}`;
  const more = args.length - MAX_MONITORED_ARGS;
  return more > 0 ? `${text} "... (${more} more arguments)"` : text;
}

const ESCAPES = new Map([
  ['\\', '\\\\'],
  ['"', '\\"'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\x07', '\\a'],
  ['\b', '\\b'],
]);

/** As Redis quotes what may hold any bytes. */
function quoted(arg: string): string {
  const text = arg
    .slice(0, MAX_MONITORED_ARG_CHARS)
    .replaceAll(/[^\x20-\x7e]|["\\]/g, (character) => ESCAPES.get(character) ?? hex(character));
  const more = arg.length - MAX_MONITORED_ARG_CHARS;
  return more > 0 ? `"${text}... (${more} more bytes)"` : `"${text}"`;
}

function hex(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}
