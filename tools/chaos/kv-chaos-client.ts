/**
 * A KvClient with its session, one operation after the other. Calls that ended in `ERR_TIMEOUT` must never take effect; those of
 * unknown outcome may.
 */

import { setTimeout as pause } from 'node:timers/promises';
import type { KvClient } from '../../src/client/index.js';
import { type ClientOptions, nowNs } from './client.js';
import { type Answer, type Request, UNKNOWN } from './connection.js';
import type { Findings } from './findings.js';
import { drawCallOptions, type Ending, endingOf } from './timely-call.js';
import type { UpdateCounter } from './update-counter.js';
import { bytesOf, nameOf, valueName } from './values.js';

const OPS = ['get', 'set', 'cas', 'delete', 'increment'] as const;
const WEIGHTS = { get: 30, set: 30, cas: 20, delete: 10, increment: 10 };
const REST_CHANCE = 0.25;
const MAX_REST_MS = 120;

const TURNED_DOWN: Answer = { outcome: 'failed', value: null, version: null };

export interface KvChaosOptions extends Omit<ClientOptions, 'ports'> {
  readonly kv: KvClient;
  readonly counter: UpdateCounter;
  readonly findings: Findings;
}

export class KvChaosClient {
  readonly #options: KvChaosOptions;
  readonly #versions = new Map<string, number>();
  #count = 0;

  constructor(options: KvChaosOptions) {
    this.#options = options;
  }

  /** Goes on until told to stop, and to the end of the call that is under way. */
  async run(isOver: () => boolean): Promise<void> {
    const { random } = this.#options;
    while (!isOver()) {
      await this.#act();
      if (random.chance(REST_CHANCE)) await pause(random.between(0, MAX_REST_MS));
    }
  }

  async #act(): Promise<void> {
    const { random, keys, counter } = this.#options;
    const place = random.below(keys.length);
    const key = keys[place] ?? '';
    const op = random.weighted(OPS, { ...WEIGHTS, delete: place % 2 === 0 ? WEIGHTS.delete : 0 });
    if (op === 'increment') await counter.increment(drawCallOptions(random));
    else await this.#ask(this.#requestOf(op, key));
  }

  #requestOf(op: Request['op'], key: string): Request {
    const isWrite = op === 'set' || op === 'cas';
    if (isWrite) this.#count += 1;
    return {
      op,
      key,
      value: isWrite ? valueName(this.#options.client, this.#count) : null,
      expected: op === 'cas' ? (this.#versions.get(key) ?? 1) : null,
      ttlMs: null,
    };
  }

  async #ask(request: Request): Promise<void> {
    const { client, random, note, findings } = this.#options;
    const options = drawCallOptions(random);
    const call = nowNs();
    const what = `client ${client}: ${request.op} ${request.key}`;
    const answer = answerOf(await endingOf(what, options, this.#call(request, options), findings));
    if (answer === undefined) findings.add(`${what}: an error that it should never see`);
    const { outcome, version, value } = answer ?? UNKNOWN;
    note({
      client,
      ...request,
      value: request.value ?? value,
      version,
      call,
      return: outcome === 'unknown' ? null : nowNs(),
      outcome,
    });
    if (version !== null) this.#versions.set(request.key, version);
  }

  async #call(
    { op, key, value, expected }: Request,
    options: ReturnType<typeof drawCallOptions>,
  ): Promise<Answer> {
    const { kv } = this.#options;
    const bytes = bytesOf(value ?? '');
    switch (op) {
      case 'get': {
        const found = await kv.getWithVersion(key, options);
        if (found === undefined) return { outcome: 'not-found', value: null, version: null };
        return { outcome: 'ok', value: nameOf(found.value), version: found.version };
      }
      case 'set':
        return { outcome: 'ok', value: null, version: await kv.set(key, bytes, options) };
      case 'cas':
        return { outcome: 'ok', value: null, version: await kv.cas(key, bytes, expected ?? 0, options) };
      case 'delete':
        return { outcome: (await kv.delete(key, options)) ? 'ok' : 'not-found', value: null, version: null };
    }
  }
}

/** Undefined for an error that such a call never ends in. */
function answerOf(ending: Ending<Answer>): Answer | undefined {
  if (ending.type === 'result') return ending.result;
  switch (ending.code) {
    case 'ERR_VERSION':
      return { ...TURNED_DOWN, outcome: 'version-mismatch' };
    case 'ERR_NOT_FOUND':
      return { ...TURNED_DOWN, outcome: 'not-found' };
    case 'ERR_TIMEOUT':
      return TURNED_DOWN;
    case 'ERR_UNKNOWN_OUTCOME':
    case 'ABORT_ERR':
      return UNKNOWN;
    default:
      return undefined;
  }
}
