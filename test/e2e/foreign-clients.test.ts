/** What people point at a port: Redis's own tools, a terminal, and web pages. */

import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { encodeCommand, RedisClient } from '../../tools/support/redis-client.js';
import { TestCluster } from '../support/cluster.js';

const hasTools = ['redis-cli', 'redis-benchmark'].every(
  (tool) => spawnSync(tool, ['--version']).status === 0,
);

describe('a port', () => {
  let cluster: TestCluster;
  let ports: readonly number[];

  before(async () => {
    cluster = await TestCluster.start({ servers: 1 });
    ports = [cluster.cluster.serverAddress(0).port, cluster.cluster.routerAddress?.port ?? 0];
  });

  after(() => cluster.close());

  it('answers what somebody types, in whatever letters and with blank lines', async () => {
    for (const port of ports) {
      const client = await RedisClient.connect(port);
      expect(await client.raw('PING\r\n')).to.deep.equal({ simple: 'PONG' });
      expect(await client.raw('\r\n\nset typed "two words"\n')).to.deep.equal({ simple: 'OK' });
      expect(await client.call('GET', 'typed')).to.equal('two words');
      expect(await client.raw('get typed\r\n')).to.equal('two words');
      client.close();
    }
  });

  it('executes nothing of what a web page sends', async () => {
    const commands = `SET web resp\r\nset web 0 1\r\nx\r\n${encodeCommand(['SET', 'web', 'array'])}`;
    for (const port of ports) {
      const sent = fetch(`http://127.0.0.1:${port}/?${'x'.repeat(600)}`, { method: 'POST', body: commands });
      const error: unknown = await sent.catch((cause: unknown) => cause);
      expect(error).to.be.instanceOf(TypeError);
      const client = await RedisClient.connect(port);
      expect(await client.call('GET', 'web')).to.equal(null);
      client.write(`GET /?${'x'.repeat(600)} HTTP/1.1\r\n${commands}`);
      await client.closed;
      const another = await RedisClient.connect(port);
      expect(await another.call('GET', 'web')).to.equal(null);
      another.close();
    }
  });

  it('takes a bulk load of redis-cli', async function () {
    if (!hasTools) this.skip();
    for (const port of ports) {
      const load = Array.from({ length: 1_000 }, (_, i) => encodeCommand(['SET', `bulk${i}`, `${i}`]));
      const child: ChildProcess = spawn('redis-cli', ['-p', `${port}`, '--pipe']);
      const ended = once(child, 'close');
      child.stdin?.end(load.join(''));
      const output = child.stdout === null ? '' : await text(child.stdout);
      expect(await ended).to.deep.equal([0, null]);
      expect(output).to.contain('errors: 0, replies: 1000');
    }
  });

  it('is measured by redis-benchmark', async function () {
    if (!hasTools) this.skip();
    for (const port of ports) {
      const args = [
        '-p',
        `${port}`,
        '-n',
        '200',
        '-c',
        '4',
        '-q',
        '-t',
        'ping_inline,ping_mbulk,set,get,incr,mset',
      ];
      const { stdout } = await promisify(execFile)('redis-benchmark', args);
      for (const name of ['PING_INLINE', 'PING_MBULK', 'SET', 'GET', 'INCR', 'MSET (10 keys)'])
        expect(stdout).to.match(new RegExp(`${name.replace(/[()]/g, '\\$&')}: [\\d.]+ requests per second`));
    }
  });
});
