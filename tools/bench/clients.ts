/**
 * `npm run bench:clients`: the client in the cluster's process, the same client by TCP, and ioredis at the same router, in turns of a
 * few ms, so that all have the same of whatever else the machine does. All is in one process, and in memory.
 */

import { Command } from 'commander';
import { Redis } from 'ioredis';
import { KvClient } from '../../src/client/index.js';
import { Cluster } from '../../src/index.js';
import { countOption, runTool } from '../support/arguments.js';
import { freePorts } from '../support/free-ports.js';
import { median } from '../support/statistics.js';

interface Arguments {
  readonly seconds: number;
}

type Call = (place: number) => Promise<unknown>;

const SERVERS = 3;
const KEYS = 64;
const VALUE = 'x'.repeat(64);
const WINDOW_MS = 20;
const CALLERS = [1, 50, 64];

const command = new Command('bench:clients')
  .description('Measures clients beside each other: in process, by TCP, and ioredis')
  .addOption(countOption('--seconds <count>', 'how long for each number of callers', 15));

await runTool(command, async () => {
  const { seconds } = command.opts<Arguments>();
  const port = await freePorts();
  const cluster = new Cluster({ servers: SERVERS, memory: true, port, routerPort: port + 2 * SERVERS });
  await cluster.start();
  const inProcess = cluster.client();
  const kv = new KvClient({ servers: [cluster.routerAddress ?? ''] });
  const redis = new Redis(cluster.routerAddress?.port ?? 0, '127.0.0.1');
  const key = (place: number) => `key-${place % KEYS}`;
  for (let place = 0; place < KEYS; place += 1) await kv.set(key(place), VALUE);
  const calls: Readonly<Record<string, Call>> = {
    'get in process': (place) => inProcess.get(key(place)),
    'get by KvClient': (place) => kv.get(key(place)),
    'get by ioredis': (place) => redis.get(key(place)),
    'set in process': (place) => inProcess.set(key(place), VALUE),
    'set by KvClient': (place) => kv.set(key(place), VALUE),
    'set by ioredis': (place) => redis.set(key(place), VALUE),
  };
  for (const callers of CALLERS) {
    const rates = await inTurns(calls, callers, seconds);
    for (const op of ['get', 'set']) process.stdout.write(`${line(op, callers, rates)}\n`);
  }
  redis.disconnect();
  await kv.close();
  await cluster.close();
  return 0;
});

/** Calls per second of each, window by window. */
async function inTurns(
  calls: Readonly<Record<string, Call>>,
  callers: number,
  seconds: number,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const rates = new Map<string, number[]>(Object.keys(calls).map((name) => [name, []]));
  const endMs = performance.now() + seconds * 1_000;
  // The first round warms up.
  for (let round = 0; round < 2 || performance.now() < endMs; round += 1)
    for (const [name, call] of Object.entries(calls)) {
      const rate = await oneWindow(call, callers);
      if (round > 0) rates.get(name)?.push(rate);
    }
  return rates;
}

async function oneWindow(call: Call, callers: number): Promise<number> {
  const startMs = performance.now();
  let count = 0;
  await Promise.all(
    Array.from({ length: callers }, async (_, place) => {
      while (performance.now() < startMs + WINDOW_MS) {
        await call(place);
        count += 1;
      }
    }),
  );
  return (count / (performance.now() - startMs)) * 1_000;
}

function line(op: string, callers: number, rates: ReadonlyMap<string, readonly number[]>): string {
  const of = (who: string) => rates.get(`${op} ${who}`) ?? [];
  const ratio = (one: string, other: string) => {
    const others = of(other);
    return median(of(one).map((rate, round) => rate / (others[round] ?? rate))).toFixed(2);
  };
  const each = ['in process', 'by KvClient', 'by ioredis'].map(
    (who) => `${who} ${Math.round(median(of(who))).toLocaleString('en')}/s`,
  );
  return [
    `${op}, ${callers} callers`.padEnd(16),
    each.join(', '),
    `in process / KvClient ${ratio('in process', 'by KvClient')}`,
    `KvClient / ioredis ${ratio('by KvClient', 'by ioredis')}`,
  ].join('   ');
}
