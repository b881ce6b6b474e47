import { setTimeout as sleep } from 'node:timers/promises';
import type { SecureContextOptions } from 'node:tls';
import { NodeNetwork } from '../../../src/gateway/node/node-network.js';
import { TlsIdentity } from '../../../src/gateway/node/tls-identity.js';
import { newAuthority, signedBy } from '../../support/certificates.js';
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
