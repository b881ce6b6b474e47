import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { MAX_ADMIN_CALLS, MAX_BACKUPS, MAX_PARSED_BYTES } from '../../src/admin/admin-limits.js';
import { AdminServer } from '../../src/admin/admin-server.js';
import type { Cluster } from '../../src/cluster/cluster.js';
import { endOfTurn, NODE_ENVIRONMENT } from '../../src/environment.js';
import { eventually, WAIT_TIMEOUT_MS } from '../support/cluster.js';
import { newCluster } from '../support/new-cluster.js';

const CONNECTIONS = 20;
const REQUESTS = 1_000;
const TURNS = 200;

describe('the admin API, flooded with pipelined requests', () => {
  let cluster: Cluster;
  let admin: AdminServer;
  let measured: number;
  let asked: number;
  let mostAtOnce: number;
  const sockets: Socket[] = [];

  beforeEach(async () => {
    cluster = await newCluster({ servers: 1 });
    await cluster.start();
    await cluster.waitForLeader(WAIT_TIMEOUT_MS);
    measured = 0;
    asked = 0;
    mostAtOnce = 0;
    const measure = cluster.measure.bind(cluster);
    cluster.measure = () => {
      measured += 1;
      return measure();
    };
    const heal = cluster.heal.bind(cluster);
    let atOnce = 0;
    cluster.heal = async () => {
      asked += 1;
      atOnce += 1;
      mostAtOnce = Math.max(mostAtOnce, atOnce);
      await heal();
      atOnce -= 1;
    };
    admin = new AdminServer(cluster, { host: '127.0.0.1', port: 0 });
    await admin.start();
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await admin.close();
    await cluster.close();
  });

  async function flood(request: string): Promise<Socket> {
    const socket = connect(admin.address.port, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(request.repeat(REQUESTS));
    return socket;
  }

  /** Counts how many at a time are between `begin` and `end`. */
  function counter(): { begin(): void; end(): void; readonly most: number; readonly all: number } {
    let [now, most, all] = [0, 0, 0];
    return {
      begin: () => {
        all += 1;
        now += 1;
        most = Math.max(most, now);
      },
      end: () => {
        now -= 1;
      },
      get most() {
        return most;
      },
      get all() {
        return all;
      },
    };
  }

  async function floodFromAll(request: string): Promise<void> {
    const floods = await Promise.all(Array.from({ length: CONNECTIONS }, () => flood(request)));
    for (const socket of floods) socket.resume();
  }

  const METRICS = 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n';

  it('makes one measurement for all who ask at the same time, and none for those who are gone', async () => {
    const floods = await Promise.all(Array.from({ length: CONNECTIONS }, () => flood(METRICS)));
    let answers = 0;
    for (const socket of floods)
      socket.setEncoding('latin1').on('data', (text: string) => {
        answers += text.split('HTTP/1.1 200').length - 1;
      });
    await eventually('each has had an answer or two', async () => answers >= 2 * CONNECTIONS);
    expect(measured).to.be.below(answers / 2);
    for (const socket of floods) socket.destroy();
    await eventually('nothing is measured any more', async () => {
      const before = measured;
      const response = await fetch(`http://127.0.0.1:${admin.address.port}/metrics`);
      await response.text();
      return measured - before <= 1;
    });
  });

  it('asks servers once for all who want the status at the same time', async () => {
    const statuses = counter();
    const status = cluster.status.bind(cluster);
    cluster.status = async () => {
      statuses.begin();
      return status().finally(() => statuses.end());
    };
    let answers = 0;
    const request = 'GET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n';
    const floods = await Promise.all(Array.from({ length: CONNECTIONS }, () => flood(request)));
    for (const socket of floods)
      socket.setEncoding('latin1').on('data', (text: string) => {
        answers += text.split('HTTP/1.1 200').length - 1;
      });
    await eventually('each has had some answers', async () => answers >= 5 * CONNECTIONS);
    expect(statuses.most).to.equal(1);
    expect(statuses.all).to.be.below(answers / 2);
  });

  it('sends a few backups at a time', async () => {
    const backups = counter();
    const backup = cluster.backup.bind(cluster);
    async function* counted(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      backups.begin();
      try {
        yield* pieces;
      } finally {
        backups.end();
      }
    }
    cluster.backup = async () => counted(await backup());
    await floodFromAll('GET /api/backup HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await eventually('some have been sent', async () => backups.all >= 20);
    expect(backups.most).to.be.within(1, MAX_BACKUPS);
  });

  it('runs a few commands at a time', async () => {
    const commands = counter();
    const { inProcess } = cluster;
    const connect = inProcess.connect.bind(inProcess);
    const counted = (handlers: Parameters<typeof connect>[0]) => {
      const client = connect(handlers);
      if (client === undefined) return undefined;
      commands.begin();
      const destroy = client.destroy.bind(client);
      client.destroy = () => {
        commands.end();
        destroy();
      };
      return client;
    };
    Object.assign(inProcess, { connect: counted });
    const body = JSON.stringify({ command: 'get', key: 'k' });
    await floodFromAll(
      `POST /api/command HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await eventually('all have had some', async () => commands.all >= 5 * CONNECTIONS);
    expect(commands.most).to.be.within(1, MAX_ADMIN_CALLS);
  });

  const HEAL = 'POST /api/heal HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n';

  /** Calls `during` with what tells how many requests Node's server has seen since. */
  async function countingRequests(during: (seen: () => number) => Promise<void>): Promise<void> {
    let requests = 0;
    const count = () => {
      requests += 1;
    };
    subscribe('http.server.request.start', count);
    try {
      await during(() => requests);
    } finally {
      unsubscribe('http.server.request.start', count);
    }
  }

  it('reads no more of a connection whose call is not answered', async () => {
    cluster.heal = () => new Promise(() => {});
    await countingRequests(async (seen) => {
      const socket = await flood('');
      const pour = (error?: Error | null) => {
        if (error == null) socket.write(HEAL.repeat(REQUESTS), pour);
      };
      pour();
      await eventually('the first are read', () => seen() > 0);
      // Each turn could read as much again.
      for (let turn = 0; turn < TURNS; turn += 1) await endOfTurn(NODE_ENVIRONMENT);
      expect(seen(), 'requests').to.be.below((3 * MAX_PARSED_BYTES) / HEAL.length);
    });
  });

  it('parses a little in a turn, of however many connections', async () => {
    await countingRequests(async (seen) => {
      await Promise.all(Array.from({ length: CONNECTIONS }, () => flood(HEAL)));
      let most = 0;
      for (let before = seen(); before < 10 * CONNECTIONS; ) {
        await endOfTurn(NODE_ENVIRONMENT);
        most = Math.max(most, seen() - before);
        before = seen();
      }
      // What was put off while the connection was paused may come in the same turn.
      expect(most, 'requests in a turn').to.be.within(1, 1 + (3 * MAX_PARSED_BYTES) / HEAL.length);
    });
  });

  it('does one call of a connection at a time, and a few of all', async () => {
    await Promise.all(Array.from({ length: CONNECTIONS }, () => flood(HEAL)));
    await eventually('all have had some', async () => asked >= 10 * CONNECTIONS);
    expect(mostAtOnce).to.be.within(1, MAX_ADMIN_CALLS);
  });
});
