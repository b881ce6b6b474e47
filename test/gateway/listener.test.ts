import { expect } from 'chai';
import { Listener } from '../../src/gateway/listener.js';
import type { NetworkSocket } from '../../src/gateway/network.js';
import { NodeNetwork } from '../../src/gateway/node/node-network.js';
import { TestClient, until } from './support.js';

describe('a listener that is closed while it opens', () => {
  it('destroys the clients that come before the port is closed', async () => {
    const network = new NodeNetwork();
    const accepted: NetworkSocket[] = [];
    let port: { readonly close: () => void } | undefined;
    const listener = new Listener(
      {
        listen: async (address, accept) => {
          const real = await network.listen(address, accept);
          port = real;
          // The port is slow to close.
          return { address: real.address, close: () => {} };
        },
      },
      'a test',
      { host: '127.0.0.1', port: 0 },
      (socket) => {
        accepted.push(socket);
        socket.destroy();
      },
    );
    const opening = listener.open();
    listener.close();
    await opening;
    const client = await TestClient.connect(listener.address);
    await until('it is closed', () => client.closed);
    expect(accepted).to.deep.equal([]);
    port?.close();
  });
});
