/**
 * A client that writes in a session, and repeats each write at any port until it knows what became of it. The history has a
 * write and its repeats as one operation.
 */

import { setTimeout as pause } from 'node:timers/promises';
import { replyOrEnd, TextClient, type TextReply } from '../support/text-client.js';
import { type ClientOptions, nowNs } from './client.js';
import { type Answer, answerOfText, commandOf, type Request, UNKNOWN } from './connection.js';
import type { Findings } from './findings.js';
import { valueName } from './values.js';

const OPS = ['set', 'cas', 'delete'] as const;
const WEIGHTS = { set: 60, cas: 30, delete: 10 };

const TIMEOUT_MS = 500;
const RETRY_PAUSE_MS = 20;
/** How often it breaks its connection when it has sent a write, and repeats the write elsewhere. */
const BREAK_CHANCE = 0.05;
const REST_CHANCE = 0.25;
const MAX_REST_MS = 120;

export class SessionChaosClient {
  readonly #options: ClientOptions;
  readonly #findings: Findings;
  readonly #versions = new Map<string, number>();
  #connection: TextClient | undefined;
  #nextPort: number | undefined;
  #session: string | undefined;
  #count = 0;
  /** How many of them were before its session. */
  #countBefore = 0;

  constructor(options: ClientOptions, findings: Findings) {
    this.#options = options;
    this.#findings = findings;
  }

  /** Goes on until told to stop. What it does not know by then is unknown. */
  async run(isOver: () => boolean): Promise<void> {
    const { random } = this.#options;
    while (!isOver()) {
      this.#session ??= await this.#open();
      if (this.#session === undefined) continue;
      await this.#write(this.#nextRequest(), isOver);
      if (random.chance(REST_CHANCE)) await pause(random.between(0, MAX_REST_MS));
    }
    this.#leave();
  }

  async #open(): Promise<string | undefined> {
    const reply = await this.#ask('session open\r\n');
    if (reply?.type === 'SESSION') return reply.id;
    await this.#goElsewhere(reply);
    return undefined;
  }

  async #write(request: Request, isOver: () => boolean): Promise<void> {
    this.#count += 1;
    const { client, note } = this.#options;
    const call = nowNs();
    const answer = await this.#settle(request, isOver);
    const { outcome, version } = answer;
    note({ client, ...request, version, call, return: outcome === 'unknown' ? null : nowNs(), outcome });
    if (version !== null) this.#versions.set(request.key, version);
  }

  /** Asks until the answer tells what became of it, or it is over. It is a finding when the session is not there any more. */
  async #settle(request: Request, isOver: () => boolean): Promise<Answer> {
    const seq = this.#count - this.#countBefore;
    const line = `once ${this.#session} ${seq} ${seq - 1} ${commandOf(request)}`;
    while (!isOver()) {
      const reply = await this.#ask(line);
      if (reply?.type === 'ERR_SESSION') {
        this.#findings.add(
          `client ${this.#options.client} is told ${reply.type} in the session that it uses`,
        );
        this.#session = undefined;
        this.#countBefore = this.#count;
        return UNKNOWN;
      }
      const answer = reply === undefined ? UNKNOWN : answerOfText(request, reply);
      if (answer.outcome !== 'unknown' && answer.outcome !== 'failed') return answer;
      await this.#goElsewhere(reply);
    }
    return UNKNOWN;
  }

  /** The reply to the command; undefined when none came in time. */
  async #ask(command: string): Promise<TextReply | undefined> {
    const { random, ports } = this.#options;
    const port = this.#nextPort ?? random.of(ports);
    this.#connection ??= await TextClient.connect(port).catch(() => undefined);
    const connection = this.#connection;
    if (connection === undefined) return undefined;
    const reply = replyOrEnd(connection.reply());
    connection.write(command);
    if (random.chance(BREAK_CHANCE)) return undefined;
    const late = new AbortController();
    try {
      return await Promise.race([reply, pause(TIMEOUT_MS, undefined, { signal: late.signal })]);
    } finally {
      late.abort();
    }
  }

  async #goElsewhere(reply: TextReply | undefined): Promise<void> {
    this.#leave();
    this.#nextPort = reply?.type === 'ERR_REDIRECT' ? reply.port : undefined;
    await pause(RETRY_PAUSE_MS);
  }

  #leave(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  #nextRequest(): Request {
    const { random, keys, client } = this.#options;
    const place = random.below(keys.length);
    const key = keys[place] ?? '';
    const op = random.weighted(OPS, { ...WEIGHTS, delete: place % 2 === 0 ? WEIGHTS.delete : 0 });
    return {
      op,
      key,
      value: op === 'delete' ? null : valueName(client, this.#count + 1),
      expected: op === 'cas' ? (this.#versions.get(key) ?? 1) : null,
      ttlMs: null,
    };
  }
}
