/** The same commands, put to this store and to a real Redis: subscribers are told of the same events. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'chai';
import fc from 'fast-check';
import { freePorts } from '../../../tools/support/free-ports.js';
import { type Raw, RedisClient } from '../../../tools/support/redis-client.js';
import { eventually, TestCluster } from '../../support/cluster.js';

const hasRedis = spawnSync('redis-server', ['--version']).status === 0;

/** Each line is what is done after FLUSHALL. */
const CASES: readonly string[] = [
  'SET a 1; SET a 1; SET a 2 XX; SET a 3 NX; SET b 3 NX; SET c 1 XX; SET a 1 KEEPTTL; SET a 1 GET',
  'SET a 1 EX 100; SET a 2 KEEPTTL; SET a 2 PX 100000; SETEX a 100 3; PSETEX a 100000 4; SETNX a 5; SETNX b 5',
  'SET a 1; GETSET a 2; GETSET b 2; GETDEL a; GETDEL a',
  'SET a 1; GETEX a; GETEX a EX 100; GETEX a PERSIST; GETEX a PERSIST; GETEX a EXAT 1; GETEX a EX 100',
  'MSET a 1 b 2 a 3; MSETNX a 9 c 9; MSETNX c 9 d 9',
  'SET a 1; APPEND a 2; APPEND b x; APPEND a ""; APPEND c ""',
  'SETRANGE a 3 x; SETRANGE a 0 ""; SETRANGE b 0 ""; SETRANGE a 0 x',
  'INCR a; DECR a; INCRBY a 5; DECRBY a 5; INCRBY a 0; INCRBYFLOAT a 1.5; INCR a; SET s x; INCR s',
  'SETBIT a 7 1; SETBIT a 7 1; SETBIT a 7 0; SETBIT a 100 0; SETBIT a 50 0; SETBIT b 0 0; GETBIT a 3',
  'BITFIELD a SET u8 0 255 INCRBY u8 8 1 GET u8 0; BITFIELD a SET u8 0 255; BITFIELD a GET u8 0; BITFIELD a SET u8 100 0',
  'BITFIELD a OVERFLOW FAIL INCRBY u8 0 300; BITFIELD a SET u8 0 1 SET u8 0 1 SET u8 0 2; BITFIELD a SET u8 0 2 SET u8 0 3',
  'SET a abc; SET b abd; BITOP AND c a b; BITOP NOT c a; BITOP OR c missing; BITOP OR c missing; BITOP XOR a a b',
  'SET a 1; SET b 2; DEL a b c; DEL a; SET a 1; UNLINK a missing',
  'SET a 1; RENAME a b; RENAME b b; SET c 1; RENAME b c; RENAMENX c d; SET e 1; RENAMENX d e; RENAME missing x',
  'SET a 1 EX 100; RENAME a b; COPY b c; COPY b c; COPY b c REPLACE; COPY missing x',
  'SET a 1; EXPIRE a 100; EXPIRE a 100; EXPIRE a 50 GT; EXPIRE a 200 GT; PERSIST a; PERSIST a; EXPIRE missing 1',
  'SET a 1; PEXPIRE a 100000; EXPIREAT a 99999999999; PEXPIREAT a 99999999999000; EXPIRE a -1; EXPIRE a 10',
  'SET a 1; EXPIREAT a 1; SET b 1; PEXPIREAT b 5; SET c 1; EXPIRE c 0; SET c 2; PERSIST missing',
  'SET a 1; FLUSHALL; SET a 1; FLUSHDB; FLUSHALL',
  'GET a; MGET a b; TOUCH a; EXISTS a; TYPE a; OBJECT ENCODING a; SET a 1; TOUCH a; GET a; STRLEN a; GETRANGE a 0 1',
  'MULTI; SET a 1; INCR a; DEL a; GET a; SET b x; INCR b; RENAME b c; EXEC',
  'MULTI; SET a 1; DISCARD; MULTI; SET a 1; INCR a b; EXEC',
  'SET a 1; WATCH a; SET a 2; MULTI; SET a 3; EXEC',
];

function wordsOf(command: string): string[] {
  return command.split(' ').map((word) => (word === '""' ? '' : word));
}

describe('events', () => {
  let cluster: TestCluster;
  let redis: ChildProcess;
  let sides: { readonly client: RedisClient; readonly subscriber: RedisClient }[];

  before(async function () {
    if (!hasRedis) {
      process.stdout.write('    redis-server is missing: events are not compared with those of Redis\n');
      this.skip();
    }
    cluster = await TestCluster.start({ servers: 1 });
    const port = await freePorts();
    const flags = ['--notify-keyspace-events', 'KEA', '--save', '', '--appendonly', 'no'];
    redis = spawn('redis-server', ['--port', `${port}`, ...flags], { stdio: 'ignore' });
    const connect = async (to: number) => {
      const [client, subscriber] = await Promise.all([RedisClient.connect(to), RedisClient.connect(to)]);
      await subscriber.call('PSUBSCRIBE', '__key*@0__:*');
      return { client, subscriber };
    };
    await eventually('Redis is up', () =>
      RedisClient.connect(port).then(
        (client) => {
          client.close();
          return true;
        },
        () => false,
      ),
    );
    sides = [await connect(cluster.cluster.serverAddress(0).port), await connect(port)];
  });

  after(async () => {
    if (!hasRedis) return;
    for (const { client, subscriber } of sides) {
      client.close();
      subscriber.close();
    }
    redis.kill();
    await Promise.all([once(redis, 'close'), cluster.close()]);
  });

  /** What each side's subscriber is told while these are executed. */
  async function toldOf(commands: readonly (readonly string[])[]): Promise<readonly Raw[][]> {
    return Promise.all(
      sides.map(async ({ client, subscriber }) => {
        subscriber.told.length = 0;
        await client.pipeline(['FLUSHALL'], ...commands, ['SET', 'end', '']);
        const isEnd = (message: Raw) => JSON.stringify(message)?.includes('__keyevent@0__:set","end"');
        await eventually('it is told of the end', () => subscriber.told.some(isEnd));
        return [...subscriber.told];
      }),
    );
  }

  for (const line of CASES)
    it(`are those of Redis: ${line}`, async () => {
      const [ours, theirs] = await toldOf(line.split('; ').map(wordsOf));
      expect(ours).to.deep.equal(theirs);
    });

  it('are those of Redis when a key expires, and come once it is gone', async () => {
    const told = await Promise.all(
      sides.map(async ({ client, subscriber }) => {
        await client.call('FLUSHALL');
        subscriber.told.length = 0;
        await client.call('SET', 'short', 'x', 'PX', '30');
        await eventually('it has expired', () => subscriber.told.length >= 6);
        expect(await client.call('EXISTS', 'short')).to.equal(0);
        return [...subscriber.told];
      }),
    );
    expect(told[0]).to.deep.equal(told[1]);
  });

  it('are those of Redis whatever is done', async () => {
    const key = fc.constantFrom('a', 'b', 'c');
    const value = fc.constantFrom('', '1', '7', 'x', 'longer than that');
    const far = fc.constantFrom('1000', '2000', '-1');
    const command = fc.oneof(
      fc.tuple(fc.constantFrom('SET', 'SETNX', 'APPEND', 'GETSET'), key, value),
      fc.tuple(fc.constant('SET'), key, value, fc.constantFrom('NX', 'XX', 'GET', 'KEEPTTL')),
      fc.tuple(fc.constant('SET'), key, value, fc.constant('EX'), fc.constant('100')),
      fc.tuple(fc.constantFrom('INCRBY', 'DECRBY', 'INCRBYFLOAT'), key, value),
      fc.tuple(fc.constantFrom('EXPIRE', 'PEXPIRE'), key, far),
      fc.tuple(fc.constant('EXPIRE'), key, far, fc.constantFrom('NX', 'XX', 'GT', 'LT')),
      fc.tuple(fc.constantFrom('DEL', 'UNLINK', 'GETDEL', 'PERSIST', 'INCR', 'DECR'), key),
      fc.tuple(fc.constantFrom('RENAME', 'RENAMENX', 'COPY', 'MSET', 'MSETNX'), key, key),
      fc.tuple(fc.constant('COPY'), key, key, fc.constant('REPLACE')),
      fc.tuple(fc.constant('SETRANGE'), key, fc.constantFrom('0', '3'), value),
      fc.tuple(fc.constant('SETBIT'), key, fc.constantFrom('0', '9'), fc.constantFrom('0', '1')),
      fc.tuple(fc.constant('GETEX'), key, fc.constant('PERSIST')),
      fc.tuple(fc.constantFrom('BITOP'), fc.constantFrom('OR', 'AND'), key, key, key),
      fc.tuple(fc.constant('FLUSHALL')),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 30 }), async (commands) => {
        const [ours, theirs] = await toldOf(commands);
        expect(ours).to.deep.equal(theirs);
      }),
      { numRuns: 50 },
    );
  });
});
