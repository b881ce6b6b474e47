/** Clients that begin something on each port and never end it: they are disconnected, and others are served meanwhile. */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import { expect } from 'chai';
import { AdminServer } from '../../src/admin/admin-server.js';
import { HALF_SENT_TIMEOUT_MS, TLS_HANDSHAKE_TIMEOUT_MS } from '../../src/time-limits.js';
import { type Certificate, newAuthority, signedBy } from '../../tools/support/certificates.js';
import { RedisClient } from '../../tools/support/redis-client.js';
import { eventually, TestCluster } from '../support/cluster.js';

const PASSWORD = 'known-to-some';
const BYTE_PAUSE_MS = 1_000;
/** Beyond the timeouts of the program. */
const SLACK_MS = 30_000;

/** What such clients send; none of it goes on but by spaces or zeros. */
const HALVES = {
  'half a first word': 'se',
  'half a line of text': 'get k\r\nget ',
  'a line that does not end': 'x'.repeat(10_000),
  'half a value': 'get k\r\nset k 0 100\r\nab',
  'a value that is thrown away': 'set k zero 60000\r\nab',
  'half a Redis command': '*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n',
  'half an inline command': 'PING\r\nPIN',
  'half of AUTH': '*2\r\n$4\r\nAUTH\r\n$5\r\nab',
} as const;

const HALF_REQUESTS = {
  'half a request': 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ',
  'half a body': 'POST /api/heal HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{',
} as const;

describe('slow-loris', function () {
  this.timeout(HALF_SENT_TIMEOUT_MS + TLS_HANDSHAKE_TIMEOUT_MS + 3 * SLACK_MS);
  const clusters: TestCluster[] = [];
  const admins: AdminServer[] = [];
  const sockets: Socket[] = [];
  /** What has not been closed. */
  const open = new Set<string>();
  let certificate: Certificate;
  let authority: Certificate;

  before(async () => {
    authority = await newAuthority();
    certificate = await signedBy(authority);
  });

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const admin of admins.splice(0)) await admin.close();
    for (const cluster of clusters.splice(0)) await cluster.close();
  });

  async function start(options: Parameters<typeof TestCluster.start>[0]): Promise<readonly number[]> {
    const cluster = await TestCluster.start({ servers: 1, ...options });
    clusters.push(cluster);
    const admin = new AdminServer(cluster.cluster, { host: '127.0.0.1', port: 0 });
    admins.push(admin);
    await admin.start();
    const { routerAddress } = cluster.cluster;
    return [cluster.cluster.serverAddress(0).port, routerAddress?.port ?? 0, admin.address.port];
  }

  /** Sends that much, and then nothing or a byte now and then. */
  async function attack(what: string, socket: Socket, half: string, byte?: string): Promise<void> {
    sockets.push(socket);
    open.add(what);
    socket.on('error', () => undefined).on('data', () => undefined);
    const drip = byte === undefined ? undefined : setInterval(() => socket.write(byte), BYTE_PAUSE_MS);
    socket.once('close', () => {
      clearInterval(drip);
      open.delete(what);
    });
    await once(socket, 'connect');
    socket.write(half, 'latin1');
  }

  async function allClosed(withinMs: number): Promise<void> {
    await eventually('all are disconnected', () => open.size === 0, withinMs).catch((error: unknown) => {
      throw new Error(`still open: ${[...open].join('; ')}`, { cause: error });
    });
  }

  it('holds no connection of any port for long, with a password and without, over TLS and without', async () => {
    for (const [kind, options] of Object.entries({
      plain: {},
      'with a password': { password: PASSWORD },
      TLS: { tls: { ...certificate, ca: undefined } },
    })) {
      const [server = 0, router = 0, admin = 0] = await start(options);
      const dial = (port: number) =>
        kind === 'TLS'
          ? connectSecurely({ port, host: '127.0.0.1', ca: authority.cert })
          : connect(port, '127.0.0.1');
      for (const [name, port] of [
        ['server', server],
        ['router', router],
      ] as const)
        for (const [half, bytes] of Object.entries(HALVES))
          await attack(`${kind}, ${name}: ${half}`, dial(port), bytes);
      for (const [half, bytes] of Object.entries(HALF_REQUESTS))
        await attack(`${kind}, admin: ${half}`, dial(admin), bytes, ' ');
      if (kind !== 'TLS') continue;
      for (const [name, port] of Object.entries({ server, router, admin })) {
        await attack(`${name}: no handshake`, connect(port, '127.0.0.1'), '');
        const hello = Buffer.from('1603010200010001fc0303', 'hex').toString('latin1');
        await attack(`${name}: half a handshake`, connect(port, '127.0.0.1'), hello, '\0');
      }
    }
    const [, secured] = clusters;
    const client = await RedisClient.connect(secured?.cluster.routerAddress?.port ?? 0);
    expect(await client.call('AUTH', PASSWORD)).to.deep.equal({ simple: 'OK' });
    await allClosed(HALF_SENT_TIMEOUT_MS + SLACK_MS);
    expect(await client.call('PING'), 'an idle client stays').to.deep.equal({ simple: 'PONG' });
    client.close();
  });
});
