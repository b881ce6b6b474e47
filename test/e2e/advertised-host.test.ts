/** The name that clients are told of servers: the one that is advertised, and that the certificate is for. */

import { expect } from 'chai';
import { Redis } from 'ioredis';
import { type Certificate, newAuthority, signedBy } from '../../tools/support/certificates.js';
import { TestCluster } from '../support/cluster.js';

const HOST = 'kv.example.org';
const ADDRESS = /\d+\.\d+\.\d+\.\d+/;

for (const isSecure of [false, true])
  describe(`with --advertise-host${isSecure ? ' and TLS' : ''}`, () => {
    let authority: Certificate;
    let cluster: TestCluster;
    const clients: Redis[] = [];

    before(async () => {
      authority = await newAuthority();
      const tls = isSecure ? { ...(await signedBy(authority)), ca: undefined } : null;
      cluster = await TestCluster.start({ advertiseHost: HOST, tls });
    });
    after(async () => {
      for (const client of clients) client.disconnect();
      await cluster.close();
    });

    const ports = () => cluster.ids.map((id) => cluster.cluster.serverAddress(id).port);

    function clientOf(id: number): Redis {
      const tls = isSecure ? { tls: { ca: authority.cert } } : {};
      const client = new Redis({
        host: '127.0.0.1',
        port: ports()[id] ?? 0,
        maxRetriesPerRequest: 0,
        ...tls,
      });
      client.on('error', () => undefined);
      clients.push(client);
      return client;
    }

    it('CLUSTER SLOTS, SHARDS and NODES name it with every port, and no address', async () => {
      for (const id of cluster.ids) {
        const client = clientOf(id);
        for (const part of ['SLOTS', 'SHARDS', 'NODES']) {
          const told = JSON.stringify(await client.call('CLUSTER', part));
          expect(told, part).not.to.match(ADDRESS);
          for (const port of ports()) expect(told, part).to.contain(`${port}`);
          expect(told.split(HOST).length - 1, `${part}: ${told}`).to.be.at.least(cluster.ids.length);
        }
      }
    });

    it('MOVED names it', async () => {
      const leader = await cluster.leader();
      const client = clientOf((leader + 1) % 3);
      const error: unknown = await client.set('k', 'v').catch((reason: unknown) => reason);
      expect(error).to.have.property('message', `MOVED 7629 ${HOST}:${ports()[leader]}`);
    });

    it('INFO and ROLE of a server that follows name the leader by it', async () => {
      const leader = await cluster.leader();
      const client = clientOf((leader + 1) % 3);
      expect(await client.info('replication')).to.contain(`master_host:${HOST}\r\n`);
      expect(JSON.stringify(await client.role())).to.contain(`"${HOST}",${ports()[leader]}`);
    });
  });
