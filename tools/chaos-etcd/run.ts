/** A run: clients at work while faults are done, and then whether what they saw can have come from a single store. */

import { setTimeout as pause } from 'node:timers/promises';
import { ChaosClient, nowNs } from '../chaos/client.js';
import { type HistoryLine, isAcknowledgedWrite, operationOf } from '../chaos/history-file.js';
import { wrongLifetimes } from '../chaos/lifetimes.js';
import { repeatedVersions } from '../chaos/versions.js';
import { checkLinearizability } from '../linearizability/checker.js';
import { Random } from '../support/random.js';
import { torment } from './faults.js';
import { Site } from './site.js';

/** With all faults undone, clients go on for this long: all servers must acknowledge writes again. */
const AFTERMATH_MS = 6_000;
const MAX_EXAMPLES = 5;

export interface RunOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly clients: number;
  readonly keys: number;
  /** The script of the program. */
  readonly entry: string;
  readonly tell: (what: string) => void;
}

export interface Verdict {
  readonly isRight: boolean;
  readonly report: readonly string[];
}

export async function runChaos(options: RunOptions): Promise<Verdict> {
  const { seconds, seed, tell } = options;
  const site = await Site.start(options.entry);
  try {
    const random = new Random(seed);
    const over = new AbortController();
    const crowd = new Crowd(options, site.ports);
    setTimeout(() => over.abort(), seconds * 1_000).unref();
    const faults = await Promise.race([
      torment(site, random.split('faults'), over.signal, tell),
      crowd.failed,
    ]);
    const fromNs = nowNs();
    await Promise.race([pause(AFTERMATH_MS), crowd.failed]);
    const lines = await crowd.stop();
    await site.stop();
    return judge(lines, faults, crowd.refusals, silentClients(lines, fromNs, options.clients));
  } finally {
    await site.destroy();
  }
}

/** Clients, each with one operation at a time. */
class Crowd {
  readonly #lines: HistoryLine[] = [];
  readonly #ended: Promise<unknown>;
  /** Errors that clients were told, beside those that mean that they may try again or that nobody knows. */
  readonly refusals: string[] = [];
  /** Rejects when a client was told what cannot be. */
  readonly failed: Promise<never>;
  #isOver = false;

  constructor({ seed, clients, keys }: RunOptions, ports: readonly number[]) {
    const names = Array.from({ length: keys }, (_, place) => `key-${place}`);
    const all = Array.from({ length: clients }, (_, client) => {
      const one = new ChaosClient({
        client,
        random: new Random(seed).split(`client ${client}`),
        ports,
        keys: names,
        note: (line) => this.#lines.push(line),
        onError: (error) => this.refusals.push(error),
      });
      return one.run(() => this.#isOver);
    });
    this.#ended = Promise.all(all);
    this.failed = new Promise((_, reject) => {
      this.#ended.catch(reject);
    });
    this.failed.catch(() => undefined);
  }

  /** Resolves to what was asked for and answered, once nothing is under way. */
  async stop(): Promise<readonly HistoryLine[]> {
    this.#isOver = true;
    await this.#ended;
    return this.#lines;
  }
}

/** Those that nothing was answered after all faults were over. */
function silentClients(lines: readonly HistoryLine[], fromNs: number, clients: number): readonly string[] {
  const answered = new Set(
    lines.flatMap(({ client, call, outcome }) =>
      call > fromNs && outcome !== 'unknown' && outcome !== 'failed' ? [client] : [],
    ),
  );
  return Array.from({ length: clients }, (_, client) => client)
    .filter((client) => !answered.has(client))
    .map((client) => `client ${client}`);
}

function judge(
  lines: readonly HistoryLine[],
  faults: number,
  refusals: readonly string[],
  silent: readonly string[],
): Verdict {
  const volatile = new Set(lines.flatMap(({ key, ttlMs }) => (ttlMs === null ? [] : [key])));
  const operations = lines.filter(({ key }) => !volatile.has(key)).flatMap((line) => operationOf(line) ?? []);
  const violations = checkLinearizability(operations);
  const findings: readonly (readonly [string, readonly string[]])[] = [
    ['keys without an order of their operations', violations.map(({ key }) => key)],
    ['versions with two values', repeatedVersions(lines)],
    [`keys that lived too long or too short, of ${volatile.size}`, wrongLifetimes(lines, [])],
    ['errors that are no reason to try again', refusals],
    ['clients without an answer after all faults', silent],
  ];
  const writes = lines.filter(isAcknowledgedWrite).length;
  const unknown = lines.filter(({ outcome }) => outcome === 'unknown').length;
  const isRight = writes > 0 && findings.every(([, found]) => found.length === 0);
  return {
    isRight,
    report: [
      ...findings.map(([what, found]) =>
        [`${what}: ${found.length}`, ...found.slice(0, MAX_EXAMPLES)].join('\n  '),
      ),
      `chaos on etcd: ${lines.length} ops, ${writes} writes acknowledged, ${unknown} of unknown outcome, ${faults} faults, ${violations.length === 0 ? 'linearizable' : 'NOT linearizable'}`,
    ],
  };
}
