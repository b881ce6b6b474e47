import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect } from 'chai';
import { BareServer, type BareStore } from '../../tools/bench/bare-server.js';
import { NoLeaderError, RedirectingClient } from '../../tools/support/redirecting-client.js';
import { DisconnectedError, TextClient } from '../../tools/support/text-client.js';

describe('TextClient', () => {
  let server: BareServer;
  let client: TextClient;

  beforeEach(async () => {
    server = await BareServer.listen({ port: 0, store: new Map() });
    client = await TextClient.connect(server.port);
  });

  afterEach(async () => {
    client.close();
    await server.close();
  });

  it('takes every kind of reply apart', async () => {
    expect(await client.set('a', 'one')).to.deep.equal({ type: 'OK', version: 1 });
    expect(await client.get('a')).to.deep.equal({ type: 'VALUE', value: 'one' });
    expect(await client.cas('a', 1, 'two')).to.deep.equal({ type: 'OK', version: 2 });
    expect(await client.cas('a', 1, 'three')).to.deep.equal({ type: 'ERR_VERSION' });
    expect(await client.getm('a')).to.deep.equal({ type: 'META', version: 2, exptimeS: 0, value: 'two' });
    expect(await client.delete('a')).to.deep.equal({ type: 'DELETED' });
    expect(await client.get('a')).to.deep.equal({ type: 'ERR_NOT_FOUND' });
  });

  it('reads a value that looks like replies, and one that comes in many packets', async () => {
    const value = 'OK 1\r\nVALUE 3\r\n'.repeat(20_000);
    await client.set('tricky', value);
    expect(await client.get('tricky')).to.deep.equal({ type: 'VALUE', value });
  });

  it('pipelines: replies come in the order of the commands', async () => {
    const replies = await Promise.all([client.set('a', '1'), client.get('a'), client.set('a', '2')]);
    expect(replies).to.deep.equal([
      { type: 'OK', version: 1 },
      { type: 'VALUE', value: '1' },
      { type: 'OK', version: 2 },
    ]);
  });

  it('sends raw text', async () => {
    expect(await client.replies('bogus\r\nget a\r\n', 2)).to.deep.equal([
      { type: 'ERR_CMD_ERR' },
      { type: 'ERR_NOT_FOUND' },
    ]);
  });

  it('rejects what is unanswered when the server is gone', async () => {
    const unanswered = client.reply().catch((error: unknown) => error);
    await server.close();
    expect(await unanswered).to.be.instanceOf(DisconnectedError);
    server = await BareServer.listen({ port: 0, store: new Map() });
  });
});

describe('RedirectingClient', () => {
  const store: BareStore = new Map();
  let servers: BareServer[];
  let leaderPort: number | undefined;
  let client: RedirectingClient | undefined;

  beforeEach(async () => {
    store.clear();
    leaderPort = undefined;
    servers = [];
    for (let id = 0; id < 3; id += 1) servers.push(await listen());
  });

  afterEach(async () => {
    client?.close();
    for (const server of servers) await server.close();
  });

  async function listen(): Promise<BareServer> {
    const server: BareServer = await BareServer.listen({
      port: 0,
      store,
      redirectTo: () => (server.port === leaderPort ? undefined : leaderPort),
    });
    return server;
  }

  function ports(): number[] {
    return servers.map(({ port }) => port);
  }

  it('follows a redirect and stays with the leader', async () => {
    leaderPort = ports()[2];
    client = new RedirectingClient(ports());
    expect(await client.set('a', '1')).to.deep.equal({ type: 'OK', version: 1 });
    expect(client.port).to.equal(leaderPort);
    expect(await client.getm('a')).to.deep.equal({ type: 'META', version: 1, exptimeS: 0, value: '1' });
  });

  it('tries the next server when nobody listens', async () => {
    client = new RedirectingClient([await closedPort(), ...ports()]);
    leaderPort = ports()[0];
    expect(await client.set('a', '1')).to.deep.equal({ type: 'OK', version: 1 });
  });

  it('does not repeat a command whose outcome is unknown, and asks another server next', async () => {
    const silent = createServer((socket) => socket.once('data', () => socket.destroy()));
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const address = silent.address();
    const silentPort = typeof address === 'object' && address !== null ? address.port : 0;
    leaderPort = ports()[0];
    client = new RedirectingClient([silentPort, ...ports()]);
    expect(await client.set('a', '1').catch((error: unknown) => error)).to.be.instanceOf(DisconnectedError);
    expect(await client.get('a')).to.deep.equal({ type: 'ERR_NOT_FOUND' });
    silent.close();
  });

  it('gives up when everybody points to a dead leader for too long', async () => {
    leaderPort = await closedPort();
    client = new RedirectingClient(ports(), 20);
    const error: unknown = await client.set('a', '1').catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(NoLeaderError);
    expect(store.size).to.equal(0);
  });
});

/** A port that was free a moment ago. */
async function closedPort(): Promise<number> {
  const server = await BareServer.listen({ port: 0, store: new Map() });
  const { port } = server;
  await server.close();
  return port;
}
