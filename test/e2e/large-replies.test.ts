/** Few bytes of commands can ask for very many bytes of replies. */

import { connect } from 'node:net';
import { expect } from 'chai';
import { MAX_VALUE_BYTES } from '../../src/limits.js';
import { encodeCommand, RedisClient } from '../../tools/support/redis-client.js';
import { eventually, TestCluster } from '../support/cluster.js';
import { describeOnEachNetwork } from '../support/networks.js';

const LARGE = 'v'.repeat(MAX_VALUE_BYTES);

describeOnEachNetwork('a server that is asked for a lot', (environment) => {
  let cluster: TestCluster;
  let port: number;

  before(async () => {
    cluster = await TestCluster.start({}, environment());
    ({ port } = cluster.cluster.serverAddress(await cluster.leader()));
  });

  after(() => cluster.close());

  it('gives it, at the client’s pace, when the values are written just before', async () => {
    const count = 100;
    const socket = connect(port, '127.0.0.1');
    let byteCount = 0;
    const all = new Promise<void>((resolve) => {
      const expected = 'OK 1\r\n'.length + count * `VALUE ${LARGE.length}\r\n${LARGE}\r\n`.length;
      socket.on('data', (bytes) => {
        byteCount += bytes.byteLength;
        if (byteCount >= expected) resolve();
      });
    });
    socket.write(`set paced 0 ${LARGE.length}\r\n${LARGE}\r\n${'get paced\r\n'.repeat(count)}`);
    await all;
    socket.destroy();
  });

  it('refuses a reply that is too large, and goes on', async () => {
    const client = await RedisClient.connect(port);
    await client.call('SET', 'large', LARGE);
    const keys = Array.from({ length: 1000 }, () => 'large');
    expect(await client.call('MGET', ...keys))
      .to.have.property('error')
      .that.match(/^ERR the reply is left out/);
    expect(await client.call('STRLEN', 'large')).to.equal(LARGE.length);
    client.close();
  });

  it('holds the writes of a client that does not read what they are answered, until it does', async () => {
    const leader = await cluster.leader();
    const count = 100;
    const greedy = connect(port, '127.0.0.1');
    const commands = Array.from({ length: count }, () => encodeCommand(['GETEX', 'piled']));
    greedy.write(encodeCommand(['SET', 'piled', LARGE]) + commands.join(''));
    const client = await RedisClient.connect(port);
    await eventually(
      'its first command is done',
      async () => (await client.call('STRLEN', 'piled')) === LARGE.length,
    );
    await eventually('it has sent all', () => greedy.writableLength === 0);
    expect(greedy.closed).to.equal(false);
    let byteCount = 0;
    greedy.on('data', (bytes) => {
      byteCount += bytes.byteLength;
    });
    await eventually('it has all', () => byteCount >= count * LARGE.length);
    expect(await cluster.leader()).to.equal(leader);
    greedy.destroy();
    client.close();
  });
});
