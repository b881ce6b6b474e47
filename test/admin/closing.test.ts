import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import { expect } from 'chai';
import { AdminServer } from '../../src/admin/admin-server.js';
import { newAuthority, signedBy } from '../../tools/support/certificates.js';
import { http } from '../../tools/support/http.js';
import { newCluster } from '../support/new-cluster.js';

describe('the admin API that closes', () => {
  it('does not wait for a connection that sends nothing', async () => {
    const admin = new AdminServer(await newCluster(), { host: '127.0.0.1', port: 0 });
    await admin.start();
    const { port } = admin.address;
    const silent = connect(port, '127.0.0.1').on('error', () => {});
    const gone = new Promise((resolve) => silent.resume().once('close', resolve));
    // The connection that is asked on is accepted after the silent one.
    await http(port, 'GET /healthz');
    await admin.close();
    await gone;
  });

  it('does not wait for a handshake', async () => {
    const authority = await newAuthority();
    const tls = await signedBy(authority);
    const admin = new AdminServer(await newCluster({ tls }), { host: '127.0.0.1', port: 0 });
    await admin.start();
    const { port } = admin.address;
    const silent = connect(port, '127.0.0.1').on('error', () => {});
    const second = connectSecurely({ port, host: '127.0.0.1', ca: authority.cert }).on('error', () => {});
    await once(second, 'secureConnect');
    const closed = admin.close();
    // Whoever waits for handshakes lets this one end.
    const late = connectSecurely({ socket: silent, ca: authority.cert }).on('error', () => {});
    const isSecure = await new Promise((resolve) => {
      late.once('secureConnect', () => resolve(true));
      late.once('close', () => resolve(false));
    });
    late.destroy();
    second.destroy();
    await closed;
    expect(isSecure, 'the late handshake').to.equal(false);
  });
});
