/** Bytes of Redis's protocol, well-formed or not, put to this program and to a real Redis: the same come back, however they are cut. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { expect } from 'chai';
import { endOfTurn, NODE_ENVIRONMENT } from '../../../src/environment.js';
import { freePorts } from '../../../tools/support/free-ports.js';
import { Random } from '../../../tools/support/random.js';
import { RedisClient } from '../../../tools/support/redis-client.js';
import { eventually, TestCluster } from '../../support/cluster.js';
import { Mutator } from '../../support/mutator.js';

const hasRedis = spawnSync('redis-server', ['--version']).status === 0;

const INPUTS = 1_000;
const MAX_BYTES = 300;

/** The first command, so that it is Redis's protocol, and each input finds no keys. */
const FLUSHALL = command('FLUSHALL');

const SEEDS: readonly string[] = [
  command('SET', 'k', 'v') + command('GET', 'k') + command('PING'),
  command('MULTI') + command('INCR', 'n') + command('GET', 'n') + command('EXEC'),
  command('MULTI') + command('INCR', 'n') + command('DISCARD') + command('GET', 'n'),
  `PING\r\nset a "b\\x41 c"\r\nget a\r\n\r\n*0\r\n${command('ECHO', 'x y')}`,
  command('WATCH', 'k') + command('MULTI') + command('SET', 'k', '1') + command('EXEC') + command('UNWATCH'),
  "ECHO 'a\\'b'\nECHO \"\\n\"\nPING x\nAPPEND k abc\nSTRLEN k\nGETRANGE k 0 1\n",
  command('SET', 'k', 'x'.repeat(30)) + command('GET', 'k') + command('RESET') + command('PING'),
  command('GET') + command('NOSUCH', 'a') + command('SET', 'k') + command('PING'),
  command('QUIT') + command('PING'),
];
const WORDS = (
  '*1\r\n,*2\r\n,*3\r\n,$3\r\n,$1\r\n,$0\r\n\r\n,\r\n,\n,$-1\r\n,*-1\r\n,*0\r\n,GET,SET,MULTI,EXEC,DISCARD,WATCH,k,n,INCR,PING,' +
  'ECHO,APPEND,STRLEN,",\',\\x41,\\, ,$,*,RESET,QUIT'
).split(',');

/** A seed of commands that Redis has and this program has not, or whose replies tell of the server. */
const OTHERS = /HELLO|SCARD/i;

describe('bytes of Redis’s protocol', function () {
  this.timeout(120_000);
  let cluster: TestCluster;
  let redis: ChildProcess | undefined;
  let ours: number;
  let theirs: number;

  before(async function () {
    if (!hasRedis) {
      process.stdout.write('skipped: redis-server is not installed (Debian: redis-server)\n');
      this.skip();
    }
    theirs = await freePorts();
    const flags = ['--port', `${theirs}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    redis = spawn('redis-server', flags, { stdio: 'ignore', cwd: tmpdir() });
    cluster = await TestCluster.start({ servers: 1 });
    ours = cluster.cluster.serverAddress(0).port;
    await eventually('redis-server listens', () =>
      RedisClient.connect(theirs).then(
        (client) => {
          client.close();
          return true;
        },
        () => false,
      ),
    );
  });

  after(async () => {
    if (redis === undefined) return;
    const ended = once(redis, 'close');
    redis.kill();
    await ended;
    await cluster.close();
  });

  it('have the replies that Redis gives, also where they are no commands', async () => {
    const seeds = SEEDS.map((seed) => Buffer.from(seed, 'latin1'));
    const mutator = new Mutator(new Random(25), WORDS, MAX_BYTES);
    const inputs = [...seeds, ...Array.from({ length: INPUTS }, () => mutator.next(seeds))];
    const differences: string[] = [];
    for (const input of inputs.map(comparable)) {
      if (OTHERS.test(input)) continue;
      const [mine, real] = await Promise.all([ours, theirs].map((port) => repliesTo(port, [input])));
      if (mine !== real)
        differences.push(
          `${JSON.stringify(input)}: ${JSON.stringify(mine)}, in Redis ${JSON.stringify(real)}`,
        );
    }
    expect(differences).to.deep.equal([]);
  });

  it('have the same replies when they are cut at any byte', async () => {
    for (const seed of SEEDS) {
      const whole = await repliesTo(ours, [seed]);
      expect(whole, JSON.stringify(seed)).to.equal(await repliesTo(theirs, [seed]));
      for (let at = 1; at < seed.length; at += 1)
        expect(
          await repliesTo(ours, [seed.slice(0, at), seed.slice(at)]),
          `${JSON.stringify(seed)} cut at ${at}`,
        ).to.equal(whole);
    }
  });
});

function command(...args: readonly string[]): string {
  return `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`;
}

/**
 * Without what Redis takes for the end of a line or of the input and this program does not: a zero byte, and a CR that is followed
 * by any byte. It shows control characters of a wrong byte, too. The end is a whole line: Redis looks at nothing before it has one.
 */
function comparable(input: Uint8Array): string {
  const text = Buffer.from(input).toString('latin1');
  return `${text.replace(/(?![\t\n\v\f\r])\p{Cc}/gu, 'z').replace(/\r(?!\n)/g, '')}\r\n${'z\r\n'.repeat(8)}`;
}

/** All that comes back until the other side has closed the connection. Each piece is sent by itself. */
async function repliesTo(port: number, pieces: readonly string[]): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  let replies = '';
  socket.setEncoding('latin1').on('data', (text: string) => {
    replies += text;
  });
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.once('end', () => socket.end());
  await once(socket, 'connect');
  for (const piece of [FLUSHALL, ...pieces]) {
    await new Promise((resolve) => socket.write(piece, 'latin1', resolve));
    await endOfTurn(NODE_ENVIRONMENT);
  }
  socket.end();
  await closed;
  return replies;
}
