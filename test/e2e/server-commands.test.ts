/** Commands by which tools look at a server. */

import { expect } from 'chai';
import type { Raw, RedisClient } from '../../tools/support/redis-client.js';
import { eventually, TestCluster } from '../support/cluster.js';
import { useRedisClients } from '../support/redis-clients.js';

const OK = { simple: 'OK' };

function fieldsOf(info: Raw): Map<string, string> {
  if (typeof info !== 'string') throw new TypeError('no INFO');
  const lines = info.split('\r\n').filter((line) => line.includes(':'));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}

describe('a tool that looks at a server', () => {
  let cluster: TestCluster;
  const connect = useRedisClients();

  before(async () => {
    cluster = await TestCluster.start();
  });

  after(() => cluster.close());

  async function at(id: number): Promise<RedisClient> {
    return connect(cluster.cluster.serverAddress(id).port);
  }

  it('finds in INFO what clients and monitors ask for', async () => {
    const client = await at(await cluster.leader());
    const info = fieldsOf(await client.call('INFO'));
    for (const field of [
      'redis_version',
      'arch_bits',
      'os',
      'tcp_port',
      'maxmemory_policy',
      'used_cpu_sys',
      'used_cpu_user',
      'total_connections_received',
      'role',
      'cluster_enabled',
    ])
      expect(info.has(field), field).to.equal(true);
    expect(info.get('arch_bits')).to.equal('64');
    expect(info.has('rejected_connections'), 'which no server knows').to.equal(false);
    const stats = await client.call('INFO', 'stats');
    expect([...fieldsOf(stats).keys()])
      .to.include('total_commands_processed')
      .and.not.include('role');
  });

  it('sees commands, hits, misses and bytes counted in INFO, from CONFIG RESETSTAT on', async () => {
    const client = await at(await cluster.leader());
    expect(await client.call('CONFIG', 'RESETSTAT')).to.deep.equal(OK);
    await client.call('SET', 'counted', 'x');
    await client.pipeline(['GET', 'counted'], ['GET', 'missing'], ['BOGUS']);
    const info = fieldsOf(await client.call('INFO', 'stats'));
    expect(Number(info.get('total_commands_processed'))).to.be.within(4, 6);
    expect(info.get('keyspace_hits')).to.equal('1');
    expect(info.get('keyspace_misses')).to.equal('1');
    expect(Number(info.get('total_net_input_bytes'))).to.be.within(100, 300);
    expect(Number(info.get('total_net_output_bytes'))).to.be.within(30, 300);
  });

  it('finds commands in SLOWLOG that took long, at whatever server CONFIG SET was said', async () => {
    const leader = await cluster.leader();
    const [follower = 0] = await cluster.followers();
    const [client, other] = [await at(leader), await at(follower)];
    expect(await other.call('CONFIG', 'SET', 'slowlog-log-slower-than', '0')).to.deep.equal(OK);
    const value = 'x'.repeat(1_000);
    await client.call('STRLEN', value);
    const entries = await client.call('SLOWLOG', 'GET');
    const shown = JSON.stringify(entries);
    expect(shown).to.contain(`"strlen","${'x'.repeat(128)}... (872 more bytes)"`);
    expect(await other.call('CONFIG', 'SET', 'slowlog-max-len', '1')).to.deep.equal(OK);
    expect(await client.call('SLOWLOG', 'LEN')).to.equal(1);
    await cluster.cluster.kill(follower);
    await cluster.cluster.restart(follower);
    const restarted = await at(follower);
    expect(await restarted.call('CONFIG', 'GET', 'slowlog-max-len')).to.deep.equal(['slowlog-max-len', '1']);
    await restarted.call('CONFIG', 'SET', 'slowlog-max-len', '128', 'slowlog-log-slower-than', '10000');
  });

  it('is told the role of each server', async () => {
    const leader = await cluster.leader();
    const ports = cluster.ids.map((id) => cluster.cluster.serverAddress(id).port);
    const role = await (await at(leader)).call('ROLE');
    const followers = ports.filter((_, id) => id !== leader);
    expect(JSON.stringify(role)).to.match(/^\["master",\d+,\[/);
    for (const port of followers) expect(JSON.stringify(role)).to.contain(`["127.0.0.1","${port}",`);
    const [follower = 0] = await cluster.followers();
    const client = await at(follower);
    await eventually('it follows', async () => {
      const told = await client.call('ROLE');
      return JSON.stringify(told).startsWith(`["slave","127.0.0.1",${ports[leader]},"connected",`);
    });
  });

  it('is told of the shard and its links', async () => {
    const ids = await Promise.all(cluster.ids.map(async (id) => (await at(id)).call('CLUSTER', 'MYSHARDID')));
    expect(new Set(ids).size).to.equal(1);
    const links = await (await at(0)).call('CLUSTER', 'LINKS');
    expect(links).to.have.length(4);
  });
});
