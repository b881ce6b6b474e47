import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { EtcdKeys } from '../../src/etcd/etcd-keys.js';
import { HttpTransport, type HttpTransportOptions } from '../../src/etcd/node/http-transport.js';
import { newAuthority, signedBy } from '../../tools/support/certificates.js';
import { Etcd, HAS_ETCD } from '../support/etcd.js';

(HAS_ETCD ? describe : describe.skip)('requests to an etcd that asks who one is', () => {
  let etcd: Etcd;

  before(async () => {
    etcd = await Etcd.start();
    await etcd.ask('/v3/auth/user/add', { name: 'root', password: 'secret' });
    await etcd.ask('/v3/auth/role/add', { name: 'root' });
    await etcd.ask('/v3/auth/user/grant', { user: 'root', role: 'root' });
    await etcd.ask('/v3/auth/enable', {});
  });

  after(() => etcd.stop());

  async function readAs(options: Omit<HttpTransportOptions, 'endpoints'>): Promise<unknown> {
    const transport = new HttpTransport({ endpoints: [etcd.endpoint], ...options });
    try {
      return await new EtcdKeys(transport, 'p/').read(['k']);
    } catch (error) {
      return error;
    } finally {
      transport.close();
    }
  }

  it('are answered with the right password', async () => {
    expect(await readAs({ user: { name: 'root', password: 'secret' } })).instanceOf(Map);
  });

  it('are refused with a wrong one, or none, and nothing was done', async () => {
    for (const options of [{ user: { name: 'root', password: 'wrong' } }, {}])
      expect(await readAs(options)).property('code', 'ETCD_REFUSED');
  });
});

(HAS_ETCD ? describe : describe.skip)('requests to an etcd by TLS', () => {
  it('are answered whoever shows a certificate of its CA, and trusts it; others do not reach it', async () => {
    const ca = await newAuthority();
    const identity = await signedBy(ca);
    const directory = await mkdtemp(join(tmpdir(), 'threadraft-etcd-tls-'));
    const files = { cert: join(directory, 'cert'), key: join(directory, 'key'), ca: join(directory, 'ca') };
    await writeFile(files.cert, identity.cert);
    await writeFile(files.key, identity.key);
    await writeFile(files.ca, ca.cert);
    const etcd = await Etcd.startWithTls(files);
    try {
      for (const [options, isGood] of [
        [{ ca: ca.cert, ...identity }, true],
        [{ ca: ca.cert }, false],
        [{}, false],
      ] as const) {
        const transport = new HttpTransport({ endpoints: [etcd.tlsEndpoint], ...options });
        const read = new EtcdKeys(transport, 'p/').read(['k']);
        const outcome = await read.then(
          () => true,
          () => false,
        );
        transport.close();
        expect(outcome, Object.keys(options).join(' ')).equal(isGood);
      }
    } finally {
      await etcd.stop();
      await rm(directory, { recursive: true });
    }
  });
});
