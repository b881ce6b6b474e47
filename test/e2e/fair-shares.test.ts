/** Clients that ask for far more than can be done at once, beside one that asks for little. */

import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import {
  MAX_PENDING_COMMANDS,
  MAX_PENDING_COMMANDS_PER_CLIENT,
  MAX_UNANSWERED_BYTES,
} from '../../src/limits.js';
import { eventually, TestCluster } from '../support/cluster.js';

/** As many as one client may have unanswered. */
const MANY = Math.floor(MAX_UNANSWERED_BYTES / 'set a 0 1\r\nb\r\n'.length);

describe('a client that asks for far more than can be done at once', () => {
  let cluster: TestCluster;
  let sockets: Socket[] = [];

  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    sockets = [];
    await cluster.close();
  });

  /** A connection on which all of it is sent, and what it has received. */
  function ask(port: number, commands: string): { byteCount: number } {
    const received = { byteCount: 0 };
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      received.byteCount += bytes.byteLength;
    });
    socket.write(commands);
    sockets.push(socket);
    return received;
  }

  for (const door of ['leader', 'router'] as const) {
    for (const [what, command, reply] of [
      ['reads', 'get a\r\n', 'ERR_NOT_FOUND\r\n'],
      ['writes', 'set a 0 1\r\nb\r\n', 'OK 1\r\n'],
    ] as const) {
      it(`makes others wait for its share only: ${what} through the port of the ${door}`, async () => {
        cluster = await TestCluster.start();
        const modest = await (door === 'leader' ? cluster.leaderClient() : cluster.routerClient());
        await modest.get('k');
        const { port } = cluster.cluster.serverAddress(await cluster.leader());
        const greedy = ask(
          door === 'leader' ? port : (cluster.cluster.options.routerPort ?? 0),
          command.repeat(MANY),
        );
        await eventually('the first of very many replies', () => greedy.byteCount > 0);
        for (let round = 0; round < 3; round += 1) {
          await modest.set('k', 'v');
          await modest.get('k');
        }
        expect(greedy.byteCount, 'six commands later').to.be.below((MANY * reply.length) / 2);
      });
    }
  }

  it('has no more than its share pending at a leader without a quorum, and all of them no more than the limit', async () => {
    cluster = await TestCluster.start({ electionTimeoutMs: 2_000 });
    const leader = await cluster.leader();
    const modest = await cluster.routerClient();
    await modest.set('k', 'v');
    const { port } = cluster.cluster.serverAddress(leader);
    const pending = async () => (await cluster.cluster.measure()).servers.get(leader)?.pendingCommands ?? 0;
    const peaks: number[] = [];
    await cluster.cluster.partition([[leader]]);
    ask(port, 'delete a noreply\r\n'.repeat(2 * MAX_PENDING_COMMANDS_PER_CLIENT));
    await eventually('one has its share', async () => (await pending()) >= MAX_PENDING_COMMANDS_PER_CLIENT);
    peaks.push(await pending());
    const clients = (2 * MAX_PENDING_COMMANDS) / MAX_PENDING_COMMANDS_PER_CLIENT;
    for (let client = 0; client < clients; client += 1)
      ask(port, 'delete a noreply\r\n'.repeat(MAX_PENDING_COMMANDS_PER_CLIENT));
    await eventually('all have theirs', async () => (await pending()) >= MAX_PENDING_COMMANDS);
    peaks.push(await pending());
    expect(peaks).to.deep.equal([MAX_PENDING_COMMANDS_PER_CLIENT, MAX_PENDING_COMMANDS]);
    await cluster.cluster.heal();
    await eventually('everything is answered', async () => (await pending()) === 0);
    expect(await modest.get('k')).to.deep.equal({ type: 'VALUE', value: 'v' });
  });
});
