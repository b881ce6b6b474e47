/**
 * A client that counts a key up in a session, several commands at a time, and repeats each, also some that were answered, until
 * it is certain: nothing may be counted twice or lost, and a repeat gets the first reply.
 */

import { setTimeout as pause } from 'node:timers/promises';
import { type Raw, RedisClient } from '../support/redis-client.js';
import type { ClientOptions } from './client.js';
import type { Findings } from './findings.js';

const TIMEOUT_MS = 500;
const RETRY_PAUSE_MS = 20;
const MAX_DEPTH = 4;
/** Numbers of which it says late that it has the replies, so that it may repeat them. */
const KEPT = 8;
const REPEAT_CHANCE = 0.2;
const BREAK_CHANCE = 0.05;
const REST_CHANCE = 0.3;
const MAX_REST_MS = 150;
const FINISH_MS = 20_000;

export interface OnceCounterOptions extends Pick<ClientOptions, 'client' | 'random' | 'ports'> {
  readonly key: string;
  readonly findings: Findings;
}

export class OnceCounter {
  readonly #options: OnceCounterOptions;
  #session: string | undefined;
  #connection: RedisClient | undefined;
  #nextPort: number | undefined;
  #lastSeq = 0;
  /** Numbers that are not answered yet, and the last ones that are, with what they were answered. */
  readonly #open = new Set<number>();
  readonly #answers = new Map<number, number>();
  #done = 0;
  /** How often it has counted. */
  counted = 0;

  constructor(options: OnceCounterOptions) {
    this.#options = options;
  }

  /** Goes on until told to stop, and until it is certain what became of everything. */
  async run(isOver: () => boolean): Promise<void> {
    const { random, findings, client } = this.#options;
    while (!isOver()) {
      await this.#round(1 + random.below(MAX_DEPTH));
      if (random.chance(REST_CHANCE)) await pause(random.between(0, MAX_REST_MS));
    }
    const giveUpAtMs = performance.now() + FINISH_MS;
    while (this.#open.size > 0 && performance.now() < giveUpAtMs) await this.#round(0);
    if (this.#open.size > 0)
      findings.add(`client ${client}: ${this.#open.size} commands of its session are not answered`);
    this.#leave();
  }

  /** Sends all that is not answered, new commands up to that depth, and waits for the replies. */
  async #round(depth: number): Promise<void> {
    const { random } = this.#options;
    if (this.#session === undefined && !(await this.#openSession())) return;
    while (this.#open.size < depth) {
      this.#lastSeq += 1;
      this.#open.add(this.#lastSeq);
    }
    const [first = this.#lastSeq + 1] = this.#open;
    this.#done = Math.max(this.#done, Math.min(first - 1, this.#lastSeq - KEPT));
    for (const seq of this.#answers.keys()) if (seq <= this.#done) this.#answers.delete(seq);
    const repeats = [...this.#answers.keys()].filter(() => random.chance(REPEAT_CHANCE));
    await this.#ask([...repeats, ...this.#open]);
  }

  async #openSession(): Promise<boolean> {
    const [reply] = await this.#send([['SESSION', 'OPEN']]);
    if (typeof reply === 'string') this.#session = reply;
    else await this.#goElsewhere(reply);
    return this.#session !== undefined;
  }

  async #ask(seqs: readonly number[]): Promise<void> {
    const { key } = this.#options;
    const command = (seq: number) => ['ONCE', this.#session ?? '', `${seq}`, `${this.#done}`, 'INCR', key];
    const replies = await this.#send(seqs.map(command));
    for (const [place, seq] of seqs.entries()) {
      const reply = replies[place];
      if (typeof reply === 'number') this.#settle(seq, reply);
      else if (!this.#isAboutTheServer(seq, reply)) {
        await this.#goElsewhere(reply);
        return;
      }
    }
  }

  #settle(seq: number, count: number): void {
    const { findings, client } = this.#options;
    const before = this.#answers.get(seq);
    if (before !== undefined && before !== count)
      findings.add(`client ${client}: number ${seq} was answered ${before}, and repeated ${count}`);
    if (!this.#open.delete(seq)) return;
    this.#answers.set(seq, count);
    this.counted += 1;
  }

  /** Whether the reply says something about the session that it never should: then it is no use to repeat the command. */
  #isAboutTheServer(seq: number, reply: Raw | undefined): boolean {
    if (reply === undefined || reply === null || typeof reply !== 'object' || !('error' in reply))
      return false;
    if (/^(MOVED|CLUSTERDOWN|UNKNOWN|MISCONF|LOADING|TRYAGAIN) /.test(reply.error)) return false;
    const { findings, client } = this.#options;
    findings.add(`client ${client}: number ${seq} of its session was answered ${reply.error}`);
    this.#open.delete(seq);
    this.#answers.delete(seq);
    return true;
  }

  /** The replies that came in time. */
  async #send(commands: readonly (readonly string[])[]): Promise<Raw[]> {
    const { random, ports } = this.#options;
    this.#connection ??= await RedisClient.connect(this.#nextPort ?? random.of(ports)).catch(() => undefined);
    const connection = this.#connection;
    if (connection === undefined) return [];
    const replies: Raw[] = [];
    const late = new AbortController();
    const all = Promise.all(
      commands.map(async (command, place) => {
        replies[place] = await connection.call(...command);
      }),
    );
    try {
      if (!random.chance(BREAK_CHANCE))
        await Promise.race([all, connection.closed, pause(TIMEOUT_MS, undefined, { signal: late.signal })]);
    } finally {
      late.abort();
    }
    return replies;
  }

  async #goElsewhere(reply: Raw | undefined): Promise<void> {
    this.#leave();
    const error = typeof reply === 'object' && reply !== null && 'error' in reply ? reply.error : '';
    const [, port] = /^MOVED \d+ [^ ]*:(\d+)$/.exec(error) ?? [];
    this.#nextPort = port === undefined ? undefined : Number(port);
    await pause(RETRY_PAUSE_MS);
  }

  #leave(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }
}
