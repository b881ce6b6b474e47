import { EtcdCluster } from '../../src/cluster/etcd-cluster.js';
import { Etcd, HAS_ETCD } from '../../tools/support/etcd-process.js';
import { freePorts } from '../../tools/support/free-ports.js';
import { TestCluster } from '../support/cluster.js';
import { engineSuite } from './engine-suite.js';

describe('What clients see', () => {
  engineSuite('Raft', async () => {
    const test = await TestCluster.start();
    return { cluster: test.cluster, close: () => test.close() };
  });

  if (!HAS_ETCD) {
    it.skip('with etcd: etcd is not installed');
    return;
  }

  for (const nodes of [1, 3])
    engineSuite(nodes === 1 ? 'etcd' : `etcd of ${nodes} nodes`, async () => {
      const etcd = await Etcd.startCluster(nodes);
      const port = await freePorts();
      const options = { servers: 3, port, routerPort: port + 20 };
      const endpoints = etcd.map(({ endpoint }) => endpoint);
      const cluster = new EtcdCluster(options, { endpoints, prefix: 'suite/' });
      await cluster.start();
      return {
        cluster,
        close: async () => {
          await cluster.close();
          await Promise.all(etcd.map((node) => node.stop()));
        },
      };
    });
});
