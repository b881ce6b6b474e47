/**
 * A counter that several clients count up by `update`. Its value tells how often each of them did, so that each can tell what
 * became of a call of unknown outcome, and nothing may be counted twice or lost.
 */

import type { CallOptions, KvClient } from '../../src/client/index.js';
import type { Findings } from './findings.js';
import { endingOf } from './timely-call.js';

const FINAL_TIMEOUT_MS = 10_000;

/** How often each client has counted, by its number. */
type Counts = Record<string, number>;

export class UpdateCounter {
  readonly #kv: KvClient;
  readonly #key: string;
  readonly #client: string;
  readonly #findings: Findings;
  /** How often this client has counted for certain, and how many calls since then may have. */
  #counted = 0;
  #uncertain = 0;

  constructor(kv: KvClient, key: string, client: number, findings: Findings) {
    this.#kv = kv;
    this.#key = key;
    this.#client = `${client}`;
    this.#findings = findings;
  }

  /** How often it has counted. */
  get count(): number {
    return this.#counted;
  }

  /** Resolves to whether it has counted for certain. */
  async increment(options: CallOptions & { readonly timeoutMs: number }): Promise<boolean> {
    let next = 0;
    const update = this.#kv.update(
      this.#key,
      (old) => {
        const counts = countsIn(old);
        next = (counts[this.#client] ?? 0) + 1;
        this.#check(next - 1);
        return JSON.stringify({ ...counts, [this.#client]: next });
      },
      options,
    );
    const ending = await endingOf(this.#name, options, update, this.#findings);
    if (ending.type === 'result') {
      this.#counted = next;
      this.#uncertain = 0;
      return true;
    }
    if (ending.code === 'ERR_UNKNOWN_OUTCOME' || ending.code === 'ABORT_ERR') this.#uncertain += 1;
    else if (ending.code !== 'ERR_TIMEOUT') this.#findings.add(`${this.#name} ended in ${ending.code}`);
    return false;
  }

  /** Counts once more, with all the time that it takes: then it is certain how often it has. */
  async finish(): Promise<void> {
    if (await this.increment({ timeoutMs: FINAL_TIMEOUT_MS })) return;
    this.#findings.add(`${this.#name} does not end although all faults are undone`);
  }

  /** Once all have finished: what they have counted is what is there. */
  async check(): Promise<void> {
    const counts = countsIn(await this.#kv.get(this.#key, { timeoutMs: FINAL_TIMEOUT_MS }));
    const found = counts[this.#client] ?? 0;
    if (found !== this.#counted)
      this.#findings.add(`${this.#name} counted ${this.#counted} times, and ${found} are there`);
  }

  #check(found: number): void {
    if (found >= this.#counted && found <= this.#counted + this.#uncertain) return;
    const what = `counted ${this.#counted} times and perhaps ${this.#uncertain} more, and ${found} are there`;
    this.#findings.add(`${this.#name} ${what}`);
  }

  get #name(): string {
    return `client ${this.#client}, which updates ${this.#key},`;
  }
}

function countsIn(value: string | undefined): Counts {
  return value === undefined ? {} : JSON.parse(value);
}
