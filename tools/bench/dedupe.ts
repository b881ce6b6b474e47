/**
 * `npm run bench:dedupe`: what it costs that the router can repeat a set (state-machine/router-dedupe/), in CPU time of one thread:
 * encoding each set once and applying it on three servers, with the marks and without, in turns.
 */

import { Command } from 'commander';
import { BatchEncoder } from '../../src/state-machine/batch-encoder.js';
import { KeyValueStore } from '../../src/state-machine/key-value-store.js';
import { countOption, runTool } from '../support/arguments.js';
import { median } from '../support/statistics.js';
import { table } from './table.js';

const CLIENTS = 50;
const SERVERS = 3;
/** Sets of each client that are in one entry, as at these depths. */
const DEPTHS = [1, 16, 64];
const KEYS = 10_000;
const VALUE = Buffer.alloc(64, 'x');
/** What a command of that length takes in its client's stream. */
const COMMAND_BYTES = 100;
const START = 'start of sixteen';
const SECRET = { k0: 1, k1: 2 };
const SETS_A_ROUND = 30_000;
/** Code is compiled in the first ones, which do not count. */
const WARM_UP_ROUNDS = 4;

const command = new Command('bench:dedupe')
  .description('Measures what it costs that the router can repeat a set')
  .addOption(countOption('--rounds <count>', 'of each', 25));

interface Cost {
  readonly encodeNs: number;
  readonly applyNs: number;
  readonly bytes: number;
}

/** A store, and those who write to it. */
class Scene {
  readonly #isMarked: boolean;
  readonly #store = new KeyValueStore(SECRET);
  readonly #encoder = new BatchEncoder('bench');
  #sets = 0;
  #stampMs = Date.now();

  constructor(isMarked: boolean) {
    this.#isMarked = isMarked;
  }

  /** Per set. */
  round(depth: number): Cost {
    const entries = Math.ceil(SETS_A_ROUND / (depth * CLIENTS));
    const sets = entries * depth * CLIENTS;
    const startUs = cpuUs();
    const payloads = Array.from({ length: entries }, () => this.#entry(depth));
    const encodedUs = cpuUs();
    for (const payload of payloads) this.#store.apply(payload, () => undefined);
    const appliedUs = cpuUs();
    return {
      encodeNs: (1_000 * (encodedUs - startUs)) / sets,
      applyNs: (1_000 * (appliedUs - encodedUs)) / sets,
      bytes: payloads.reduce((sum, { byteLength }) => sum + byteLength, 0) / sets,
    };
  }

  #entry(depth: number): Uint8Array {
    for (let client = 0; client < CLIENTS; client += 1)
      for (let one = 0; one < depth; one += 1) {
        this.#sets += 1;
        const place = this.#sets * COMMAND_BYTES;
        if (this.#isMarked) this.#encoder.dedupe({ start: START, row: client }, client + 1, place);
        // A step that shares no factor with the number of keys goes through all of them.
        const key = `key-${(this.#sets * 7_919) % KEYS}`;
        this.#encoder.add({ type: 'set', key, value: VALUE, exptimeS: 0 });
      }
    this.#stampMs += 1;
    return this.#encoder.finish(this.#stampMs);
  }
}

function rowOf(depth: number, rounds: number): readonly string[] {
  const [plain, marked] = [new Scene(false), new Scene(true)];
  const costs: (readonly [plain: Cost, marked: Cost])[] = [];
  for (let round = 0; round < WARM_UP_ROUNDS + rounds; round += 1) {
    const both = [plain.round(depth), marked.round(depth)] as const;
    if (round >= WARM_UP_ROUNDS) costs.push(both);
  }
  const of = (value: (both: readonly [Cost, Cost]) => number) => median(costs.map(value)).toFixed(0);
  return [
    `${depth}`,
    of(([one]) => one.encodeNs),
    of(([, other]) => other.encodeNs),
    of(([one]) => one.applyNs),
    of(([, other]) => other.applyNs),
    of(([one, other]) => other.encodeNs - one.encodeNs + SERVERS * (other.applyNs - one.applyNs)),
    of(([one, other]) => other.bytes - one.bytes),
  ];
}

/** CPU time of the process, in µs. */
function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

await runTool(command, async () => {
  const { rounds } = command.opts<{ readonly rounds: number }>();
  const rows = DEPTHS.map((depth) => rowOf(depth, rounds));
  const head = ['depth', 'encode ns', 'with', 'apply ns', 'with', 'more in all, ns', 'more bytes'];
  process.stdout.write(`${table([head, ...rows])}\n`);
  return 0;
});
