/** MONITOR: a connection is told of all commands, also after a change of leader. */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { MAX_MONITORS } from '../../src/redis-limits.js';
import { RedisClient } from '../../tools/support/redis-client.js';
import { TextClient } from '../../tools/support/text-client.js';
import { eventually, TestCluster } from '../support/cluster.js';

class Watcher {
  readonly #socket: Socket;
  text = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.text += text;
    });
  }

  static async open(port: number): Promise<Watcher> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write('MONITOR\r\n');
    const watcher = new Watcher(socket);
    await watcher.sees('\r\n');
    return watcher;
  }

  async sees(part: string): Promise<void> {
    await eventually(`it is told ${part}`, () => this.text.includes(part));
  }

  write(text: string): void {
    this.#socket.write(text);
  }

  close(): void {
    this.#socket.destroy();
  }
}

describe('MONITOR', () => {
  let cluster: TestCluster;
  let port: number;
  let client: RedisClient;

  before(async () => {
    cluster = await TestCluster.start();
    port = cluster.cluster.routerAddress?.port ?? 0;
  });

  after(() => cluster.close());

  beforeEach(async () => {
    client = await RedisClient.connect(port);
  });

  afterEach(() => client.close());

  it('tells of the commands of both protocols as Redis writes them, and of no passwords', async () => {
    const watcher = await Watcher.open(port);
    expect(watcher.text).to.equal('+OK\r\n');
    await client.call('SET', 'k', 'a "b"\\\r\n\0\xff');
    await client.pipeline(['MULTI'], ['INCR', 'n'], ['EXEC'], ['GET', 'k'], ['AUTH', 'secret'], ['PING']);
    for (const login of [
      ['HELLO', '3', 'AUTH', 'default', 'secret'],
      ['CONFIG', 'SET', 'requirepass', 'secret'],
      ['config', 'set', 'masterauth', 'secret'],
      ['ACL', 'SETUSER', 'me', '>secret'],
      ['ONCE', '1', '1', '0', 'AUTH', 'secret'],
    ])
      await client.call(...login);
    await client.call('INCRBY', 'n', '9'.repeat(300));
    const text = await TextClient.connect(port);
    await text.set('t', 'v');
    text.close();
    await watcher.sees('"set" "t" "v"\r\n');
    expect(watcher.text).to.match(
      /\r\n\+\d+\.\d{6} \[0 127\.0\.0\.1:\d+\] "set" "k" "a \\"b\\"\\\\\\r\\n\\x00\\xff"\r\n/,
    );
    for (const shown of [
      '"multi"',
      '"INCR" "n"',
      '"exec"',
      '"get" "k"',
      '"ping"',
      `"${'9'.repeat(256)}... (44 more bytes)"`,
    ])
      expect(watcher.text).to.contain(`] ${shown}`.replace('] "999', ' "999'));
    expect(watcher.text).not.to.contain('secret');
    expect(watcher.text.split('"ping"'), 'under the name of the last command').to.have.lengthOf(2);
    watcher.close();
  });

  it('goes on at the next leader, until RESET', async () => {
    const watcher = await Watcher.open(port);
    const [next = 0] = await cluster.followers();
    await cluster.cluster.transferLeadership(next);
    await eventually('it is told at the next leader', async () => {
      await client.call('SET', 'after', 'x');
      return watcher.text.includes('"after"');
    });
    const list = await client.call('CLIENT', 'LIST');
    expect(list).to.contain('flags=O');
    watcher.write('RESET\r\n');
    await watcher.sees('+RESET\r\n');
    const { length } = watcher.text;
    await client.call('SET', 'unseen', 'x');
    watcher.write('PING\r\n');
    await watcher.sees('+PONG\r\n');
    expect(watcher.text.slice(length)).to.equal('+PONG\r\n');
    watcher.close();
  });

  it('takes a few connections, and refuses one more', async () => {
    const watchers = await Promise.all(Array.from({ length: MAX_MONITORS }, () => Watcher.open(port)));
    expect(await client.call('MONITOR')).to.have.property('error');
    expect(await client.call('PING')).to.deep.equal({ simple: 'PONG' });
    for (const watcher of watchers) watcher.close();
    await eventually('there is room again', async () => {
      const reply = await client.call('MONITOR');
      return JSON.stringify(reply) === '{"simple":"OK"}';
    });
  });
});
