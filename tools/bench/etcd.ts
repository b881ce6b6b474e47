/**
 * `npm run bench:etcd`: what a front end on etcd does a second, next to a client that asks the same etcd by itself.
 *
 * One etcd, one program with one server, and loads in turns: callers of etcd with one put at a time each, by a library for gRPC,
 * by our own calls and by bare HTTP/2, and as many Redis clients with one SET, and with several. What counts are ratios within a
 * round, since a machine's minutes differ. etcd does not sync its disk unless told to: a slow disk makes a client of etcd alone
 * wait more than clients that share transactions.
 */

import { once } from 'node:events';
import { connect } from 'node:http2';
import { create, toBinary } from '@bufbuild/protobuf';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { Command, Option } from 'commander';
import { GrpcTransport } from '../../src/etcd/node/grpc-transport.js';
import { KV } from '../../src/etcd/rpc/messages.js';
import { countOption, runTool } from '../support/arguments.js';
import { cpuTimeUs } from '../support/cpu-time.js';
import { Etcd } from '../support/etcd-process.js';
import { Program } from '../support/program.js';
import { median } from '../support/statistics.js';
import { GeneratorProcess } from './load/generator-process.js';

interface Arguments {
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
  readonly depth: number;
  readonly fsync: boolean;
}

/** What a load came to. */
interface Part {
  readonly requestsPerSecond: number;
  /** Of etcd, and of the program, for a request. */
  readonly etcdUs: number;
  readonly programUs: number;
}

const KEYSPACE = { keys: 10_000, valueBytes: 64 };
const TIMEOUT_MS = 10_000;
/** Before each message of gRPC: a flag, and how long it is. */
const FRAME_HEAD_BYTES = 5;

const command = new Command('bench:etcd')
  .description('Compares a front end on etcd with a client of etcd')
  .addOption(countOption('--rounds <count>', 'rounds that count, after one to warm up', 5))
  .addOption(countOption('--seconds <count>', 'duration of each part of a round', 3))
  .addOption(countOption('--connections <count>', 'clients, or callers of etcd', 50))
  .addOption(countOption('--depth <count>', 'requests that a client sends at once', 16))
  .addOption(new Option('--fsync', 'etcd syncs its disk').default(false));

await runTool(command, async () => {
  const { rounds, seconds, connections, depth, fsync } = command.opts<Arguments>();
  const etcd = fsync ? await Etcd.startSafe() : await Etcd.start();
  const program = await Program.start({
    servers: 1,
    storage: 'elsewhere',
    flags: ['--engine', 'etcd', '--etcd-endpoints', etcd.endpoint, '--log-level', 'warn'],
  });
  const generator = new GeneratorProcess();
  const throughUs = (at: number) => async () => {
    const { requests } = await generator.run({
      port: program.portOf(0),
      connections,
      depth: at,
      operation: 'set',
      protocol: 'resp',
      keyspace: KEYSPACE,
      limit: { type: 'seconds', seconds },
    });
    return requests;
  };
  const limit = { connections, seconds };
  const loads = [
    { name: `etcd alone, ${connections} callers`, run: () => putByLibrary(etcd.endpoint, limit) },
    { name: 'the same by our calls', run: () => putByOurCalls(etcd.endpoint, limit) },
    { name: 'the same by bare HTTP/2', run: () => putByHttp2(etcd.endpoint, limit) },
    { name: `through us, ${connections} x 1`, run: throughUs(1) },
    { name: `through us, ${connections} x ${depth}`, run: throughUs(depth) },
  ];
  const measured = loads.map((): Part[] => []);
  try {
    for (let round = 0; round <= rounds; round += 1) {
      for (const [place, { run }] of loads.entries()) {
        const part = await measure(run, etcd, program);
        if (round > 0) measured[place]?.push(part);
      }
    }
  } finally {
    await generator.close();
    await program.stop();
    await etcd.stop();
  }
  const [alone = []] = measured;
  for (const [place, { name }] of loads.entries())
    process.stdout.write(`${line(name, measured[place] ?? [], alone)}\n`);
  return 0;
});

async function measure(run: () => Promise<number>, etcd: Etcd, program: Program): Promise<Part> {
  const startMs = performance.now();
  const before = await Promise.all([etcd.pid ?? 0, program.pid].map(cpuTimeUs));
  const requests = await run();
  const after = await Promise.all([etcd.pid ?? 0, program.pid].map(cpuTimeUs));
  const [etcdUs = 0, programUs = 0] = after.map((us, place) => (us - (before[place] ?? 0)) / requests);
  return { requestsPerSecond: (requests / (performance.now() - startMs)) * 1_000, etcdUs, programUs };
}

/** Puts by the library that has the program's streams. */
function putByLibrary(baseUrl: string, limit: CallerLimit): Promise<number> {
  const transport = createGrpcTransport({ baseUrl });
  return callers(limit, (put) => transport.unary(KV.put, undefined, TIMEOUT_MS, undefined, put));
}

/** Puts as the program itself asks etcd. */
async function putByOurCalls(endpoint: string, limit: CallerLimit): Promise<number> {
  const transport = new GrpcTransport({ endpoints: [endpoint] });
  const count = await callers(limit, (put) => transport.call(KV.put, put, TIMEOUT_MS));
  transport.close();
  return count;
}

/** Puts by Node's HTTP/2 alone, which no client of gRPC can be faster than. */
async function putByHttp2(endpoint: string, limit: CallerLimit): Promise<number> {
  const session = connect(endpoint);
  const headers = {
    ':method': 'POST',
    ':path': `/${KV.put.parent.typeName}/${KV.put.name}`,
    'content-type': 'application/grpc',
    te: 'trailers',
  };
  const count = await callers(limit, async (put) => {
    const bytes = toBinary(KV.put.input, create(KV.put.input, put));
    const frame = Buffer.alloc(FRAME_HEAD_BYTES + bytes.length);
    frame.writeUInt32BE(bytes.length, 1);
    frame.set(bytes, FRAME_HEAD_BYTES);
    const stream = session.request(headers).resume();
    stream.end(frame);
    const [trailers]: unknown[] = await once(stream, 'trailers');
    if (new Map(Object.entries(trailers ?? {})).get('grpc-status') !== '0')
      throw new Error('a put has failed');
  });
  session.destroy();
  return count;
}

interface CallerLimit {
  readonly connections: number;
  readonly seconds: number;
}

/** How many puts the callers do, each with one at a time. */
async function callers(
  { connections, seconds }: CallerLimit,
  call: (put: { key: Uint8Array; value: Uint8Array }) => Promise<unknown>,
): Promise<number> {
  const value = Buffer.alloc(KEYSPACE.valueBytes, 'v');
  const endMs = performance.now() + seconds * 1_000;
  let count = 0;
  async function go(caller: number): Promise<void> {
    for (let number = caller; performance.now() < endMs; number += connections) {
      await call({ key: Buffer.from(`alone/${number % KEYSPACE.keys}`), value });
      count += 1;
    }
  }
  await Promise.all(Array.from({ length: connections }, (_, caller) => go(caller)));
  return count;
}

function line(name: string, own: readonly Part[], alone: readonly Part[]): string {
  const rate = Math.round(median(own.map(({ requestsPerSecond }) => requestsPerSecond))).toLocaleString('en');
  const times = own.map((part, round) => part.requestsPerSecond / (alone[round] ?? part).requestsPerSecond);
  const etcdUs = median(own.map((part) => part.etcdUs)).toFixed(1);
  const programUs = median(own.map((part) => part.programUs)).toFixed(1);
  return [
    name.padEnd(26),
    `${rate.padStart(8)} requests/s (${median(times).toFixed(2)} times)`,
    `CPU each: etcd ${etcdUs} µs, program ${programUs} µs`,
  ].join('   ');
}
