import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectSecurely, type SecureContextOptions } from 'node:tls';
import { expect } from 'chai';
import { NodeNetwork } from '../../../src/gateway/node/node-network.js';
import { TlsIdentity } from '../../../src/gateway/node/tls-identity.js';
import { newAuthority, signedBy } from '../../../tools/support/certificates.js';
import { slowNetwork } from '../../support/networks.js';
import { describeNetwork, type NetworkUnderTest, type Peer } from '../network-suite.js';
import { TestClient, until } from '../support.js';

/** Longer than anything takes on a loopback connection. What was to be seen by then and is not makes no test fail. */
const SETTLED_MS = 20;

function onLoopback(network: NodeNetwork, tls?: SecureContextOptions): NetworkUnderTest {
  const clients: TestClient[] = [];
  return {
    network,
    connect: async (address) => {
      await network.whySlow;
      const client = await TestClient.connect(address, tls);
      clients.push(client);
      return peerOf(client);
    },
    until: async (description, condition) => {
      await until(description, condition);
    },
    settle: () => sleep(SETTLED_MS),
    clear: async () => {
      for (const { socket } of clients) socket.destroy();
    },
  };
}

function peerOf(client: TestClient): Peer {
  const { socket, raw } = client;
  return {
    get received() {
      return Buffer.from(client.text, 'latin1');
    },
    get hasEnded() {
      return client.closed;
    },
    send: (bytes) => client.send(bytes),
    end: () => {
      socket.end();
    },
    reset: () => {
      raw.resetAndDestroy();
    },
    stopReading: () => {
      socket.pause();
    },
    readOn: () => {
      socket.resume();
    },
  };
}

describeNetwork('Node', () => onLoopback(new NodeNetwork()));

const authority = await newAuthority();
const certificate = await signedBy(authority);

describeNetwork('Node over TLS', () =>
  onLoopback(new NodeNetwork(undefined, undefined, new TlsIdentity(certificate)), { ca: authority.cert }),
);

describeNetwork('Node, read in the documented way', () => onLoopback(slowNetwork()));

describe('a port over TLS that is closed', () => {
  it('closes the connections that have yet to end their handshake, and keeps the others', async () => {
    const network = new NodeNetwork(undefined, undefined, new TlsIdentity(certificate));
    let accepted = 0;
    const listener = await network.listen({ host: '127.0.0.1', port: 0 }, (socket) => {
      accepted += 1;
      socket.start({
        onData: (bytes) => socket.write(bytes),
        onInputEnd: () => socket.end(),
        onDrained: () => {},
        onGone: () => {},
      });
    });
    const raw = connect(listener.address.port, '127.0.0.1').on('error', () => {});
    // It is accepted after the raw one.
    const client = await TestClient.connect(listener.address, { ca: authority.cert });
    await until('it is accepted', () => accepted === 1);
    listener.close();
    const late = connectSecurely({ socket: raw, ca: authority.cert }).on('error', () => {});
    const isSecure = await new Promise((resolve) => {
      late.once('secureConnect', () => resolve(true));
      late.once('close', () => resolve(false));
    });
    late.destroy();
    expect(isSecure, 'the late handshake').to.equal(false);
    expect(accepted).to.equal(1);
    client.send(Buffer.from('still here'));
    await until('the first is served', () => client.text === 'still here');
    client.socket.destroy();
  });
});
