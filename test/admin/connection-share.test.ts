import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { AdminServer } from '../../src/admin/admin-server.js';
import type { Cluster } from '../../src/cluster/cluster.js';
import { MAX_ADMIN_CONNECTIONS } from '../../src/connection-limits.js';
import { http } from '../../tools/support/http.js';
import { newCluster } from '../support/new-cluster.js';
import { ownAddress } from '../support/own-address.js';

describe('the connections of the admin port', () => {
  let cluster: Cluster;
  let admin: AdminServer;
  const sockets: Socket[] = [];

  beforeEach(async () => {
    cluster = await newCluster({ servers: 1, host: '0.0.0.0', insecure: true });
    await cluster.start();
    admin = new AdminServer(cluster, { host: '0.0.0.0', port: 0 });
    await admin.start();
  });

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await admin.close();
    await cluster.close();
  });

  it('are half of them for one address, so that others are served', async function () {
    const own = ownAddress();
    if (own === undefined) this.skip();
    const open = async () => {
      const socket = connect(admin.address.port, own);
      sockets.push(socket);
      socket.on('error', () => {});
      await once(socket, 'connect');
      return socket;
    };
    for (let n = 0; n < MAX_ADMIN_CONNECTIONS / 2; n += 1) await open();
    const oneMore = await open();
    if (!oneMore.closed) await once(oneMore, 'close');
    expect((await http(admin.address.port, 'GET /healthz')).status).to.equal(200);
  });
});
