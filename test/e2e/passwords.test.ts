/** A cluster with a password, its clients of all kinds, and those that do not know it. */

import { execFile, spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { AdminServer } from '../../src/admin/admin-server.js';
import { WRONG_PASSWORD_PAUSE_MS } from '../../src/time-limits.js';
import { freePorts } from '../../tools/support/free-ports.js';
import { RedisClient } from '../../tools/support/redis-client.js';
import { TextClient } from '../../tools/support/text-client.js';
import { eventually, TestCluster } from '../support/cluster.js';
import { LogRecorder } from '../support/new-cluster.js';

const PASSWORD = 'correct-horse-ü';
/** As its bytes, one character each. */
const TOLD = Buffer.from(PASSWORD).toString('latin1');
const NOAUTH = { error: 'NOAUTH Authentication required.' };
const WRONGPASS = { error: 'WRONGPASS invalid username-password pair or user is disabled.' };
const OK = { simple: 'OK' };
const ERR_AUTH = { type: 'ERR_AUTH' };

const hasCli = spawnSync('redis-cli', ['--version']).status === 0;

describe('a cluster with a password', () => {
  const log = new LogRecorder();
  let cluster: TestCluster;
  let admin: AdminServer;
  let base: string;
  let ports: readonly number[];
  const toClose: { close(): void }[] = [];

  before(async () => {
    cluster = await TestCluster.start({ password: PASSWORD }, { logger: log.logger });
    const port = await freePorts();
    admin = new AdminServer(cluster.cluster, { host: '127.0.0.1', port });
    await admin.start();
    base = `http://127.0.0.1:${port}`;
    const { routerAddress } = cluster.cluster;
    ports = [...cluster.ids.map((id) => cluster.cluster.serverAddress(id).port), routerAddress?.port ?? 0];
  });

  afterEach(() => {
    for (const client of toClose.splice(0)) client.close();
  });

  after(async () => {
    await admin.close();
    await cluster.close();
  });

  async function redis(port: number): Promise<RedisClient> {
    const client = await RedisClient.connect(port);
    toClose.push(client);
    return client;
  }

  async function text(port: number): Promise<TextClient> {
    const client = await TextClient.connect(port);
    toClose.push(client);
    return client;
  }

  function router(): number {
    return cluster.cluster.routerAddress?.port ?? 0;
  }

  async function leader(): Promise<number> {
    return cluster.cluster.serverAddress(await cluster.leader()).port;
  }

  function bearer(password: string): { headers: Record<string, string> } {
    return { headers: { Authorization: `Bearer ${Buffer.from(password).toString('latin1')}` } };
  }

  it('executes no Redis command before AUTH, alone, in a pipeline or in MULTI, on any port', async () => {
    for (const port of ports) {
      const client = await redis(port);
      const early = [['SET', 'early', 'v'], ['MULTI'], ['SET', 'early', 'v'], ['EXEC'], ['GET', 'early']];
      expect(await client.pipeline(...early), `port ${port}`).to.deep.equal(early.map(() => NOAUTH));
      expect(await client.call('HELLO', '3'))
        .to.have.property('error')
        .that.matches(/^NOAUTH HELLO must/);
      expect(await client.call('AUTH', TOLD)).to.deep.equal(OK);
      expect(await client.call('PING')).to.deep.equal({ simple: 'PONG' });
    }
    const client = await redis(await leader());
    const replies = await client.pipeline(['GET', 'early'], ['AUTH', 'default', TOLD], ['GET', 'early']);
    expect(replies).to.deep.equal([NOAUTH, OK, null]);
  });

  it('executes no command of the text protocol before auth, and consumes their values', async () => {
    for (const port of ports) {
      const client = await text(port);
      const early =
        'set early 0 7\r\nget k\r\n\r\nset early 0 1 noreply\r\nx\r\nget early\r\nset early 0 x\r\n';
      expect(await client.replies(early, 4), `port ${port}`).to.deep.equal(Array(4).fill(ERR_AUTH));
      expect(await client.auth(TOLD)).to.have.property('type', 'OK');
    }
    const client = await text(await leader());
    const replies = await client.replies(`get early\r\nauth ${TOLD}\r\nget early\r\n`, 3);
    expect(replies.map(({ type }) => type)).to.deep.equal(['ERR_AUTH', 'OK', 'ERR_NOT_FOUND']);
  });

  it('closes the connection of a client that sends over 64 KiB as one command before it', async () => {
    const client = await redis(router());
    client.write(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$500000\r\n${'x'.repeat(70_000)}`);
    await client.closed;
    const other = await text(await leader());
    other.write(`set k 0 500000\r\n${'x'.repeat(70_000)}`);
    await other.closed;
  });

  it('has only the client wait that tells a wrong password, and logs no secret', async () => {
    const guesser = await redis(router());
    const guess = guesser.call('AUTH', 'a-guess');
    const late = guesser.call('AUTH', TOLD);
    let isTold = false;
    void guess.then(() => {
      isTold = true;
    });
    const client = await redis(router());
    for (let n = 0; n < 20; n += 1) expect(await client.call('AUTH', TOLD)).to.deep.equal(OK);
    expect(isTold, 'the guess is answered after the others').to.equal(false);
    expect(await guess).to.deep.equal(WRONGPASS);
    expect(await late).to.deep.equal(OK);
    expect(await client.call('AUTH', 'somebody', TOLD)).to.deep.equal(WRONGPASS);
    expect(await (await text(router())).auth('a-guess')).to.deep.equal(ERR_AUTH);
    expect(log.find('a wrong password was told').length).to.be.at.least(3);
    const everything = JSON.stringify(log.lines);
    for (const secret of ['a-guess', TOLD, PASSWORD]) expect(everything).not.to.contain(secret);
  });

  it('shows the password in no command that tells of others', async () => {
    const client = await redis(await leader());
    await client.call('HELLO', '2', 'AUTH', 'default', TOLD, 'SETNAME', 'me');
    await client.call('CONFIG', 'SET', 'slowlog-log-slower-than', '0');
    await client.call('CONFIG', 'SET', 'requirepass', TOLD);
    await client.call('AUTH', TOLD);
    const shown = [
      await client.call('SLOWLOG', 'GET', '100'),
      await client.call('CLIENT', 'LIST'),
      await client.call('INFO'),
      await client.call('CONFIG', 'GET', '*'),
      await (await fetch(`${base}/metrics`, bearer(PASSWORD))).text(),
      await (await fetch(`${base}/api/status`, bearer(PASSWORD))).text(),
      Buffer.from(await (await fetch(`${base}/api/backup`, bearer(PASSWORD))).arrayBuffer()).toString(
        'latin1',
      ),
      JSON.stringify(cluster.cluster.options),
    ];
    for (const one of shown) {
      expect(JSON.stringify(one)).not.to.contain(TOLD);
      expect(JSON.stringify(one)).not.to.contain(PASSWORD);
    }
    await client.call('CONFIG', 'SET', 'slowlog-log-slower-than', '10000');
  });

  it('asks for it again after RESET', async () => {
    const client = await redis(router());
    expect(
      await client.pipeline(
        ['AUTH', TOLD],
        ['SET', 'reset', '1'],
        ['RESET'],
        ['GET', 'reset'],
        ['AUTH', TOLD],
        ['GET', 'reset'],
      ),
    ).to.deep.equal([OK, OK, { simple: 'RESET' }, NOAUTH, OK, '1']);
  });

  it('keeps router connections authenticated over a change of leader, and locked ones locked', async () => {
    const [client, typed, stranger] = [await redis(router()), await text(router()), await redis(router())];
    await client.call('AUTH', TOLD);
    await typed.auth(TOLD);
    expect(await stranger.call('GET', 'k')).to.deep.equal(NOAUTH);
    const first = await cluster.leader();
    await cluster.cluster.kill(first);
    await eventually(
      'another leader serves',
      () => cluster.cluster.leader !== undefined && cluster.cluster.leader !== first,
    );
    expect(await client.call('SET', 'k', 'v')).to.deep.equal(OK);
    expect(await typed.get('k')).to.deep.equal({ type: 'VALUE', value: 'v' });
    expect(await stranger.call('GET', 'k')).to.deep.equal(NOAUTH);
    await cluster.cluster.restart(first);
  });

  it('serves ioredis, node-redis and redis-cli that know it', async function () {
    const io = new Redis({ port: router(), password: PASSWORD, lazyConnect: true });
    await io.connect();
    expect(await io.set('io', 'v')).to.equal('OK');
    io.disconnect();
    const node = createClient({ socket: { port: router(), host: '127.0.0.1' }, password: PASSWORD });
    await node.connect();
    expect(await node.get('io')).to.equal('v');
    node.destroy();
    const refused = createClient({
      socket: { port: router(), host: '127.0.0.1', reconnectStrategy: false },
      password: 'x',
    });
    refused.on('error', () => undefined);
    const error: unknown = await refused.connect().catch((cause: unknown) => cause);
    expect(String(error)).to.contain('WRONGPASS');
    if (!hasCli) this.skip();
    const env = { ...process.env, REDISCLI_AUTH: PASSWORD };
    const { stdout } = await promisify(execFile)('redis-cli', ['-p', `${router()}`, 'GET', 'io'], { env });
    expect(stdout.trim()).to.equal('v');
  });

  it('wants it for each call of the admin API but /healthz, and gives a browser a cookie', async () => {
    for (const path of [
      '/api/status',
      '/metrics',
      '/api/live',
      '/api/backup',
      '/api/members',
      '/api/login',
      '/nowhere',
    ])
      expect((await fetch(`${base}${path}`)).status, path).to.equal(401);
    expect((await fetch(`${base}/api/servers/0/kill`, { method: 'POST' })).status).to.equal(401);
    expect((await fetch(`${base}/healthz`)).status).to.equal(200);
    expect((await fetch(`${base}/api/status`, bearer(PASSWORD))).status).to.equal(200);
    const basic = `Basic ${Buffer.from(`anybody:${PASSWORD}`).toString('base64')}`;
    expect((await fetch(`${base}/metrics`, { headers: { Authorization: basic } })).status).to.equal(200);
    expect((await fetch(`${base}/api/status`, bearer('wrong'))).status).to.equal(401);
    const login = await fetch(`${base}/api/login`, { method: 'POST', headers: { Authorization: basic } });
    const cookie = login.headers.get('set-cookie') ?? '';
    expect(cookie).to.match(/^threadraft-\d+=\S+; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Strict$/);
    const [pair = ''] = cookie.split(';');
    expect((await fetch(`${base}/api/status`, { headers: { Cookie: `a=b; ${pair}` } })).status).to.equal(200);
    const forged = pair.replace(/=(\d)/, (_, digit: string) => `=${(Number(digit) + 1) % 10}`);
    expect((await fetch(`${base}/api/status`, { headers: { Cookie: forged } })).status).to.equal(401);
  });

  it('takes no more of a stranger who does not read that he is refused', async () => {
    const PIECE = 'PING\r\n'.repeat(10_000);
    for (const to of [router(), cluster.cluster.serverAddress(0).port]) {
      const socket = connect(to, '127.0.0.1').pause();
      socket.on('error', () => undefined);
      let taken = 0;
      const pour = (error?: Error | null) => {
        if (error == null) socket.write(PIECE, pour);
      };
      socket.once('connect', () => pour());
      const takenNow = () => socket.bytesWritten - socket.writableLength;
      await eventually('it is not read any more, or closed', async () => {
        const before = takenNow();
        await new Promise((resolve) => setTimeout(resolve, 500));
        taken = takenNow();
        return socket.destroyed || (taken > 0 && taken === before);
      });
      expect(taken, 'bytes').to.be.below(32 * 1024 * 1024);
      const client = await redis(to);
      expect(await client.call('AUTH', TOLD)).to.deep.equal({ simple: 'OK' });
      socket.destroy();
    }
  });

  it('has only the one wait who tells a wrong password by HTTP, and a second at least', async () => {
    const startMs = performance.now();
    let isAnswered = false;
    const wrong = fetch(`${base}/api/status`, bearer('wrong')).then(({ status }) => {
      isAnswered = true;
      return status;
    });
    expect((await fetch(`${base}/api/status`, bearer(PASSWORD))).status).to.equal(200);
    expect(isAnswered, 'whether the wrong one was answered before').to.equal(false);
    expect(await wrong).to.equal(401);
    // Timers may be a millisecond early.
    expect(performance.now() - startMs).to.be.at.least(WRONG_PASSWORD_PAUSE_MS - 2);
  });

  it('has its console and its load tell it by themselves', async () => {
    const post = (path: string, body: object) =>
      fetch(`${base}${path}`, { method: 'POST', body: JSON.stringify(body), ...bearer(PASSWORD) });
    const reply = await post('/api/command', { command: 'set', key: 'console', value: 'v' });
    expect(await reply.json()).to.deep.equal({ line: 'OK 1', value: null });
    await post('/api/load', { requestsPerS: 100 });
    const client = await redis(router());
    await client.call('AUTH', TOLD);
    await eventually('the load writes', async () => {
      const keys = await client.call('KEYS', 'load:*');
      return Array.isArray(keys) && keys.length > 0;
    });
    await post('/api/load', { requestsPerS: 0 });
  });

  it('takes another password from when it is changed on, keeps who is connected, and logs browsers out', async () => {
    const client = await redis(router());
    await client.call('AUTH', TOLD);
    const login = await fetch(`${base}/api/login`, { method: 'POST', ...bearer(PASSWORD) });
    const [pair = ''] = (login.headers.get('set-cookie') ?? '').split(';');
    cluster.cluster.security.access?.change('another');
    try {
      expect(await client.call('PING')).to.deep.equal({ simple: 'PONG' });
      expect(await client.call('AUTH', 'another')).to.deep.equal(OK);
      expect((await fetch(`${base}/api/status`, bearer('another'))).status).to.equal(200);
      expect((await fetch(`${base}/api/status`, { headers: { Cookie: pair } })).status).to.equal(401);
    } finally {
      cluster.cluster.security.access?.change(PASSWORD);
    }
  });
});
