/** What one client can do that takes a server long: commands of Redis, each of which is allowed. */

import { request } from 'node:http';
import { connect } from 'node:net';
import {
  after,
  BIG,
  BIG_KEYS,
  BIG_VALUES,
  type CostlyCase,
  dumped,
  inMulti,
  keysUpTo,
  MANY,
  MIB,
  numbersUpTo,
  repeated,
  times,
  ZEROS,
} from './making.js';

/** Their lengths multiply to what LCS takes at most. */
const LCS_PAIR = [
  ['SET', '#a', 'ab'.repeat(724)],
  ['SET', '#b', 'ba'.repeat(724)],
] as const;
const LCS = ['LCS', '#a', '#b'] as const;
const HARD_PATTERN = `*${'a*'.repeat(12)}z`;

export const CASES: Readonly<Record<string, CostlyCase>> = {
  'KEYS with a pattern of 6,000 over a key of 100,000': after(
    [['SET', `#${'a'.repeat(100_000)}`, 'x']],
    [['KEYS', `*${'a'.repeat(6_000)}b`]],
  ),
  'KEYS that match nothing': after([], repeated(5, 'KEYS', 'nomatch*')),
  'KEYS *': after([], repeated(3, 'KEYS', '*')),
  'KEYS with a hard pattern': after([], repeated(3, 'KEYS', HARD_PATTERN)),
  '4,000 SETRANGE of 1 MiB': after([BIG], repeated(4_000, 'SETRANGE', '#big', '1048574', 'y')),
  '4,000 SETRANGE of 1 MiB in MULTI': after(
    [BIG],
    inMulti(repeated(4_000, 'SETRANGE', '#big', '1048574', 'y')),
  ),
  '40,000 SETRANGE of 1 MiB in MULTI': after(
    [BIG],
    inMulti(repeated(40_000, 'SETRANGE', '#big', '1048574', 'y')),
  ),
  '4,000 APPEND to 1 MiB': after(
    [['SET', '#growing', 'x'.repeat(MIB - 4_000)]],
    repeated(4_000, 'APPEND', '#growing', 'y'),
  ),
  '20,000 APPEND to 1 MiB in MULTI': after(
    [['SET', '#growing', 'x'.repeat(MIB - 20_000)]],
    inMulti(repeated(20_000, 'APPEND', '#growing', 'y')),
  ),
  'MSET of 150,000 keys': after([], [['MSET', ...keysUpTo(150_000).flatMap((key) => [key, 'v'])]]),
  'MGET of 300,000 keys': after([], [['MGET', ...keysUpTo(MANY)]]),
  'EXISTS of 300,000 keys': after(
    [],
    times(3, () => ['EXISTS', ...keysUpTo(MANY)]),
  ),
  'DEL of 300,000 keys': after([], [['DEL', ...keysUpTo(MANY)]]),
  'MGET of 31 MiB, 5 times': after(BIG_VALUES, repeated(5, 'MGET', ...BIG_KEYS)),
  'EXEC of 31 GET of 1 MiB, 5 times': after(
    BIG_VALUES,
    ...times(5, () => inMulti(BIG_KEYS.map((key) => ['GET', key]))),
  ),
  '600 GET of 1 MiB': after([BIG], repeated(600, 'GET', '#big')),
  'EXEC of 80,000 INCR': after([], inMulti(repeated(80_000, 'INCR', '#n'))),
  'EXEC of 3 KEYS': after([], inMulti(repeated(3, 'KEYS', 'nomatch*'))),
  '20 EXEC of 100 COPY of 1 MiB': after(
    [BIG],
    times(20, () => inMulti(repeated(100, 'COPY', '#big', '#copy', 'REPLACE'))).flat(),
  ),
  '100 LCS': after(LCS_PAIR, repeated(100, ...LCS)),
  '20 EXEC of 10 LCS': after(LCS_PAIR, times(20, () => inMulti(repeated(10, ...LCS))).flat()),
  '50 BITOP of 30 MiB': after(BIG_VALUES, repeated(50, 'BITOP', 'XOR', '#x', ...BIG_KEYS.slice(0, 30))),
  '1,000 BITCOUNT of 1 MiB': after([BIG], repeated(1_000, 'BITCOUNT', '#big')),
  '50 BITFIELD of 5,000 operations': after(
    [BIG],
    times(50, () => ['BITFIELD', '#big', ...repeated(5_000, 'INCRBY', 'u8', '8388000', '1').flat()]),
  ),
  '200 SCAN with a hard pattern': after(
    [],
    repeated(200, 'SCAN', '0', 'MATCH', HARD_PATTERN, 'COUNT', '10000'),
  ),
  '200 DUMP of 1 MiB': after([BIG], repeated(200, 'DUMP', '#big')),
  '50 RESTORE of 1 MiB': after(
    [],
    repeated(50, 'RESTORE', '#restored', '0', dumped('d'.repeat(MIB - 100)), 'REPLACE'),
  ),
  '1,000 COPY of 1 MiB': after([BIG], repeated(1_000, 'COPY', '#big', '#copy', 'REPLACE')),
  '20,000 RANDOMKEY': after([], repeated(20_000, 'RANDOMKEY')),
  '500 COMMAND': after([], repeated(500, 'COMMAND')),
  '2,000 CLIENT LIST': after([], repeated(2_000, 'CLIENT', 'LIST')),
  '2,000 INCRBYFLOAT of many digits': after(
    [['SET', '#f', '1e-4000']],
    repeated(2_000, 'INCRBYFLOAT', '#f', '1e-4000'),
  ),
  '300,000 keys that expire at once': async ({ client }) => {
    const commands = keysUpTo(MANY).map((key) => ['PEXPIRE', key, '1000']);
    const head = await client.run(commands);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    return head;
  },
  'an HTTP client that pipelines 1,000 GET /metrics': ({ httpPort }) =>
    pipelined(httpPort, '/metrics', 1_000),
  'one that pipelines 100 GET /api/backup': ({ httpPort }) => pipelined(httpPort, '/api/backup', 100),
  'another that reads a backup': ({ httpPort }) => backup(httpPort),
  '300 GETSET of 1 MiB': after([BIG], repeated(300, 'GETSET', ...BIG.slice(1))),
  '300 SET of 1 MiB with GET': after([BIG], repeated(300, ...BIG, 'GET')),
  'UNLINK of 300,000 keys': after([], [['UNLINK', ...keysUpTo(MANY)]]),
  'TOUCH of 300,000 keys': after([], [['TOUCH', ...keysUpTo(MANY)]]),
  'MSETNX of 150,000 keys': after([], [['MSETNX', ...keysUpTo(150_000).flatMap((key) => [key, 'v'])]]),
  '300 BITPOS of 1 MiB': after([ZEROS], repeated(300, 'BITPOS', '#zeros', '1')),
  '2,000 CLUSTER COUNTKEYSINSLOT': after([], repeated(2_000, 'CLUSTER', 'COUNTKEYSINSLOT', '1')),
  '2,000 CLUSTER GETKEYSINSLOT': after([], repeated(2_000, 'CLUSTER', 'GETKEYSINSLOT', '1', '1000')),
  '200 inline commands of 60 KiB': ({ client }) =>
    client.runInline(times(200, () => `MGET ${'k '.repeat(30 * 1024)}`)),
  'CLIENT LIST ID of 150,000 arguments': after([], [['CLIENT', 'LIST', 'ID', ...numbersUpTo(150_000)]]),
  'COMMAND GETKEYS of 150,000 arguments': after([], [['COMMAND', 'GETKEYS', 'MGET', ...keysUpTo(150_000)]]),
  FLUSHALL: after([], [['FLUSHALL']]),
  '1,000 FLUSHALL': after([], repeated(1_000, 'FLUSHALL')),
  'EXEC of 10,000 FLUSHALL': after([], inMulti(repeated(10_000, 'FLUSHALL'))),
};

/** Sends requests and reads none of the answers; resolves after some seconds. */
async function pipelined(port: number, path: string, count: number): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`.repeat(count));
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  socket.destroy();
  return `${count} requests`;
}

function backup(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path: '/api/backup' }, (response) => {
      let byteCount = 0;
      response.on('data', (bytes: Buffer) => {
        byteCount += bytes.byteLength;
      });
      response.on('end', () => resolve(`${byteCount} bytes`));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}
