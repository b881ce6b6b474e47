/** The text protocol over real sockets, threads and disks. */

import { expect } from 'chai';
import { MAX_VALUE_BYTES } from '../../src/limits.js';
import type { TextClient } from '../../tools/support/text-client.js';
import { eventually, TestCluster } from '../support/cluster.js';
import { describeOnEachNetwork } from '../support/networks.js';

describeOnEachNetwork('the text protocol of a running cluster', (environment) => {
  let cluster: TestCluster;
  let client: TextClient;

  before(async () => {
    cluster = await TestCluster.start({}, environment());
  });

  after(() => cluster.close());

  beforeEach(async () => {
    client = await cluster.leaderClient();
  });

  it('counts a key’s writes, and starts again once it was deleted', async () => {
    expect(await client.set('counted', 'a')).to.deep.equal({ type: 'OK', version: 1 });
    expect(await client.set('counted', 'b')).to.deep.equal({ type: 'OK', version: 2 });
    expect(await client.cas('counted', 2, 'c')).to.deep.equal({ type: 'OK', version: 3 });
    expect(await client.getm('counted')).to.deep.equal({ type: 'META', version: 3, exptimeS: 0, value: 'c' });
    expect(await client.delete('counted')).to.deep.equal({ type: 'DELETED' });
    expect(await client.get('counted')).to.deep.equal({ type: 'ERR_NOT_FOUND' });
    expect(await client.set('counted', 'd')).to.deep.equal({ type: 'OK', version: 1 });
  });

  it('adds a key, and changes it by the revision of its last change', async () => {
    const [added] = await client.replies('add once 0 1\r\na\r\n', 1);
    const revision = added?.type === 'ADDED' ? added.revision : 0;
    expect(revision).to.be.within(1e6 * (Date.now() / 1000 - 3600), 1e6 * (Date.now() / 1000 + 3600));
    const commands =
      `add once 0 1\r\nb\r\ngets once\r\ncas once 0 @${revision} 1\r\nc\r\n` +
      `cas once 0 @${revision} 1\r\nd\r\ndelete once @${revision}\r\ndelete once 1\r\ndelete once 2\r\n` +
      `add once 0 1\r\ne\r\ncas once 0 @${revision} 1\r\nf\r\n`;
    const replies = await client.replies(commands, 9);
    expect(replies).to.deep.equal([
      { type: 'ERR_EXISTS' },
      { type: 'META', version: 1, exptimeS: 0, revision, value: 'a' },
      { type: 'OK', version: 2, revision: revision + 1 },
      { type: 'ERR_VERSION' },
      { type: 'ERR_VERSION' },
      { type: 'ERR_VERSION' },
      { type: 'DELETED' },
      { type: 'ADDED', revision: revision + 3 },
      { type: 'ERR_VERSION' },
    ]);
  });

  it('refuses a cas on another version, on no key, and a delete of no key', async () => {
    await client.set('guarded', 'a');
    expect(await client.cas('guarded', 2, 'b')).to.deep.equal({ type: 'ERR_VERSION' });
    expect(await client.replies('cas guarded 0 18446744073709551615 1\r\nb\r\n', 1)).to.deep.equal([
      { type: 'ERR_VERSION' },
    ]);
    expect(await client.cas('nowhere', 1, 'b')).to.deep.equal({ type: 'ERR_NOT_FOUND' });
    expect(await client.delete('nowhere')).to.deep.equal({ type: 'ERR_NOT_FOUND' });
    expect(await client.get('guarded')).to.deep.equal({ type: 'VALUE', value: 'a' });
  });

  it('answers a command that comes one byte at a time', async () => {
    const reply = client.reply();
    for (const byte of 'set split 0 5\r\nhello\r\n') {
      client.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await reply).to.deep.equal({ type: 'OK', version: 1 });
  });

  it('answers many commands of one packet in their order, reads seeing the writes before them alone', async () => {
    const text = Array.from(
      { length: 100 },
      (_, i) => `set many 0 ${`${i}`.length}\r\n${i}\r\nget many\r\n`,
    ).join('');
    const replies = await client.replies(`${text}bogus\r\ndelete many\r\nget many\r\n`, 203);
    for (let i = 0; i < 100; i += 1) {
      expect(replies[2 * i]).to.deep.equal({ type: 'OK', version: i + 1 });
      expect(replies[2 * i + 1]).to.deep.equal({ type: 'VALUE', value: `${i}` });
    }
    expect(replies.slice(200).map(({ type }) => type)).to.deep.equal([
      'ERR_CMD_ERR',
      'DELETED',
      'ERR_NOT_FOUND',
    ]);
  });

  it('keeps values of any bytes and of every size up to a mebibyte', async () => {
    const anyBytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join('');
    for (const value of ['', '\r\n', '\0', 'get x\r\n', anyBytes, anyBytes.repeat(4096)]) {
      expect(await client.set('bytes', value)).to.have.property('type', 'OK');
      const reply = await client.get('bytes');
      expect(reply.type === 'VALUE' && reply.value === value, `a value of ${value.length} bytes`).to.equal(
        true,
      );
    }
  });

  it('throws an oversized value away, says so once, and goes on', async () => {
    const size = 1024 * 1024 + 1;
    const replies = await client.replies(
      `set big 0 ${size}\r\n${'x'.repeat(size)}\r\nset small 0 2\r\nok\r\nget big\r\n`,
      3,
    );
    expect(replies.map(({ type }) => type)).to.deep.equal(['ERR_CMD_ERR', 'OK', 'ERR_NOT_FOUND']);
  });

  it('answers each bad command once and stays usable', async () => {
    const bad = [
      'bogus',
      '',
      'get',
      'get a b',
      `get ${'k'.repeat(251)}`,
      'set a 0 x',
      `set ${'k'.repeat(251)} 0 3\r\nabc`,
      'set a -1 3\r\nabc',
      'set a 0 3 maybe\r\nabc',
      'cas a 0 x 3\r\nabc',
      'set a 0 3\r\nabcdef',
      'delete',
      'x'.repeat(600),
    ];
    const replies = await client.replies(`${bad.join('\r\n')}\r\nset usable 0 1\r\n1\r\n`, bad.length + 1);
    expect(replies.map(({ type }) => type)).to.deep.equal([...bad.map(() => 'ERR_CMD_ERR'), 'OK']);
  });

  it('accepts a bare LF and several spaces', async () => {
    const replies = await client.replies('set  loose   0 2\nhi\nget  loose\n', 2);
    expect(replies).to.deep.equal([
      { type: 'OK', version: 1 },
      { type: 'VALUE', value: 'hi' },
    ]);
  });

  it('is silent for noreply, except about a malformed command', async () => {
    const text =
      'set quiet 0 1 noreply\r\n1\r\ncas quiet 0 9 1 noreply\r\n2\r\ndelete nothing noreply\r\n' +
      'set quiet 0 1 noisy\r\n1\r\ngetm quiet\r\n';
    expect(await client.replies(text, 2)).to.deep.equal([
      { type: 'ERR_CMD_ERR' },
      { type: 'META', version: 1, exptimeS: 0, value: '1' },
    ]);
  });

  it('is silent for noreply about what is over a limit, and well-formed but for that', async () => {
    const value = 'v'.repeat(MAX_VALUE_BYTES + 1);
    const text = `set k 0 ${value.length} noreply\r\n${value}\r\ndelete ${'k'.repeat(251)} noreply\r\nget none\r\n`;
    expect(await client.replies(text, 1)).to.deep.equal([{ type: 'ERR_NOT_FOUND' }]);
  });

  it('lets keys expire, and counts their versions anew', async () => {
    await client.set('mortal', 'a', 1);
    expect(await client.getm('mortal')).to.deep.equal({ type: 'META', version: 1, exptimeS: 1, value: 'a' });
    await eventually('the key expires', async () => (await client.get('mortal')).type === 'ERR_NOT_FOUND');
    expect(await client.cas('mortal', 1, 'b')).to.deep.equal({ type: 'ERR_NOT_FOUND' });
    expect(await client.set('mortal', 'c')).to.deep.equal({ type: 'OK', version: 1 });
  });

  it('forgets a deadline when the key is written without one', async () => {
    await client.set('saved', 'a', 1);
    await client.set('saved', 'b');
    await client.set('witness', 'w', 1);
    await eventually(
      'the witness expires',
      async () => (await client.get('witness')).type === 'ERR_NOT_FOUND',
    );
    expect(await client.getm('saved')).to.deep.equal({ type: 'META', version: 2, exptimeS: 0, value: 'b' });
  });

  it('redirects reads and writes from every follower to the leader, values consumed', async () => {
    const leader = await cluster.leader();
    const { port } = cluster.cluster.serverAddress(leader);
    const redirect = { type: 'ERR_REDIRECT', host: '127.0.0.1', port };
    for (const id of await cluster.followers()) {
      const other = await cluster.client(id);
      const text = 'set a 0 5\r\nvalue\r\nset a 0 1 noreply\r\n1\r\nget a\r\ndelete a\r\nbogus\r\n';
      const replies = await other.replies(text, 5);
      expect(replies).to.deep.equal([redirect, redirect, redirect, redirect, { type: 'ERR_CMD_ERR' }]);
    }
  });

  it('answers what a client asked before it closed its half of the connection', async () => {
    const replies = client.replies('set half 0 1\r\n1\r\nget half\r\n', 2);
    client.end();
    expect((await replies).map(({ type }) => type)).to.deep.equal(['OK', 'VALUE']);
    await client.closed;
  });

  it('gives five clients on the same key versions without gaps or repeats', async () => {
    const clients = await Promise.all(
      [0, 1, 2, 3, 4].map((i) => (i % 2 ? cluster.leaderClient() : cluster.routerClient())),
    );
    const versions = await Promise.all(
      clients.map(async (one) => {
        const own: number[] = [];
        for (let i = 0; i < 100; i += 1) {
          const reply = await one.set('shared', `${i}`);
          if (reply.type === 'OK') own.push(reply.version);
        }
        return own;
      }),
    );
    const all = versions.flat().sort((a, b) => a - b);
    expect(all).to.deep.equal(Array.from({ length: 500 }, (_, i) => i + 1));
  });

  it('loses no increment that five clients make by cas', async () => {
    await client.set('total', '0');
    const clients = await Promise.all([0, 1, 2, 3, 4].map(() => cluster.routerClient()));
    await Promise.all(clients.map((one) => increment(one, 'total', 20)));
    expect(await client.get('total')).to.deep.equal({ type: 'VALUE', value: '100' });
  });
});

/** Adds 1 to the key `times` times, each time until a cas takes effect. */
async function increment(client: TextClient, key: string, times: number): Promise<void> {
  for (let done = 0; done < times; ) {
    const reply = await client.getm(key);
    if (reply.type !== 'META') throw new Error(`${key} is ${reply.type}`);
    const written = await client.cas(key, reply.version, `${Number(reply.value) + 1}`);
    if (written.type === 'OK') done += 1;
  }
}
