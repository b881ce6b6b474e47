/** A cluster that speaks TLS, its clients of all kinds, and those that do not know how. */

import { execFile, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { AdminServer } from '../../src/admin/admin-server.js';
import { type Certificate, newAuthority, signedBy } from '../../tools/support/certificates.js';
import { freePorts } from '../../tools/support/free-ports.js';
import { TestCluster } from '../support/cluster.js';

const hasCli = spawnSync('redis-cli', ['--tls', '--version']).status === 0;
const hasCurl = spawnSync('curl', ['--version']).status === 0;

/** What the server's libraries refuse for its signatures, too: only the alert tells that it is refused for its version. */
const OLD = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' } as const;

/** What the admin API answers: the status of a GET, and whether the session was resumed. */
function statusOf(port: number, path: string, options: ConnectionOptions): Promise<number | string> {
  return new Promise((resolve) => {
    const asked = request({ port, host: '127.0.0.1', path, agent: false, ...options }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    asked.on('error', ({ message }) => resolve(message));
    asked.end();
  });
}

function respOf(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

/** Reads until that many bytes have come, which must be all. */
function received(socket: TLSSocket, byteCount: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = byteCount;
    socket.on('data', ({ byteLength }: Buffer) => {
      left -= byteLength;
      if (left < 0) reject(new Error(`${-left} bytes too many`));
      if (left === 0) resolve();
    });
    socket.once('close', () => reject(new Error(`it was closed with ${left} bytes left`)));
    socket.resume();
  });
}

describe('TLS', () => {
  let authority: Certificate;
  let certificate: Certificate;
  let stranger: Certificate;
  let cluster: TestCluster;
  let admin: AdminServer;
  let port: number;
  const sockets: TLSSocket[] = [];

  before(async () => {
    authority = await newAuthority();
    certificate = await signedBy(authority);
    stranger = await signedBy(await newAuthority());
  });

  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  async function start(ca?: string): Promise<void> {
    cluster = await TestCluster.start({ servers: 1, tls: { ...certificate, ca } });
    port = await freePorts();
    admin = new AdminServer(cluster.cluster, { host: '127.0.0.1', port });
    await admin.start();
  }

  async function stop(): Promise<void> {
    await admin.close();
    await cluster.close();
  }

  function clientPorts(): readonly number[] {
    return [cluster.cluster.serverAddress(0).port, cluster.cluster.routerAddress?.port ?? 0];
  }

  function router(): number {
    return cluster.cluster.routerAddress?.port ?? 0;
  }

  async function open(to: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
    const socket = connect({ port: to, host: '127.0.0.1', ca: authority.cert, ...options });
    sockets.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    return socket;
  }

  async function ask(socket: TLSSocket, text: string): Promise<string> {
    socket.write(text);
    const [bytes] = await once(socket, 'data');
    return String(bytes);
  }

  /** Why a connection cannot be made. */
  async function errorOf(to: number, options: ConnectionOptions): Promise<string> {
    const socket = connect({ port: to, host: '127.0.0.1', ca: authority.cert, ...options });
    sockets.push(socket);
    return new Promise((resolve, reject) => {
      socket.on('error', ({ message }) => resolve(message));
      socket.on('secureConnect', () => reject(new Error('it was made')));
    });
  }

  /** What comes back of a connection before it closes; the server has to go on serving others. */
  async function everythingOf(to: number, bytes: string): Promise<string> {
    const socket = connectPlain(to, '127.0.0.1');
    let text = '';
    socket
      .on('error', () => undefined)
      .on('data', (chunk) => {
        text += chunk.toString('latin1');
      });
    socket.write(bytes);
    await once(socket, 'close');
    return text;
  }

  describe('on every port', () => {
    before(() => start());
    after(stop);

    it('serves both protocols, and clients of all kinds', async function () {
      for (const to of clientPorts()) {
        const socket = await open(to);
        expect(await ask(socket, 'set k 0 1\r\nv\r\n')).to.match(/^OK \d+\r\n$/);
        const redis = await open(to);
        expect(await ask(redis, 'PING\r\n')).to.equal('+PONG\r\n');
      }
      const tls = { ca: authority.cert };
      const io = new Redis({ port: router(), tls, lazyConnect: true });
      await io.connect();
      expect(await io.get('k')).to.equal('v');
      io.disconnect();
      const node = createClient({ socket: { port: router(), host: '127.0.0.1', tls: true, ...tls } });
      await node.connect();
      expect(await node.get('k')).to.equal('v');
      node.destroy();
      expect(await statusOf(port, '/api/status', tls)).to.equal(200);
      if (!hasCli || !hasCurl) this.skip();
      const directory = await mkdtemp(join(tmpdir(), 'threadraft-test-'));
      const ca = join(directory, 'ca.pem');
      await writeFile(ca, authority.cert);
      const run = promisify(execFile);
      const cli = await run('redis-cli', ['--tls', '--cacert', ca, '-p', `${router()}`, 'GET', 'k']);
      expect(cli.stdout.trim()).to.equal('v');
      const curl = await run('curl', ['-s', '--cacert', ca, `https://127.0.0.1:${port}/healthz`]);
      expect(JSON.parse(curl.stdout)).to.deep.equal({ leader: 0 });
      await rm(directory, { recursive: true });
    });

    it('serves neither who speaks plain text nor who speaks an old version', async () => {
      for (const to of clientPorts())
        expect(await everythingOf(to, 'PING\r\nget k\r\n'), `port ${to}`).not.to.contain('PONG');
      expect(await errorOf(router(), OLD)).to.match(/alert protocol version/);
      expect(await ask(await open(router()), 'PING\r\n')).to.equal('+PONG\r\n');
    });

    it('is no plain port: a client that speaks TLS to one is turned away', async () => {
      const plain = await TestCluster.start({ servers: 1 });
      try {
        const socket = connect({ port: plain.cluster.routerAddress?.port ?? 0, host: '127.0.0.1' });
        await Promise.race([once(socket, 'error'), once(socket, 'close')]);
        socket.destroy();
        const client = await plain.routerClient();
        expect(await client.get('k')).to.deep.equal({ type: 'ERR_NOT_FOUND' });
      } finally {
        await plain.close();
      }
    });

    it('survives clients that go away in the middle of the handshake', async () => {
      for (let n = 0; n < 50; n += 1) {
        for (const to of [...clientPorts(), port]) {
          const socket = connectPlain(to, '127.0.0.1');
          socket.on('error', () => undefined);
          await once(socket, 'connect');
          socket.write(Buffer.from('160301020001', 'hex'));
          socket.resetAndDestroy();
        }
      }
      expect(await ask(await open(router()), 'PING\r\n')).to.equal('+PONG\r\n');
      expect(await statusOf(port, '/healthz', { ca: authority.cert })).to.equal(200);
    });

    it('sends the largest reply, and what a client has left unread, while others are served', async () => {
      const value = 'v'.repeat(1024 * 1024);
      const bulk = Buffer.byteLength(`$${value.length}\r\n${value}\r\n`);
      const other = await open(router());
      expect(await ask(other, respOf('SET', 'big', value))).to.equal('+OK\r\n');
      const client = await open(router());
      const count = 31;
      client.write(respOf('MGET', ...Array(count).fill('big')));
      await received(client, `*${count}\r\n`.length + count * bulk);

      const slow = await open(router());
      slow.pause();
      const gets = 24;
      slow.write(respOf('GET', 'big').repeat(gets));
      for (let n = 0; n < 20; n += 1) expect(await ask(other, 'PING\r\n')).to.equal('+PONG\r\n');
      await received(slow, gets * bulk);
    });

    it('answers a client that has ended its side', async () => {
      const socket = await open(router(), { allowHalfOpen: true } as ConnectionOptions);
      let text = '';
      socket.on('data', (bytes) => {
        text += String(bytes);
      });
      socket.end('set half 0 1\r\nv\r\nget half\r\n');
      await once(socket, 'end');
      expect(text).to.equal('OK 1\r\nVALUE 1\r\nv\r\n');
    });

    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const)
      it(`resumes sessions of ${maxVersion} on every port`, async () => {
        for (const [to, question, answer] of [
          ...clientPorts().map((one) => [one, 'PING\r\n', /^\+PONG\r\n$/] as const),
          [port, 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n', /^HTTP\/1\.1 200 /] as const,
        ]) {
          const first = connect({ port: to, host: '127.0.0.1', ca: authority.cert, maxVersion });
          sockets.push(first);
          // With TLS 1.3 it comes after the handshake.
          const [session]: Buffer[] = await once(first, 'session');
          const second = await open(to, { maxVersion, ...(session === undefined ? {} : { session }) });
          expect(second.getProtocol()).to.equal(maxVersion);
          expect(second.isSessionReused(), `port ${to}`).to.equal(true);
          expect(await ask(second, question)).to.match(answer);
        }
      });

    it('makes one handshake of a connection, which could ask for others without end', async () => {
      for (const to of [...clientPorts(), port]) {
        const socket = await open(to, { maxVersion: 'TLSv1.2' });
        const outcome = new Promise((resolve) => {
          socket.once('error', resolve).once('close', () => resolve('closed'));
          socket.renegotiate({}, (error) => resolve(error ?? 'made'));
        });
        expect(await outcome, `port ${to}`).to.not.equal('made');
        socket.destroy();
      }
    });

    it('serves others while there are masses of handshakes that end nowhere', async () => {
      const others = [];
      for (const bytes of ['', '16', '160301020001', '16030102000100', 'ff'.repeat(4_096)]) {
        for (let n = 0; n < 20; n += 1) {
          for (const to of [...clientPorts(), port]) {
            const socket = connectPlain(to, '127.0.0.1');
            socket.on('error', () => undefined);
            others.push(socket);
            await once(socket, 'connect');
            socket.write(Buffer.from(bytes, 'hex'));
          }
        }
        expect(await ask(await open(router()), 'PING\r\n')).to.equal('+PONG\r\n');
        expect(await statusOf(port, '/healthz', { ca: authority.cert })).to.equal(200);
      }
      for (const socket of others) socket.destroy();
    });

    it('shows a renewed certificate to who comes anew, and keeps connections', async () => {
      const before = await open(router());
      const { tls } = cluster.cluster.security;
      const renewed = await signedBy(authority);
      expect(() => tls?.renew({ cert: renewed.cert, key: certificate.key })).to.throw('does not fit');
      expect(() => tls?.renew({ cert: renewed.cert.slice(0, 200), key: renewed.key })).to.throw(
        'cannot be read',
      );
      const still = await open(router());
      expect(still.getPeerCertificate().serialNumber).to.equal(before.getPeerCertificate().serialNumber);
      tls?.renew(renewed);
      const after = await open(router());
      expect(after.getPeerCertificate().serialNumber).not.to.equal(before.getPeerCertificate().serialNumber);
      expect(await ask(before, 'PING\r\n')).to.equal('+PONG\r\n');
      expect(await ask(after, 'PING\r\n')).to.equal('+PONG\r\n');
    });

    it('tells in the metrics when the certificate ends', async () => {
      const text = await new Promise<string>((resolve, reject) => {
        request({ port, host: '127.0.0.1', path: '/metrics', ca: authority.cert, agent: false }, (answer) => {
          let all = '';
          answer.setEncoding('utf8').on('data', (chunk: string) => {
            all += chunk;
          });
          answer.on('end', () => resolve(all));
        })
          .on('error', reject)
          .end();
      });
      expect(text).to.match(/^threadraft_certificate_expiry_timestamp_seconds \d{10}/m);
    });
  });

  describe('with a CA for clients', () => {
    before(() => start(authority.cert));
    after(stop);

    /** All that a client gets with these options before the connection ends. */
    async function refusalOf(to: number, options: ConnectionOptions): Promise<string> {
      const socket = connect({ port: to, host: '127.0.0.1', ca: authority.cert, ...options });
      let text = '';
      socket
        .on('error', () => undefined)
        .on('data', (bytes) => {
          text += String(bytes);
        });
      socket.write('PING\r\n');
      await new Promise((resolve) => socket.once('close', resolve));
      return text;
    }

    it('serves those who show a certificate of it, and no others', async () => {
      for (const to of clientPorts()) {
        expect(await ask(await open(to, certificate), 'PING\r\n')).to.equal('+PONG\r\n');
        for (const shown of [{}, stranger]) expect(await refusalOf(to, shown)).to.equal('');
      }
    });

    it('refuses the same clients once its own certificate was renewed', async () => {
      const renewed = await signedBy(authority);
      cluster.cluster.security.tls?.renew({ ...renewed, ca: authority.cert });
      const old = { ...certificate, ...OLD };
      for (const to of clientPorts()) {
        const socket = await open(to, certificate);
        expect(socket.getPeerX509Certificate()?.raw).to.deep.equal(new X509Certificate(renewed.cert).raw);
        expect(await ask(socket, 'PING\r\n')).to.equal('+PONG\r\n');
        for (const shown of [{}, stranger]) expect(await refusalOf(to, shown)).to.equal('');
        expect(await errorOf(to, old)).to.match(/alert protocol version/);
      }
      const ca = authority.cert;
      expect(await statusOf(port, '/api/status', { ca, ...certificate })).to.equal(200);
      expect(await statusOf(port, '/api/status', { ca })).to.equal(403);
      expect(await statusOf(port, '/api/status', { ca, ...old })).to.match(/alert protocol version/);
    });

    it('wants one for each call of the admin API but /healthz, resumed or not', async () => {
      const ca = authority.cert;
      expect(await statusOf(port, '/api/status', { ca, ...certificate })).to.equal(200);
      for (const shown of [{}, stranger]) {
        expect(await statusOf(port, '/healthz', { ca, ...shown })).to.equal(200);
        expect(await statusOf(port, '/api/status', { ca, ...shown })).to.equal(403);
      }
      for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
        const first = connect({ port, host: '127.0.0.1', ca, maxVersion });
        let session: Buffer | undefined;
        first.on('session', (one: Buffer) => {
          session = one;
        });
        first.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
        first.resume();
        await once(first, 'close');
        const resumed = { ca, maxVersion, ...(session === undefined ? {} : { session }) };
        expect(await statusOf(port, '/api/status', resumed), maxVersion).to.equal(403);
      }
    });

    // The last of these: from then on another CA decides.
    for (const isLast of [false, true])
      it(`asks for as much once ${isLast ? 'the CA' : 'the certificate'} was renewed, also of who resumes`, async () => {
        const other = await newAuthority();
        const known: { session: Buffer; maxVersion: 'TLSv1.2' | 'TLSv1.3'; to: number }[] = [];
        for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const)
          for (const to of clientPorts()) {
            const first = connect({
              port: to,
              host: '127.0.0.1',
              ca: authority.cert,
              maxVersion,
              ...certificate,
            });
            sockets.push(first);
            const [session]: Buffer[] = await once(first, 'session');
            if (session !== undefined) known.push({ session, maxVersion, to });
          }
        expect(known).to.have.length(4);
        const shown = await signedBy(authority);
        cluster.cluster.security.tls?.renew({ ...shown, ca: isLast ? other.cert : authority.cert });
        /** What is answered to who comes with these. */
        const answer = (to: number, options: ConnectionOptions) =>
          new Promise<string>((resolve) => {
            const socket = connect({ port: to, host: '127.0.0.1', ca: authority.cert, ...options });
            sockets.push(socket);
            socket.on('error', () => undefined).on('close', () => resolve('closed'));
            socket.on('data', (bytes) => resolve(String(bytes)));
            socket.write('PING\r\n');
          });
        for (const { to, ...resumed } of known) {
          expect(await answer(to, {}), 'without a certificate').to.equal('closed');
          expect(await answer(to, { ...certificate, maxVersion: 'TLSv1.1', minVersion: 'TLSv1' })).to.equal(
            'closed',
          );
          const ofOld = isLast ? 'closed' : '+PONG\r\n';
          expect(await answer(to, certificate)).to.equal(ofOld);
          expect(await answer(to, { ...resumed, ...certificate }), 'resumed').to.equal(ofOld);
          // Who resumes shows nothing anew: what counts is what the session has verified.
          if (isLast) expect(await answer(to, resumed), 'resumed, and none shown').to.equal('closed');
        }
        if (isLast) expect(await answer(router(), await signedBy(other))).to.equal('+PONG\r\n');
      });
  });
});
