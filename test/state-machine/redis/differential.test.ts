/** The same commands, put to this store and to a real Redis: the same replies. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'chai';
import fc from 'fast-check';
import { freePorts } from '../../../tools/support/free-ports.js';
import { type Raw, RedisClient } from '../../../tools/support/redis-client.js';
import { eventually, TestCluster } from '../../support/cluster.js';

const hasRedis = spawnSync('redis-server', ['--version']).status === 0;

const FIXED: readonly string[] = [
  'SET k v',
  'GET k',
  'GET missing',
  'SET k v2 NX',
  'SET k v3 XX GET',
  'SET k v4 NX GET',
  'SET n v5 NX GET',
  'SET k v EX 0',
  'SET k v EX -1',
  'SET k v EX abc',
  'SET k v EX 10 PX 10',
  'SET k v KEEPTTL EX 10',
  'SET k v NX XX',
  'SET k v BOGUS',
  'SET k v EX',
  'SET k',
  'SET k v PXAT 1',
  'EXISTS k',
  'SET k v EXAT 9999999999',
  'EXPIRETIME k',
  'PEXPIRETIME k',
  'SET k w KEEPTTL',
  'EXPIRETIME k',
  'PERSIST k',
  'PERSIST k',
  'EXPIRETIME k',
  'TTL k',
  'TTL missing',
  'PTTL missing',
  'SETNX k v',
  'SETNX new v',
  'SETEX k 0 v',
  'SETEX k abc v',
  'PSETEX k -5 v',
  'SETEX k 100 v',
  'GETSET k w',
  'TTL k',
  'GETSET missing2 w',
  'GETDEL missing2',
  'GETDEL missing2',
  'GETEX k EX 100',
  'GETEX k PERSIST',
  'GETEX k PERSIST EX',
  'GETEX k EX',
  'GETEX missing EX 5',
  'GETEX k EX 0',
  'GETEX missing EX 0',
  'GETEX missing EX abc',
  'MSET a 1 b 2 c',
  'MSET a 1 b 2',
  'MGET a b missing',
  'MSETNX a 9 z 9',
  'EXISTS z',
  'MSETNX y 1 z 2',
  'APPEND a 23',
  'APPEND fresh xyz',
  'STRLEN a',
  'STRLEN missing',
  'GETRANGE a 0 1',
  'GETRANGE a -2 -1',
  'GETRANGE a 5 1',
  'GETRANGE a -1 -5',
  'GETRANGE a 0 100',
  'GETRANGE missing 0 -1',
  'GETRANGE a x 1',
  'GETRANGE a -9223372036854775808 9223372036854775807',
  'GETRANGE a 0 9223372036854775808',
  'SETRANGE a 9223372036854775807 x',
  'SETRANGE a 1 Z',
  'SETRANGE a 6 end',
  'SETRANGE missing3 0 -1',
  'SETRANGE a -1 x',
  'SETRANGE a 536870912 x',
  'INCR a',
  'SET num 10',
  'INCR num',
  'DECR num',
  'INCRBY num 100',
  'DECRBY num 50',
  'DECRBY num -9223372036854775808',
  'INCRBY num abc',
  'INCRBY num 1.5',
  'SET num 9223372036854775807',
  'INCR num',
  'SET num 01',
  'INCR num',
  'SET f 10.50',
  'INCRBYFLOAT f 0.25',
  'INCRBYFLOAT f -5',
  'INCRBYFLOAT f 5.0e3',
  'INCRBYFLOAT f abc',
  'INCRBYFLOAT a 1',
  'SET f 0.1',
  'INCRBYFLOAT f 0.2',
  'SET f 1e17',
  'INCRBYFLOAT f 1',
  'INCRBYFLOAT f inf',
  'INCRBYFLOAT f nan',
  'SET f inf',
  'INCRBYFLOAT f 1',
  'SET f 0',
  'INCRBYFLOAT f 0.024390243902439025',
  'INCRBYFLOAT f -0.024390243902439025',
  'INCRBYFLOAT f 0x1.8p3',
  'INCRBYFLOAT f 0x',
  'INCRBYFLOAT f 1e4932',
  'INCRBYFLOAT f 1e4932',
  'INCRBYFLOAT f 1.1e4932',
  'SET f 1',
  'INCRBYFLOAT f 1.19e4932',
  'INCRBYFLOAT f 1e-4951',
  'INCRBYFLOAT f 1e-4952',
  'INCRBYFLOAT f 3.6e-4951',
  'SET bits abc',
  'GETBIT bits 0',
  'GETBIT bits 1',
  'GETBIT bits 1000',
  'GETBIT bits -1',
  'GETBIT bits abc',
  'GETBIT bits 4294967296',
  'GETBIT missing 3',
  'SETBIT bits 7 1',
  'SETBIT bits 7 1',
  'SETBIT bits 100 1',
  'GET bits',
  'SETBIT bits 7 2',
  'SETBIT bits 7 x',
  'SETBIT bits -1 1',
  'SETBIT bits 4294967296 1',
  'SETBIT newbits 9 1',
  'GET newbits',
  'BITCOUNT bits',
  'BITCOUNT missing',
  'BITCOUNT missing 1',
  'BITCOUNT bits 0 0',
  'BITCOUNT bits 0',
  'BITCOUNT bits 1 1',
  'BITCOUNT bits -2 -1',
  'BITCOUNT bits -1 -2',
  'BITCOUNT bits 5 30 BIT',
  'BITCOUNT bits 5 -3 bit',
  'BITCOUNT bits 5 5 BYTE',
  'BITCOUNT bits 0 0 BOGUS',
  'BITCOUNT bits 0 x',
  'BITCOUNT bits 0 0 BIT x',
  'BITPOS bits 1',
  'BITPOS bits 0',
  'BITPOS bits 2',
  'BITPOS bits x',
  'BITPOS missing 0',
  'BITPOS missing 1',
  'BITPOS missing 1 5',
  'BITPOS bits 1 2',
  'BITPOS bits 1 2 -1',
  'BITPOS bits 1 5 30 BIT',
  'BITPOS bits 0 5 8 BIT',
  'BITPOS bits 1 0 0 BOGUS',
  'BITPOS bits 1 x',
  'BITPOS bits 1 20 10',
  'BITPOS bits 1 0 -1 BIT x',
  'SETRANGE ones 0 \xff\xff',
  'BITPOS ones 0',
  'BITPOS ones 0 0 -1',
  'BITPOS ones 0 1',
  'BITPOS ones 0 0 15 BIT',
  'BITOP AND dest bits newbits',
  'GET dest',
  'BITOP OR dest bits newbits missing',
  'GET dest',
  'BITOP XOR dest bits newbits',
  'GET dest',
  'BITOP NOT dest bits',
  'GET dest',
  'BITOP NOT dest bits newbits',
  'BITOP BOGUS dest bits',
  'BITOP AND dest missing missing2x',
  'EXISTS dest',
  'BITOP AND dest',
  'BITFIELD bf SET u8 0 255 GET u8 0 INCRBY u8 0 10',
  'BITFIELD bf OVERFLOW SAT INCRBY i5 100 1 GET u4 0',
  'BITFIELD bf OVERFLOW FAIL INCRBY u2 102 5',
  'BITFIELD bf OVERFLOW SAT INCRBY u2 102 5 OVERFLOW WRAP INCRBY u2 102 1',
  'BITFIELD bf SET i64 3 -9223372036854775808 GET i64 3 GET u63 3 OVERFLOW SAT INCRBY i64 3 -1',
  'BITFIELD bf OVERFLOW SAT SET u4 0 -1 GET u4 0',
  'BITFIELD bf GET u64 0',
  'BITFIELD bf GET i65 0',
  'BITFIELD bf GET x8 0',
  'BITFIELD bf GET u0 0',
  'BITFIELD bf GET u8 -1',
  'BITFIELD bf GET u8 #2',
  'BITFIELD bf SET u8 #x 1',
  'BITFIELD bf SET u8 0 x',
  'BITFIELD bf OVERFLOW BOGUS',
  'BITFIELD bf BOGUS',
  'BITFIELD bf GET u8',
  'BITFIELD bf',
  'BITFIELD missingbf GET u8 0',
  'EXISTS missingbf',
  'BITFIELD failing OVERFLOW FAIL SET u2 30 9',
  'STRLEN failing',
  'BITFIELD_RO bf GET u8 0 GET i3 5',
  'BITFIELD_RO bf SET u8 0 1',
  'BITFIELD_RO missing GET u8 0',
  'SUBSTR bits 0 1',
  'SUBSTR bits -2 -1',
  'SET lcsa ohmytext',
  'SET lcsb mynewtext',
  'LCS lcsa lcsb',
  'LCS lcsa lcsb LEN',
  'LCS lcsa lcsb IDX',
  'LCS lcsa lcsb IDX MINMATCHLEN 4',
  'LCS lcsa lcsb IDX MINMATCHLEN 4 WITHMATCHLEN',
  'LCS lcsa lcsb IDX WITHMATCHLEN',
  'LCS lcsa lcsb LEN IDX',
  'LCS lcsa lcsb MINMATCHLEN x',
  'LCS lcsa lcsb IDX MINMATCHLEN',
  'LCS lcsa lcsb BOGUS',
  'LCS lcsa missing',
  'LCS lcsa missing LEN',
  'LCS lcsa missing IDX',
  'LCS missing missing',
  'OBJECT ENCODING lcsa',
  'OBJECT ENCODING missing',
  'SET enc 12345',
  'OBJECT ENCODING enc',
  'SET enc 012',
  'OBJECT ENCODING enc',
  'SET enc 9223372036854775807',
  'OBJECT ENCODING enc',
  'SET enc 9223372036854775808',
  'OBJECT ENCODING enc',
  'SET enc aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
  'OBJECT ENCODING enc',
  'SET enc aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
  'OBJECT ENCODING enc',
  'OBJECT REFCOUNT enc',
  'OBJECT REFCOUNT missing',
  'OBJECT IDLETIME enc',
  'OBJECT FREQ enc',
  'OBJECT FREQ missing',
  'OBJECT ENCODING',
  'OBJECT ENCODING a b',
  'OBJECT BOGUS a',
  'MEMORY USAGE missing',
  'MEMORY USAGE enc SAMPLES',
  'MEMORY USAGE enc SAMPLES -1',
  'MEMORY USAGE enc SAMPLES x',
  'MEMORY USAGE enc BOGUS 1',
  'MEMORY PURGE',
  'MEMORY BOGUS',
  'DUMP missing',
  'RESTORE enc 0 bogus',
  'RESTORE restored x bogus',
  'RESTORE restored -1 bogus',
  'RESTORE restored 0 bogus',
  'RESTORE restored 0 bogus BOGUS',
  'RESTORE restored 0 bogus IDLETIME -1',
  'RESTORE restored 0 bogus FREQ 256',
  'RESTORE restored 0 bogus IDLETIME 1 FREQ 1',
  'RESTORE restored 0',
  'DEL a b missing',
  'UNLINK fresh missing',
  'EXISTS y z y',
  'TOUCH y z missing',
  'TYPE y',
  'TYPE missing',
  'RENAME missing x',
  'RENAME y y2',
  'GET y2',
  'RENAME y2 y2',
  'RENAMENX y2 z',
  'RENAMENX y2 y3',
  'COPY y3 y4',
  'COPY y3 y4',
  'COPY y3 y4 REPLACE',
  'COPY missing y4',
  'COPY y3 y3',
  'COPY y3 y5 BOGUS',
  'EXPIRE y3 100 NX',
  'EXPIRE y3 200 NX',
  'EXPIRE y3 50 GT',
  'EXPIRE y3 50 LT',
  'EXPIRE y3 500 XX',
  'EXPIRE y4 100 GT',
  'EXPIRE y4 100 XX',
  'EXPIRE y4 100 LT',
  'EXPIRE y3 100 NX XX',
  'EXPIRE y3 100 GT LT',
  'EXPIRE y3 100 BOGUS',
  'EXPIRE missing 100',
  'EXPIRE y3 abc',
  'EXPIRE y3 9223372036854775807',
  'EXPIRE y3 -9223372036854775807',
  'EXPIRE y3 9223372036854775',
  'PEXPIRE y3 9223372036854775807',
  'SET old 1',
  'EXPIRE old -99999999999999',
  'EXISTS old',
  'SET old 1',
  'PEXPIREAT old -9223372036854770000',
  'EXISTS old',
  'SET old 1',
  'PEXPIRE old -9223372036854775808 LT',
  'EXPIREAT old -9223372036854776',
  'EXPIREAT old 0',
  'SET old 1 EXAT -5',
  'SET old 1 PX 9223372036854775807',
  'GETEX old EXAT 9223372036854776',
  'TTL y3',
  'EXPIREAT y3 9999999999',
  'EXPIRETIME y3',
  'PEXPIREAT y3 9999999999000',
  'PEXPIRETIME y3',
  'EXPIRE y3 -1',
  'EXISTS y3',
  'GET',
  'GET a b',
  'FOO bar baz',
  'PING',
  'PING hello',
  'PING a b',
  'ECHO hi',
  'MULTI',
  'SET t 1',
  'INCR t',
  'GET t',
  'EXEC',
  'EXEC',
  'DISCARD',
  'MULTI',
  'MULTI',
  'WATCH t',
  'DISCARD',
  'MULTI',
  'FOO',
  'SET t 5',
  'EXEC',
  'GET t',
  'MULTI',
  'INCR z',
  'SET z notanumber',
  'INCR z',
  'EXEC',
  'WATCH t',
  'MULTI',
  'SET t 7',
  'EXEC',
  'WATCH t',
  'SET t 8',
  'MULTI',
  'SET t 9',
  'EXEC',
  'GET t',
  'WATCH t',
  'UNWATCH',
  'SET t 10',
  'MULTI',
  'GET t',
  'EXEC',
  'MULTI',
  'EXEC',
  'MULTI',
  'UNWATCH',
  'SELECT 0',
  'SELECT abc',
  'EXEC',
  'SELECT 0',
  'AUTH x',
  'AUTH default x',
  'AUTH other x',
  'AUTH a b c',
  'WAIT abc 0',
  'WAIT 0 abc',
  'WAIT 0 -1',
  'COPY y3 y4 DB abc',
  'CLIENT GETNAME',
  'CLIENT SETNAME me',
  'CLIENT GETNAME',
  'CLIENT GETNAME x',
  'CLIENT SETNAME',
  'CLIENT SETNAME a b',
  'CLIENT SETNAME a\nb',
  'CLIENT ID x',
  'CLIENT INFO x',
  'CLIENT LIST BOGUS',
  'CLIENT LIST TYPE',
  'CLIENT LIST TYPE bogus',
  'CLIENT LIST TYPE replica',
  'CLIENT LIST TYPE normal x',
  'CLIENT LIST ID',
  'CLIENT LIST ID abc',
  'CLIENT LIST ID 1 abc',
  'CLIENT LIST ID 999999',
  'CLIENT KILL',
  'CLIENT KILL 1.2.3.4:5',
  'CLIENT KILL ID 0',
  'CLIENT KILL ID abc',
  'CLIENT KILL ID 999999',
  'CLIENT KILL TYPE bogus',
  'CLIENT KILL TYPE pubsub',
  'CLIENT KILL USER bogus',
  'CLIENT KILL SKIPME maybe',
  'CLIENT KILL BOGUS x',
  'CLIENT KILL ID 999999 ADDR',
  'CLIENT KILL ADDR 1.2.3.4:5 LADDR 1.2.3.4:5 SKIPME no',
  'CLIENT NO-EVICT',
  'CLIENT NO-EVICT maybe',
  'CLIENT NO-EVICT on',
  'CLIENT PAUSE',
  'CLIENT PAUSE abc',
  'CLIENT PAUSE -1',
  'CLIENT PAUSE 1 maybe',
  'CLIENT PAUSE 0',
  'CLIENT UNPAUSE',
  'CLIENT UNPAUSE x',
  'CLIENT REPLY maybe',
  'CLIENT REPLY ON',
  'CLIENT GETREDIR',
  'CLIENT BOGUS',
  'CLUSTER KEYSLOT foo{bar}x',
  'KEYS y*',
  'DBSIZE',
  'FLUSHALL',
  'DBSIZE',
  'RANDOMKEY',
  'SCAN 0',
  'SCAN abc',
  'SCAN 0 COUNT 0',
  'SCAN 0 COUNT',
  'SCAN 18446744073709551615',
  'FLUSHDB BOGUS',
];

function unescaped(arg: string): string {
  return arg.replaceAll(/\\x([0-9a-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

function show(reply: Raw): string {
  return JSON.stringify(reply, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
}

describe('Redis commands', () => {
  let cluster: TestCluster;
  let redis: ChildProcess;
  let ours: RedisClient;
  let theirs: RedisClient;

  before(async function () {
    if (!hasRedis) {
      process.stdout.write('skipped: redis-server is not installed (Debian: redis-server)\n');
      this.skip();
    }
    const port = await freePorts();
    const flags = ['--port', `${port}`, '--save', '', '--appendonly', 'no', '--cluster-enabled', 'no'];
    redis = spawn('redis-server', flags, { stdio: 'ignore', cwd: '/tmp' });
    cluster = await TestCluster.start({ servers: 1 });
    ours = await RedisClient.connect(cluster.cluster.serverAddress(0).port);
    await eventually('redis-server listens', () =>
      RedisClient.connect(port).then(
        (client) => {
          theirs = client;
          return true;
        },
        () => false,
      ),
    );
  });

  after(async () => {
    if (redis === undefined) return;
    ours.close();
    theirs.close();
    const ended = once(redis, 'close');
    redis.kill();
    await ended;
    await cluster.close();
  });

  async function expectSame(commands: readonly (readonly string[])[]): Promise<void> {
    const differences: string[] = [];
    for (const args of commands) {
      const [mine, real] = await Promise.all([ours.call(...args), theirs.call(...args)]);
      const [shown, expected] = [show(mine), show(real)];
      if (shown !== expected) differences.push(`${args.join(' ')}: ${shown}, in Redis ${expected}`);
    }
    expect(differences).to.deep.equal([]);
  }

  it('come to what they come to in Redis', async () => {
    await expectSame([['FLUSHALL']]);
    await expectSame(
      FIXED.filter((line) => !line.startsWith('CLUSTER')).map((line) => line.split(' ').map(unescaped)),
    );
  });

  it('dump what Redis restores, and restore what it dumps', async () => {
    const values = [
      '',
      '0',
      '-1',
      '127',
      '128',
      '-129',
      '32768',
      '2147483647',
      '2147483648',
      '007',
      '\0\xff\r\n',
      'abc'.repeat(30),
    ];
    for (const length of [63, 64, 16_383, 16_384, 100_000])
      values.push(Array.from({ length }, (_, i) => String.fromCharCode((i * i + length) % 256)).join(''));
    for (const [place, value] of values.entries()) {
      await Promise.all([ours.call('SET', 'v', value), theirs.call('SET', 'v', value)]);
      const [mine, real] = await Promise.all([ours.call('DUMP', 'v'), theirs.call('DUMP', 'v')]);
      const restored = await Promise.all([
        ours.call('RESTORE', `r${place}`, '0', String(real)),
        theirs.call('RESTORE', `r${place}`, '0', String(mine)),
      ]);
      expect(restored, `value ${place}`).to.deep.equal([{ simple: 'OK' }, { simple: 'OK' }]);
      expect(await ours.call('GET', `r${place}`)).to.equal(value);
      expect(await theirs.call('GET', `r${place}`)).to.equal(value);
    }
    const dumped = String(await theirs.call('DUMP', 'v'));
    for (let at = 0; at < dumped.length; at += 997) {
      const damaged = `${dumped.slice(0, at)}${String.fromCharCode(dumped.charCodeAt(at) ^ 1)}${dumped.slice(at + 1)}`;
      expect(await ours.call('RESTORE', 'damaged', '0', damaged)).to.deep.equal({
        error: 'ERR DUMP payload version or checksum are wrong',
      });
    }
    await theirs.call('RPUSH', 'list', 'a');
    const list = String(await theirs.call('DUMP', 'list'));
    expect(await ours.call('RESTORE', 'l', '0', list)).to.deep.equal({ error: 'ERR Bad data format' });
    for (const args of [
      ['100000'],
      ['100000', 'REPLACE'],
      ['9999999999000', 'REPLACE', 'ABSTTL'],
      ['1', 'REPLACE', 'ABSTTL'],
    ]) {
      const [ttl = '', ...options] = args;
      const [first, second] = await Promise.all([
        ours.call('RESTORE', 'timed', ttl, dumped, ...options),
        theirs.call('RESTORE', 'timed', ttl, dumped, ...options),
      ]);
      expect(first, args.join(' ')).to.deep.equal(second);
      expect(await ours.call('EXISTS', 'timed')).to.equal(await theirs.call('EXISTS', 'timed'));
    }
    expect(await ours.call('FLUSHALL')).to.deep.equal(await theirs.call('FLUSHALL'));
  });

  it('do so in any order, with any values', async () => {
    const key = fc.constantFrom('a', 'b', 'c');
    const value = fc.oneof(
      fc.constantFrom('', '0', '-1', '7', 'x', '3.5', '9223372036854775800', 'long value'),
      fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    );
    const small = fc.integer({ min: -12, max: 12 }).map(String);
    const float = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
      fc.float({ noNaN: true, noDefaultInfinity: true }).map((number) => number.toFixed(17)),
      fc.tuple(fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }), fc.nat(24)).map(([n, e]) => `${n}e-${e}`),
    );
    const bitOffset = fc.nat(70).map(String);
    const unit = fc.constantFrom('BIT', 'BYTE');
    const fieldType = fc
      .tuple(fc.constantFrom('i', 'u'), fc.integer({ min: 1, max: 63 }))
      .map(([sign, bits]) => `${sign}${bits}`);
    const amount = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
    const one = (name: string) => key.map((k) => [name, k]);
    const command = fc.oneof(
      fc.tuple(fc.constantFrom('SET', 'SETNX', 'APPEND', 'GETSET', 'INCRBY', 'DECRBY'), key, value),
      fc.tuple(fc.constant('SET'), key, value, fc.constantFrom('NX', 'XX', 'GET', 'KEEPTTL')),
      fc.tuple(fc.constant('GETRANGE'), key, small, small),
      fc.tuple(fc.constant('INCRBYFLOAT'), key, float),
      fc.tuple(fc.constant('SETBIT'), key, bitOffset, fc.constantFrom('0', '1')),
      fc.tuple(fc.constantFrom('GETBIT', 'BITPOS'), key, fc.constantFrom('0', '1')),
      fc.tuple(fc.constant('BITCOUNT'), key, small, small, unit),
      fc.tuple(fc.constant('BITPOS'), key, fc.constantFrom('0', '1'), small, small, unit),
      fc.tuple(fc.constant('BITOP'), fc.constantFrom('AND', 'OR', 'XOR'), key, key, key),
      fc.tuple(fc.constant('BITOP'), fc.constant('NOT'), key, key),
      fc.tuple(fc.constant('BITFIELD'), key, fc.constant('GET'), fieldType, bitOffset),
      fc
        .tuple(
          key,
          fc.constantFrom('WRAP', 'SAT', 'FAIL'),
          fc.constantFrom('SET', 'INCRBY'),
          fieldType,
          bitOffset,
          amount,
        )
        .map(([k, overflow, ...rest]) => ['BITFIELD', k, 'OVERFLOW', overflow, ...rest]),
      fc.tuple(fc.constant('LCS'), key, key, fc.constantFrom('LEN', 'IDX')),
      fc.tuple(fc.constant('SETRANGE'), key, fc.integer({ min: 0, max: 12 }).map(String), value),
      fc.tuple(fc.constantFrom('RENAME', 'RENAMENX', 'COPY', 'MSET', 'MSETNX'), key, key),
      fc.tuple(
        fc.constantFrom('EXPIREAT'),
        key,
        fc.constantFrom('9999999999', '1', '9999999990'),
        fc.constantFrom('NX', 'XX', 'GT', 'LT'),
      ),
      ...['GET', 'STRLEN', 'INCR', 'DECR', 'DEL', 'EXISTS', 'GETDEL', 'PERSIST', 'EXPIRETIME', 'TYPE'].map(
        one,
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 30 }), (commands) =>
        expectSame([['FLUSHALL'], ...commands]),
      ),
      { numRuns: 100 },
    );
  });
});
