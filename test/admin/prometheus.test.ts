import { expect } from 'chai';
import { AdminServer } from '../../src/admin/admin-server.js';
import type { Cluster } from '../../src/cluster/cluster.js';
import { http } from '../../tools/support/http.js';
import { RedisClient } from '../../tools/support/redis-client.js';
import { TextClient } from '../../tools/support/text-client.js';
import { eventually, everyServerUp, WAIT_TIMEOUT_MS } from '../support/cluster.js';
import { newCluster } from '../support/new-cluster.js';
import { promtool } from '../support/promtool.js';

describe('GET /metrics', () => {
  let cluster: Cluster;
  let admin: AdminServer;

  before(async () => {
    cluster = await newCluster();
    admin = new AdminServer(cluster, { host: '127.0.0.1', port: 0 });
    await admin.start();
    await cluster.start();
  });
  beforeEach(() => everyServerUp(cluster));
  after(async () => {
    await admin.close();
    await cluster.close();
  });

  async function scrape(): Promise<string> {
    const { status, headers, text } = await http(admin.address.port, 'GET /metrics');
    expect(status).to.equal(200);
    expect(headers['content-type']).to.equal('text/plain; version=0.0.4; charset=utf-8');
    return text;
  }

  /** The value of one series, labels in the order in which they are printed; undefined when there is none. */
  async function value(series: string): Promise<number | undefined> {
    const line = (await scrape()).split('\n').find((one) => one.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length + 1));
  }

  async function leaderOf(): Promise<number> {
    return cluster.waitForLeader(WAIT_TIMEOUT_MS);
  }

  it('passes the checks of promtool', async function () {
    const complaint = promtool(['check', 'metrics'], await scrape());
    if (complaint === undefined) this.skip();
    expect(complaint).to.equal('');
  });

  it('tells term and role of every server', async () => {
    const leader = await leaderOf();
    const { servers } = await cluster.status();
    const text = await scrape();
    for (const { id, role, term } of servers) {
      expect(text).to.include(`threadraft_raft_term{server="${id}"} ${term}\n`);
      expect(text).to.include(`threadraft_raft_role{server="${id}",role="${role}"} 1\n`);
    }
    expect(text).to.include(`threadraft_raft_role{server="${leader}",role="follower"} 0\n`);
  });

  it('counts commands by type and result, those of noreply too', async () => {
    const server = await leaderOf();
    const client = await TextClient.connect(cluster.routerAddress?.port ?? 0);
    client.write('set quiet 0 1 noreply\r\nx\r\n');
    await client.set('loud', 'x');
    await client.get('loud');
    await client.get('missing');
    client.close();
    const count = (command: string, result: string) =>
      value(`threadraft_commands_total{server="${server}",command="${command}",result="${result}"}`);
    expect(await count('set', 'ok')).to.equal(2);
    expect(await count('get', 'ok')).to.equal(1);
    expect(await count('get', 'not_found')).to.equal(1);
    expect(await count('delete', 'ok')).to.equal(0);
    const durations = (kind: string) =>
      value(`threadraft_command_duration_seconds_count{server="${server}",kind="${kind}"}`);
    expect(await durations('write')).to.equal(2);
    expect(await durations('read')).to.equal(2);
  });

  it('counts what the leader proposed and the disks wrote', async () => {
    const leader = await leaderOf();
    const proposals = `threadraft_raft_proposals_total{server="${leader}"}`;
    const before = (await value(proposals)) ?? 0;
    const client = await TextClient.connect(cluster.routerAddress?.port ?? 0);
    await client.set('key', 'value');
    client.close();
    expect(await value(proposals)).to.equal(before + 1);
    const appended = `threadraft_raft_append_duration_seconds_count{server="${leader}"}`;
    expect(await value(appended)).to.equal(before + 1);
    const { servers } = await cluster.status();
    const written = `threadraft_disk_entries_total{server="${leader}"}`;
    expect(await value(written)).to.equal(servers[leader]?.lastIndex);
  });

  it('counts connections and bytes, of clients that are gone too', async () => {
    const received = 'threadraft_received_bytes_total{port="router"}';
    const sent = 'threadraft_sent_bytes_total{port="router"}';
    const open = 'threadraft_connections{port="router"}';
    await eventually('earlier clients are gone', async () => (await value(open)) === 0);
    const [receivedBefore = 0, sentBefore = 0] = [await value(received), await value(sent)];
    const client = await TextClient.connect(cluster.routerAddress?.port ?? 0);
    await client.get('nobody');
    expect(await value(open)).to.equal(1);
    client.close();
    await eventually('the client is gone', async () => (await value(open)) === 0);
    expect(await value(received)).to.equal(receivedBefore + 'get nobody\r\n'.length);
    expect(await value(sent)).to.equal(sentBefore + 'ERR_NOT_FOUND\r\n'.length);
  });

  it('says which servers are down, and nothing else of them', async () => {
    const id = ((await leaderOf()) + 1) % 3;
    await cluster.kill(id);
    expect(await value(`threadraft_server_up{server="${id}"}`)).to.equal(0);
    expect(await value(`threadraft_raft_term{server="${id}"}`)).to.equal(undefined);
    await cluster.restart(id);
    expect(await value(`threadraft_server_up{server="${id}"}`)).to.equal(1);
  });

  it('counts the messages that a partition swallows', async () => {
    const leader = await leaderOf();
    await cluster.partition([[leader], [0, 1, 2].filter((id) => id !== leader)]);
    const lost = `threadraft_link_dropped_messages_total{server="${leader}",reason="fault"}`;
    await eventually('messages are lost', async () => ((await value(lost)) ?? 0) > 0);
    await cluster.heal();
  });

  it('tells how busy each thread is, and its memory', async () => {
    for (const thread of ['main', 'server-0', 'server-1', 'server-2']) {
      expect(await value(`threadraft_thread_heap_used_bytes{thread="${thread}"}`)).to.be.greaterThan(0);
      expect(await value(`threadraft_thread_external_bytes{thread="${thread}"}`)).to.be.greaterThan(0);
      expect(
        await value(`threadraft_thread_loop_active_seconds_total{thread="${thread}"}`),
        thread,
      ).to.be.at.least(0);
    }
  });

  it('tells how many connections watch keys, and how many have subscribed', async () => {
    const { port = 0 } = cluster.routerAddress ?? {};
    const [watcher, subscriber] = [await TextClient.connect(port), await RedisClient.connect(port)];
    watcher.write('watch k\r\n');
    await subscriber.call('SUBSCRIBE', 'channel');
    const server = await leaderOf();
    const isThere = async (what: string) => (await value(`threadraft_${what}{server="${server}"}`)) === 1;
    await eventually('both are counted', async () => (await isThere('watchers')) && isThere('subscribers'));
    watcher.close();
    subscriber.close();
    await eventually(
      'neither is',
      async () => !(await isThere('watchers')) && !(await isThere('subscribers')),
    );
  });
});
