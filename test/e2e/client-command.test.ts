/** CLIENT, of which some subcommands reach the connections of all servers. */

import { expect } from 'chai';
import { encodeCommand, type Raw, type RedisClient } from '../../tools/support/redis-client.js';
import { TextClient } from '../../tools/support/text-client.js';
import { eventually, TestCluster } from '../support/cluster.js';
import { useRedisClients } from '../support/redis-clients.js';

const OK = { simple: 'OK' };

type Line = ReadonlyMap<string, string>;

function linesOf(reply: Raw): Line[] {
  if (typeof reply !== 'string') throw new TypeError(`no list: ${JSON.stringify(reply)}`);
  return reply
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => new Map(line.split(' ').map((field) => splitOnce(field))));
}

function splitOnce(field: string): [string, string] {
  const at = field.indexOf('=');
  return [field.slice(0, at), field.slice(at + 1)];
}

describe('CLIENT', () => {
  let cluster: TestCluster;
  const connect = useRedisClients();

  before(async () => {
    cluster = await TestCluster.start();
  });

  after(() => cluster.close());

  function router(): Promise<RedisClient> {
    return connect(cluster.cluster.routerAddress?.port ?? 0);
  }

  /** One at each server's port and one at the router's, each with its name. */
  async function everywhere(): Promise<Map<string, RedisClient>> {
    const ports = new Map(cluster.ids.map((id) => [`server-${id}`, cluster.cluster.serverAddress(id).port]));
    ports.set('router', cluster.cluster.routerAddress?.port ?? 0);
    const named = new Map<string, RedisClient>();
    for (const [name, port] of ports) {
      const client = await connect(port);
      expect(await client.call('CLIENT', 'SETNAME', name)).to.deep.equal(OK);
      named.set(name, client);
    }
    return named;
  }

  async function replaceLeader(): Promise<void> {
    const leader = await cluster.leader();
    await cluster.cluster.kill(leader);
    await cluster.leader();
    await cluster.cluster.restart(leader);
  }

  it('LIST tells of the connections of all servers, the ids of which differ', async () => {
    const named = await everywhere();
    for (const client of named.values()) {
      const lines = linesOf(await client.call('CLIENT', 'LIST'));
      expect(lines.map((line) => line.get('name'))).to.include.members([...named.keys()]);
      const ids = lines.map((line) => Number(line.get('id')));
      expect(new Set(ids).size).to.equal(ids.length);
      expect(ids).to.deep.equal([...ids].sort((a, b) => a - b));
    }
    const router = named.get('router');
    const [own] = linesOf(
      (await router?.call('CLIENT', 'LIST', 'ID', `${await router.call('CLIENT', 'ID')}`)) ?? '',
    );
    expect(own?.get('name')).to.equal('router');
    expect(linesOf((await router?.call('CLIENT', 'LIST', 'TYPE', 'pubsub')) ?? '')).to.deep.equal([]);
  });

  it('INFO and LIST tell addresses, ages, the last command and the library', async () => {
    const client = await router();
    await client.call('CLIENT', 'SETINFO', 'LIB-NAME', 'redis-py');
    await client.call('CLIENT', 'SETINFO', 'lib-ver', '5.0');
    expect(await client.call('CLIENT', 'SETINFO', 'lib-name', 'redis py')).to.deep.equal({
      error: 'ERR lib-name cannot contain spaces, newlines or special characters.',
    });
    expect(await client.call('CLIENT', 'SETINFO', 'bogus', 'x')).to.deep.equal({
      error: "ERR Unrecognized option 'bogus'",
    });
    const [info] = linesOf(await client.call('CLIENT', 'INFO'));
    const { port } = cluster.cluster.routerAddress ?? { port: 0 };
    expect(info?.get('addr')).to.match(/^127\.0\.0\.1:\d+$/);
    expect(info?.get('laddr')).to.equal(`127.0.0.1:${port}`);
    expect(info?.get('cmd')).to.equal('client|info');
    expect(info?.get('lib-name')).to.equal('redis-py');
    expect(info?.get('lib-ver')).to.equal('5.0');
    expect(info?.get('flags')).to.equal('N');
    for (const field of ['age', 'idle', 'multi', 'qbuf', 'omem', 'resp', 'user', 'db'])
      expect(info?.has(field), field).to.equal(true);
    const list = linesOf(await (await router()).call('CLIENT', 'LIST'));
    expect(list.find((line) => line.get('id') === info?.get('id'))?.get('lib-name')).to.equal('redis-py');
    await replaceLeader();
    const [after] = linesOf(await client.call('CLIENT', 'INFO'));
    for (const field of ['id', 'addr', 'lib-name', 'lib-ver'])
      expect(after?.get(field)).to.equal(info?.get(field));
  });

  it('LIST tells of connections that have sent nothing, and of those that speak the text protocol', async () => {
    const { port } = cluster.cluster.serverAddress(0);
    await connect(port);
    const text = await TextClient.connect(port);
    await text.get('k');
    const client = await router();
    await eventually('all three are told of', async () => {
      const lines = linesOf(await client.call('CLIENT', 'LIST'));
      return lines.filter((line) => line.get('laddr') === `127.0.0.1:${port}`).length === 2;
    });
    text.close();
  });

  it('KILL closes connections of any server, and the own one only after the answer', async () => {
    const named = await everywhere();
    const router = named.get('router');
    const lines = linesOf((await router?.call('CLIENT', 'LIST')) ?? '');
    for (const [name, client] of named) {
      const line = lines.find((one) => one.get('name') === name);
      if (name !== 'router') {
        expect(await router?.call('CLIENT', 'KILL', 'ADDR', line?.get('addr') ?? '')).to.equal(1);
        await client.closed;
      }
    }
    const other = await connect(cluster.cluster.serverAddress(1).port);
    expect(await router?.call('CLIENT', 'KILL', 'TYPE', 'normal')).to.be.a('number');
    await other.closed;
    expect(await router?.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'no')).to.equal(1);
    await router?.closed;
  });

  it('REPLY silences what it says, also at the next leader', async () => {
    const client = await router();
    const skipped = await client.raw(commands(['CLIENT', 'REPLY', 'SKIP'], ['SET', 'r', '1'], ['GET', 'r']));
    expect(skipped).to.equal('1');
    client.write(commands(['CLIENT', 'REPLY', 'OFF'], ['SET', 'r', '2'], ['GET', 'r'], ['BOGUS']));
    await replaceLeader();
    client.write(commands(['SET', 'r', '3'], ['GET', 'r']));
    await replaceLeader();
    expect(await client.call('CLIENT', 'REPLY', 'ON')).to.deep.equal(OK);
    expect(await client.call('GET', 'r')).to.equal('3');
  });

  it('PAUSE has writes wait, or everything, until it is over or UNPAUSE ends it', async () => {
    const [writer, other] = [await router(), await router()];
    expect(await other.call('CLIENT', 'PAUSE', '60000', 'WRITE')).to.deep.equal(OK);
    let isWritten = false;
    const written = writer.pipeline(['GET', 'p'], ['SET', 'p', '1'], ['GET', 'p']).then((replies) => {
      isWritten = true;
      return replies;
    });
    expect(await other.call('GET', 'p')).to.equal(null);
    const [next = 0] = await cluster.followers();
    await cluster.cluster.transferLeadership(next);
    expect(await other.call('GET', 'p')).to.equal(null);
    expect(isWritten).to.equal(false);
    expect(await other.call('CLIENT', 'UNPAUSE')).to.deep.equal(OK);
    expect(await written).to.deep.equal([null, OK, '1']);

    expect(await other.call('CLIENT', 'PAUSE', '60000')).to.deep.equal(OK);
    const read = writer.call('GET', 'p');
    expect(await other.call('CLIENT', 'UNPAUSE')).to.deep.equal(OK);
    expect(await read).to.equal('1');
    expect(await other.call('CLIENT', 'PAUSE', '1')).to.deep.equal(OK);
    expect(await other.call('SET', 'p', '2')).to.deep.equal(OK);
  });

  it('HELP tells what there is', async () => {
    const help = await (await router()).call('CLIENT', 'HELP');
    const text = JSON.stringify(help);
    for (const word of ['KILL', 'LIST', 'PAUSE', 'REPLY', 'SETINFO', 'UNPAUSE'])
      expect(text).to.contain(word);
  });
});

function commands(...lines: readonly (readonly string[])[]): string {
  return lines.map((args) => encodeCommand(args)).join('');
}
