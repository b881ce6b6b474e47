/** A client that does one operation after the other, at any port that is open, and notes what came of each. */

import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../support/random.js';
import {
  type Answer,
  type Connection,
  connectRedis,
  connectText,
  type Request,
  UNKNOWN,
} from './connection.js';
import type { HistoryLine } from './history-file.js';
import { valueName } from './values.js';

export interface ClientOptions {
  readonly client: number;
  readonly random: Random;
  /** Of the servers, and at the end that of the router. */
  readonly ports: readonly number[];
  /** Names of at least one; every second one is never deleted, so that its versions only grow. */
  readonly keys: readonly string[];
  readonly note: (line: HistoryLine) => void;
  /** Told of errors that say neither that nobody knows nor that one may try again. */
  readonly onError?: (error: string) => void;
  /** It knows the router alone, and waits for its answers however late they are. */
  readonly isPatient?: boolean;
}

const OPS = ['get', 'set', 'cas', 'delete'] as const;
const WEIGHTS = { get: 40, set: 30, cas: 20, delete: 10 };

/** How often it is about a key that expires. Each has its own, since a write of unknown outcome may begin its life late. */
const VOLATILE_CHANCE = 0.1;
const VOLATILE_WRITE_CHANCE = 0.3;
/** It reads the last of them, by the end of which others have come. */
const VOLATILE_KEYS_KEPT = 6;
const TTLS_MS = [1_000, 2_000, 3_000];

const TIMEOUT_MS = 500;
/** One that is patient waits for as long as the router may take, which answers within 5 s at the latest. */
const PATIENT_TIMEOUT_MS = 10_000;
const REFUSED_PAUSE_MS = 20;
const REDIRECT_PAUSE_MS = 3;
/** Mostly a client is in a hurry, so that there is always something under way. */
const REST_CHANCE = 0.25;
const MAX_REST_MS = 120;
/** Now and then it goes to another port, and so to a server that does not lead. */
const MOVE_CHANCE = 0.01;

export class ChaosClient {
  readonly #client: number;
  readonly #random: Random;
  readonly #ports: readonly number[];
  readonly #keys: readonly string[];
  readonly #note: (line: HistoryLine) => void;
  readonly #onError: (error: string) => void;
  readonly #timeoutMs: number;
  readonly #versions = new Map<string, number>();
  #volatileKeys: readonly string[] = [];
  #connection: Connection | undefined;
  #port: number | undefined;
  #nextPort: number | undefined;
  #count = 0;

  constructor({ client, random, ports, keys, note, onError, isPatient = false }: ClientOptions) {
    this.#onError = onError ?? (() => undefined);
    this.#client = client;
    this.#random = random;
    this.#ports = isPatient ? ports.slice(-1) : ports;
    this.#timeoutMs = isPatient ? PATIENT_TIMEOUT_MS : TIMEOUT_MS;
    this.#keys = keys;
    this.#note = note;
  }

  /** Goes on until told to stop, and to the end of the operation that is under way. */
  async run(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const connection = await this.#connected();
      if (connection === undefined) await pause(REFUSED_PAUSE_MS);
      else await this.#ask(connection);
      if (this.#random.chance(REST_CHANCE)) await pause(this.#random.between(0, MAX_REST_MS));
    }
    this.#leave();
  }

  async #connected(): Promise<Connection | undefined> {
    if (this.#random.chance(MOVE_CHANCE)) this.#leave();
    if (this.#connection !== undefined) return this.#connection;
    const port = this.#nextPort ?? this.#random.of(this.#ports);
    this.#nextPort = undefined;
    this.#port = port;
    const connect = this.#random.chance(0.5) ? connectText : connectRedis;
    this.#connection = await connect(port).catch(() => undefined);
    return this.#connection;
  }

  #leave(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  async #ask(connection: Connection): Promise<void> {
    const request = this.#nextRequest(connection);
    const call = nowNs();
    const answer = await inTime(connection, request, this.#timeoutMs);
    if (answer.error !== undefined) this.#onError(answer.error);
    this.#note({
      client: this.#client,
      ...request,
      value: request.value ?? answer.value,
      version: answer.version,
      call,
      return: answer.outcome === 'unknown' ? null : nowNs(),
      outcome: answer.outcome,
      ...(answer.isLost === true && this.#port === this.#ports.at(-1) ? { lostAtNs: nowNs() } : {}),
    });
    if (answer.version !== null) this.#versions.set(request.key, answer.version);
    if (request.ttlMs !== null && answer.outcome === 'ok')
      this.#volatileKeys = [...this.#volatileKeys, request.key].slice(-VOLATILE_KEYS_KEPT);
    if (answer.outcome === 'unknown') this.#leave();
    if (answer.outcome !== 'failed') return;
    this.#leave();
    this.#nextPort = answer.leaderPort;
    await pause(REDIRECT_PAUSE_MS);
  }

  #nextRequest(connection: Connection): Request {
    return this.#random.chance(VOLATILE_CHANCE) ? this.#volatileRequest() : this.#sharedRequest(connection);
  }

  #volatileRequest(): Request {
    if (this.#volatileKeys.length > 0 && !this.#random.chance(VOLATILE_WRITE_CHANCE))
      return {
        op: 'get',
        key: this.#random.of(this.#volatileKeys),
        value: null,
        expected: null,
        ttlMs: null,
      };
    this.#count += 1;
    const value = valueName(this.#client, this.#count);
    return { op: 'set', key: `volatile-${value}`, value, expected: null, ttlMs: this.#random.of(TTLS_MS) };
  }

  #sharedRequest({ knowsVersions }: Connection): Request {
    const place = this.#random.below(this.#keys.length);
    const key = this.#keys[place] ?? '';
    const op = this.#random.weighted(OPS, {
      ...WEIGHTS,
      cas: knowsVersions ? WEIGHTS.cas : 0,
      delete: place % 2 === 0 ? WEIGHTS.delete : 0,
    });
    const isWrite = op === 'set' || op === 'cas';
    if (isWrite) this.#count += 1;
    return {
      op,
      key,
      value: isWrite ? valueName(this.#client, this.#count) : null,
      expected: op === 'cas' ? (this.#versions.get(key) ?? 1) : null,
      ttlMs: null,
    };
  }
}

/** An answer that does not come in time, or before the end of the connection, is unknown. */
async function inTime(connection: Connection, request: Request, timeoutMs: number): Promise<Answer> {
  const late = new AbortController();
  try {
    return await Promise.race([
      connection.ask(request),
      connection.closed.then(() => UNKNOWN),
      pause(timeoutMs, UNKNOWN, { signal: late.signal }),
    ]);
  } finally {
    late.abort();
  }
}

/** On the machine's monotonic clock, which all processes share. */
export function nowNs(): number {
  return Number(process.hrtime.bigint());
}
