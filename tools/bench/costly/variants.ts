/** More of what one client can do: other commands of the same kinds, many cheap ones, and what needs several connections. */

import { connect } from 'node:net';
import { encodeCommand } from '../../support/redis-client.js';
import { CostlyClient } from './costly-client.js';
import {
  after,
  BIG,
  BIG_KEYS,
  BIG_VALUES,
  type CostlyCase,
  type CostlySite,
  dumped,
  inMulti,
  keyAt,
  keysUpTo,
  MIB,
  repeated,
  times,
} from './making.js';

const HARD_PATTERN = `*${'a*'.repeat(12)}z`;
const WATCHED = 10_000;
const SUBSCRIBERS = 10;
/** As many as one connection may have, of this length. */
const PATTERNS_OF_EACH = 900;
const WATCHERS = 1_000;
const IDLE_CLIENTS = 5_000;
const WALKERS = 100;
const SLICE = 1_000;

function sets(count: number): readonly (readonly string[])[] {
  return Array.from({ length: count }, (_, number) => ['SET', `#a${'a'.repeat(20)}${number % 100}`, 'v']);
}

/** As many commands of ten kinds, on a hundred keys. */
function mixed(count: number): readonly (readonly string[])[] {
  const kinds = [
    (key: string) => ['SET', key, '1', 'EX', '100'],
    (key: string) => ['INCR', key],
    (key: string) => ['APPEND', key, '0'],
    (key: string) => ['GET', key],
    (key: string) => ['EXPIRE', key, '50'],
    (key: string) => ['COPY', key, '#mixed copy', 'REPLACE'],
    (key: string) => ['GETRANGE', key, '0', '-1'],
    (key: string) => ['SETBIT', key, '77', '1'],
    (key: string) => ['DEL', key],
    (key: string) => ['RENAME', '#mixed copy', key],
  ];
  return Array.from({ length: count }, (_, number) => {
    const kind = kinds[number % kinds.length];
    return kind?.(`#mixed${number % 100}`) ?? [];
  });
}

function inParts<T>(items: readonly T[], count: number): T[][] {
  const parts: T[][] = [];
  for (let from = 0; from < items.length; from += count) parts.push(items.slice(from, from + count));
  return parts;
}

export const VARIANTS: Readonly<Record<string, CostlyCase>> = {
  '1,000 SETRANGE far beyond the end, and DEL': after(
    [],
    Array.from({ length: 2_000 }, (_, i) =>
      i % 2 === 0 ? ['SETRANGE', '#gap', `${MIB - 2}`, 'y'] : ['DEL', '#gap'],
    ),
  ),
  'EXEC of 100 SETRANGE far beyond the end': after(
    [],
    inMulti(Array.from({ length: 100 }, (_, i) => ['SETRANGE', `#gap${i % 4}`, `${MIB - 2 - i}`, 'y'])),
    [['DEL', '#gap0', '#gap1', '#gap2', '#gap3']],
  ),
  '1,000 SETBIT far beyond the end, and DEL': after(
    [],
    Array.from({ length: 2_000 }, (_, i) =>
      i % 2 === 0 ? ['SETBIT', '#gap', `${8 * (MIB - 2)}`, '1'] : ['DEL', '#gap'],
    ),
  ),
  '600 GETRANGE of 1 MiB': after([BIG], repeated(600, 'GETRANGE', '#big', '0', '-1')),
  '300 GETDEL of 1 MiB': after([], times(300, () => [BIG, ['GETDEL', '#big']]).flat()),
  '300 GETEX of 1 MiB': after([BIG], repeated(300, 'GETEX', '#big', 'EX', '1000')),
  '300 APPEND of 1 MiB, and DEL': after(
    [],
    times(300, () => [
      ['APPEND', ...BIG.slice(1)],
      ['DEL', '#big'],
    ]).flat(),
  ),
  '2,000 RENAME of 1 MiB': after(
    [BIG],
    times(1_000, () => [
      ['RENAME', '#big', '#renamed'],
      ['RENAME', '#renamed', '#big'],
    ]).flat(),
  ),
  '100 MSET of 2 MiB': after(
    [],
    times(100, () => ['MSET', ...BIG.slice(1), ...(BIG_VALUES[0] ?? []).slice(1)]),
  ),
  '300 ECHO of 2 MiB': after(
    [],
    times(300, () => ['ECHO', 'e'.repeat(2 * MIB)]),
  ),
  'EXEC of 31 DUMP of 1 MiB, 5 times': after(
    BIG_VALUES,
    ...times(5, () => inMulti(BIG_KEYS.map((key) => ['DUMP', key]))),
  ),
  'EXEC of 2 RESTORE of 1 MiB, 20 times': after(
    [],
    ...times(20, () =>
      inMulti(repeated(2, 'RESTORE', '#restored', '0', dumped('d'.repeat(MIB - 100)), 'REPLACE')),
    ),
  ),
  '50 BITFIELD_RO of 10,000 operations': after(
    [BIG],
    times(50, () => ['BITFIELD_RO', '#big', ...repeated(10_000, 'GET', 'u8', '8388000').flat()]),
  ),
  '500 BITOP NOT of 1 MiB': after([BIG], repeated(500, 'BITOP', 'NOT', '#x', '#big')),
  'EXEC of 200 BITCOUNT of 1 MiB': after([BIG], inMulti(repeated(200, 'BITCOUNT', '#big'))),
  '1,000 SCAN of 10,000 keys': after([], repeated(1_000, 'SCAN', '0', 'MATCH', 'nomatch*', 'COUNT', '10000')),
  'EXEC of 1,000 SCAN of 10,000 keys': after(
    [],
    inMulti(repeated(1_000, 'SCAN', '0', 'MATCH', '*', 'COUNT', '10000')),
  ),
  'WATCH of 10,000 keys and EXEC, 50 times': after(
    [],
    times(50, () => [['WATCH', ...keysUpTo(WATCHED)], ['MULTI'], ['INCR', '#n'], ['EXEC']]).flat(),
  ),
  'WATCH of one key each, 10,000 times, and UNWATCH': after(
    [],
    times(10, () => [...keysUpTo(WATCHED).map((key) => ['WATCH', key]), ['UNWATCH']]).flat(),
  ),
  'EXEC of 10,000 mixed commands, 10 times': after([], ...times(10, () => inMulti(mixed(10_000)))),
  '100,000 mixed commands': after([], mixed(100_000)),
  'RENAME of 100,000 keys and back': after(
    [],
    keysUpTo(100_000).flatMap((key) => [
      ['RENAME', key, `#${key}`],
      ['RENAME', `#${key}`, key],
    ]),
  ),
  '200,000 DBSIZE': after([], repeated(200_000, 'DBSIZE')),
  '20,000 INFO': after([], repeated(20_000, 'INFO')),
  '20,000 CONFIG GET *': after([], repeated(20_000, 'CONFIG', 'GET', '*')),
  '200,000 HELLO 3': after([], repeated(200_000, 'HELLO', '3'), [['HELLO', '2']]),
  '20,000 CLUSTER SHARDS': after([], repeated(20_000, 'CLUSTER', 'SHARDS')),
  '1,000 COMMAND DOCS': after([], repeated(1_000, 'COMMAND', 'DOCS')),
  '100,000 SLOWLOG GET': after([], repeated(100_000, 'SLOWLOG', 'GET')),
  '100,000 CONFIG SET': after([], repeated(100_000, 'CONFIG', 'SET', 'slowlog-max-len', '128')),
  '300,000 commands that do not exist': after([], repeated(300_000, 'X')),
  '300,000 SETNAME': after([], repeated(300_000, 'CLIENT', 'SETNAME', 'n'.repeat(100))),
  '20,000 CLIENT KILL of nobody': after([], repeated(20_000, 'CLIENT', 'KILL', 'ID', '123456789')),
  '20,000 SUBSCRIBE and UNSUBSCRIBE of 100 channels': after(
    [],
    times(10_000, () => [
      ['SUBSCRIBE', ...keysUpTo(100)],
      ['UNSUBSCRIBE', ...keysUpTo(100)],
    ]).flat(),
  ),
  '100,000 SESSION OPEN': after([], repeated(100_000, 'SESSION', 'OPEN')),
  '100,000 ONCE': async ({ client }) => {
    const head = await client.run([['SESSION', 'OPEN']]);
    const id = head.match(/\r\n(\S+)\r\n/)?.[1] ?? '';
    return client.run(
      Array.from({ length: 100_000 }, (_, i) => ['ONCE', id, `${i + 1}`, `${i}`, 'SET', '#once', 'v']),
    );
  },
  '600 get of 1 MiB by the text protocol': byText([BIG], 600, () => 'get #big\r\n'),
  '300,000 getm by the text protocol': byText([], 300_000, (i) => `getm ${keyAt(i)}\r\n`),
  '300,000 bad lines of the text protocol': byText([], 300_000, () => 'get\r\n'),
  '300,000 sets without a reply': byText([], 300_000, (i) => `set ${keyAt(i)} 0 1 noreply\r\nv\r\n`),
  '2,000 watch of all keys with their state': byText([], 2_000, () => 'watch * 0\r\nunwatch\r\n'),
  '100,000 watch and unwatch': byText([], 100_000, () => 'watch nobody\r\nunwatch\r\n'),
  'SET of 30,000 keys with 9,000 patterns subscribed to': async (site) => {
    const head = `__keyspace@0__:${'*a'.repeat(10)}`;
    const patterns = (of: number) =>
      Array.from({ length: PATTERNS_OF_EACH }, (_, i) => `${head}${of * PATTERNS_OF_EACH + i}z`);
    return beside(
      site,
      SUBSCRIBERS,
      (of) => [
        ['HELLO', '3'],
        ['PSUBSCRIBE', ...patterns(of)],
      ],
      sets(30_000),
    );
  },
  'SET of 10,000 keys with 1,000 watches of prefixes': async ({ client, routerPort }) => {
    const lines = Array.from({ length: WATCHERS }, (_, i) => `watch #a${'a'.repeat(i % 20)}\r\n`);
    const sockets = await connected(routerPort, lines);
    const answer = await client.run(sets(10_000));
    for (const socket of sockets) socket.destroy();
    return answer;
  },
  'SET of 10,000 keys with 8 monitors': (site) =>
    beside(site, 8, () => [['HELLO', '3'], ['MONITOR']], sets(10_000)),
  '300 CLIENT LIST with 5,000 clients': async ({ client, routerPort }) => {
    const sockets = await connected(
      routerPort,
      times(IDLE_CLIENTS, () => encodeCommand(['PING'])),
    );
    const answer = await client.run(repeated(300, 'CLIENT', 'LIST'));
    for (const socket of sockets) socket.destroy();
    return answer;
  },
  'KEYS at 100 connections': (site) =>
    beside(site, WALKERS, () => repeated(2, 'KEYS', 'nomatch*'), [['PING']]),
  'CLUSTER GETKEYSINSLOT at 100 connections': (site) =>
    beside(site, WALKERS, () => repeated(2, 'CLUSTER', 'GETKEYSINSLOT', '1', '1000'), [['PING']]),
  'DEL of 300,000 keys at 5 connections': (site) =>
    beside(site, 5, () => times(3, () => ['DEL', ...keysUpTo(300_000)]), [['PING']]),
  'BITCOUNT of 1 MiB at 100 connections': async (site) => {
    await site.client.run([BIG]);
    return beside(site, 100, () => repeated(20, 'BITCOUNT', '#big'), [['PING']]);
  },
  'SET of 1 MiB at 20 connections': (site) =>
    beside(site, 20, (of) => repeated(10, 'SET', `#big${of}`, 'b'.repeat(MIB)), [['PING']]),
  'EXEC of 10 LCS at 20 connections': async (site) => {
    await site.client.run([
      ['SET', '#a', 'ab'.repeat(724)],
      ['SET', '#b', 'ba'.repeat(724)],
    ]);
    return beside(site, 20, () => inMulti(repeated(10, 'LCS', '#a', '#b')), [['PING']]);
  },
  '2,000 connections, each with a HELLO': async ({ client, routerPort }) => {
    for (let round = 0; round < 2; round += 1) {
      const sockets = await connected(
        routerPort,
        times(SLICE, () => encodeCommand(['HELLO', '3'])),
      );
      for (const socket of sockets) socket.destroy();
    }
    return client.run([['PING']]);
  },
  '200 PSUBSCRIBE and PUBSUB CHANNELS with a hard pattern': after(
    [],
    times(200, () => ['PUBSUB', 'CHANNELS', HARD_PATTERN]),
  ),
};

/** Sends lines of the text protocol after commands of Redis that prepare it; done once its last line, of no client, is answered. */
function byText(
  preparation: readonly (readonly string[])[],
  count: number,
  lineOf: (number: number) => string,
): CostlyCase {
  return async ({ client, routerPort }) => {
    await client.run(preparation);
    const text = await CostlyClient.connect(routerPort);
    const lines = Array.from({ length: count }, (_, number) => lineOf(number));
    try {
      return await text.runText(lines);
    } finally {
      text.close();
    }
  };
}

/** So many connections do what `commandsOf` says, and then, while they are there, the client something else. */
async function beside(
  { client, routerPort }: CostlySite,
  count: number,
  commandsOf: (number: number) => readonly (readonly string[])[],
  commands: readonly (readonly string[])[],
): Promise<string> {
  const others = await Promise.all(times(count, () => CostlyClient.connect(routerPort)));
  try {
    const heads = await Promise.all(others.map((other, number) => other.tryToRun(commandsOf(number))));
    const head = await client.run(commands);
    return `${heads[0]} ${head}`;
  } finally {
    for (const other of others) other.close();
  }
}

/** As many connections as lines, once each has got something back. */
async function connected(port: number, lines: readonly string[]): Promise<ReturnType<typeof connect>[]> {
  const sockets: ReturnType<typeof connect>[] = [];
  for (const part of inParts(lines, 100))
    await Promise.all(
      part.map(
        (line) =>
          new Promise<void>((resolve, reject) => {
            const socket = connect(port, '127.0.0.1');
            socket.on('error', reject);
            socket.once('data', () => {
              socket.resume();
              resolve();
            });
            socket.write(line);
            sockets.push(socket);
          }),
      ),
    );
  return sockets;
}
