import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { MAX_ADMIN_CALLS } from '../../src/admin/admin-limits.js';
import { AdminServer } from '../../src/admin/admin-server.js';
import type { Cluster } from '../../src/cluster/cluster.js';
import { eventually, WAIT_TIMEOUT_MS } from '../support/cluster.js';
import { newCluster } from '../support/new-cluster.js';

const CONNECTIONS = 20;
const REQUESTS = 1_000;

describe('the admin API, flooded with pipelined requests', () => {
  let cluster: Cluster;
  let admin: AdminServer;
  let measured: number;
  let asked: number;
  let mostAtOnce: number;
  const sockets: Socket[] = [];

  beforeEach(async () => {
    cluster = await newCluster({ servers: 1 });
    await cluster.start();
    await cluster.waitForLeader(WAIT_TIMEOUT_MS);
    measured = 0;
    asked = 0;
    mostAtOnce = 0;
    const measure = cluster.measure.bind(cluster);
    cluster.measure = () => {
      measured += 1;
      return measure();
    };
    const heal = cluster.heal.bind(cluster);
    let atOnce = 0;
    cluster.heal = async () => {
      asked += 1;
      atOnce += 1;
      mostAtOnce = Math.max(mostAtOnce, atOnce);
      await heal();
      atOnce -= 1;
    };
    admin = new AdminServer(cluster, { host: '127.0.0.1', port: 0 });
    await admin.start();
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await admin.close();
    await cluster.close();
  });

  async function flood(request: string): Promise<Socket> {
    const socket = connect(admin.address.port, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(request.repeat(REQUESTS));
    return socket;
  }

  const METRICS = 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n';

  it('makes one measurement for all who ask at the same time, and none for those who are gone', async () => {
    const floods = await Promise.all(Array.from({ length: CONNECTIONS }, () => flood(METRICS)));
    let answers = 0;
    for (const socket of floods)
      socket.setEncoding('latin1').on('data', (text: string) => {
        answers += text.split('HTTP/1.1 200').length - 1;
      });
    await eventually('each has had an answer or two', async () => answers >= 2 * CONNECTIONS);
    expect(measured).to.be.below(answers / 2);
    for (const socket of floods) socket.destroy();
    await eventually('nothing is measured any more', async () => {
      const before = measured;
      const response = await fetch(`http://127.0.0.1:${admin.address.port}/metrics`);
      await response.text();
      return measured - before <= 1;
    });
  });

  it('does one call of a connection at a time, and a few of all', async () => {
    const heal = 'POST /api/heal HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n';
    await Promise.all(Array.from({ length: CONNECTIONS }, () => flood(heal)));
    await eventually('all have had some', async () => asked >= 10 * CONNECTIONS);
    expect(mostAtOnce).to.be.within(1, MAX_ADMIN_CALLS);
  });
});
