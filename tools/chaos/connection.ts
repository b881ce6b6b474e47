/** A client's connection to the program, in either protocol. */

import { type Raw, RedisClient } from '../support/redis-client.js';
import { TextClient, type TextReply } from '../support/text-client.js';
import type { LineOutcome } from './history-file.js';
import { bytesOf, nameOf } from './values.js';

export interface Request {
  readonly op: 'set' | 'get' | 'cas' | 'delete';
  readonly key: string;
  readonly value: string | null;
  readonly expected: number | null;
  /** Whole seconds, in ms; of a `set`. */
  readonly ttlMs: number | null;
}

export interface Answer {
  readonly outcome: LineOutcome;
  /** What was read; null otherwise. */
  readonly value: string | null;
  readonly version: number | null;
  /** The port where the leader is said to be; undefined unless the server said so. */
  readonly leaderPort?: number;
  /** The server says that the outcome is unknown. */
  readonly isLost?: true;
  /** An error of Redis that says neither that nobody knows nor that one may try again. */
  readonly error?: string;
}

export interface Connection {
  /** Whether it can tell versions, and takes a cas. */
  readonly knowsVersions: boolean;
  /** Never resolves if the connection ends, and never rejects. */
  ask(request: Request): Promise<Answer>;
  /** Resolves at the end of the connection. */
  readonly closed: Promise<unknown>;
  close(): void;
}

/** Nobody knows what became of it. */
export const UNKNOWN: Answer = { outcome: 'unknown', value: null, version: null };

const NOT_FOUND: Answer = { outcome: 'not-found', value: null, version: null };
const DONE: Answer = { outcome: 'ok', value: null, version: null };
const TURNED_DOWN: Answer = { outcome: 'failed', value: null, version: null };

/** Rejects when nobody listens there. */
export async function connectText(port: number): Promise<Connection> {
  const client = await TextClient.connect(port);
  return {
    knowsVersions: true,
    ask: async (request) => {
      const reply = await askText(client, request).catch(() => undefined);
      return reply === undefined ? UNKNOWN : answerOfText(request, reply);
    },
    closed: client.closed,
    close: () => client.close(),
  };
}

/** Rejects when nobody listens there. */
export async function connectRedis(port: number): Promise<Connection> {
  const client = await RedisClient.connect(port);
  return {
    knowsVersions: false,
    ask: async (request) => answerOfRedis(request, await client.call(...argsOf(request))),
    closed: client.closed,
    close: () => client.close(),
  };
}

function askText(client: TextClient, { op, key, value, expected, ttlMs }: Request): Promise<TextReply> {
  const bytes = bytesOf(value ?? '');
  switch (op) {
    case 'get':
      return client.getm(key);
    case 'delete':
      return client.delete(key);
    case 'set':
      return client.set(key, bytes, (ttlMs ?? 0) / 1_000);
    case 'cas':
      return client.cas(key, expected ?? 0, bytes);
  }
}

/** The write as the text protocol has it. */
export function commandOf({ op, key, value, expected, ttlMs }: Request): string {
  const bytes = bytesOf(value ?? '');
  const exptimeS = (ttlMs ?? 0) / 1_000;
  switch (op) {
    case 'get':
      throw new TypeError('a get is no write');
    case 'delete':
      return `delete ${key}\r\n`;
    case 'set':
      return `set ${key} ${exptimeS} ${bytes.length}\r\n${bytes}\r\n`;
    case 'cas':
      return `cas ${key} ${exptimeS} ${expected ?? 0} ${bytes.length}\r\n${bytes}\r\n`;
  }
}

/** Throws TypeError for a reply that such a request never has. */
export function answerOfText({ op }: Request, reply: TextReply): Answer {
  switch (reply.type) {
    case 'OK':
      return { ...DONE, version: reply.version };
    case 'META':
      return { outcome: 'ok', value: nameOf(reply.value), version: reply.version };
    case 'DELETED':
      return DONE;
    case 'ERR_NOT_FOUND':
      return NOT_FOUND;
    case 'ERR_VERSION':
      return { ...DONE, outcome: 'version-mismatch' };
    case 'ERR_REDIRECT':
      return { ...TURNED_DOWN, leaderPort: reply.port };
    case 'ERR_INTERNAL':
      return { ...UNKNOWN, isLost: true };
    default:
      throw new TypeError(`a ${op} was answered ${reply.type}`);
  }
}

function argsOf({ op, key, value, ttlMs }: Request): string[] {
  switch (op) {
    case 'get':
      return ['GET', key];
    case 'delete':
      return ['DEL', key];
    case 'set':
      return ['SET', key, bytesOf(value ?? ''), ...(ttlMs === null ? [] : ['PX', `${ttlMs}`])];
    case 'cas':
      throw new TypeError('Redis has no cas');
  }
}

/** Throws TypeError for a reply that such a request never has. */
function answerOfRedis({ op }: Request, reply: Raw): Answer {
  if (reply === null) return NOT_FOUND;
  if (typeof reply === 'string') return { outcome: 'ok', value: nameOf(reply), version: null };
  if (reply === 0) return NOT_FOUND;
  if (reply === 1) return DONE;
  if (typeof reply === 'object' && 'simple' in reply) return DONE;
  if (typeof reply === 'object' && 'error' in reply) {
    const moved = /^MOVED \d+ [^ ]*:(\d+)$/.exec(reply.error);
    if (moved !== null) return { ...TURNED_DOWN, leaderPort: Number(moved[1]) };
    if (/^(CLUSTERDOWN|MISCONF|TRYAGAIN) /.test(reply.error)) return TURNED_DOWN;
    return {
      ...UNKNOWN,
      ...(reply.error.startsWith('UNKNOWN ') ? { isLost: true } : { error: reply.error }),
    };
  }
  throw new TypeError(`a ${op} was answered ${JSON.stringify(reply)}`);
}
