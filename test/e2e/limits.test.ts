/** Clients and servers that go to the limits: the program's memory stays bounded, and modest clients do not notice. */

import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { MAX_UNANSWERED_BYTES, MAX_UNREAD_REPLY_BYTES } from '../../src/limits.js';
import { LEADER_WAIT_MS } from '../../src/time-limits.js';
import { http } from '../../tools/support/http.js';
import { memoryBoundBytes } from '../../tools/support/memory-bound.js';
import { Program } from '../../tools/support/program.js';
import { residentBytes } from '../../tools/support/resident-bytes.js';
import { RudeClients } from '../../tools/support/rude-clients.js';
import { TextClient } from '../../tools/support/text-client.js';
import { eventually } from '../support/cluster.js';

const SERVERS = 3;
const SNAPSHOT_LOG_BYTES = 4 * 1024 * 1024;
const RUDE_CLIENTS = 4;
const LARGE = 'v'.repeat(64 * 1024);
/** Commands of a modest client by which it is measured how long it waits. */
const MODEST_COMMANDS = 20;
/** How late an answer may be that is due at a certain time. The commands sent meanwhile would take minutes to be answered. */
const LATE_MS = 10_000;
const SAMPLE_EVERY_MS = 20;

describe('the program at its limits', function () {
  this.timeout(120_000);

  let program: Program;
  let modest: TextClient;
  let rude: RudeClients;
  let sampling: NodeJS.Timeout;
  let peakBytes: number;

  beforeEach(async () => {
    const flags = ['--snapshot-log-bytes', `${SNAPSHOT_LOG_BYTES}`, '--log-level', 'warn'];
    program = await Program.start({ servers: SERVERS, flags });
    modest = await TextClient.connect(program.routerPort);
    rude = new RudeClients();
    peakBytes = 0;
    sampling = setInterval(async () => {
      peakBytes = Math.max(peakBytes, await residentBytes(program.pid));
    }, SAMPLE_EVERY_MS);
    await modest.set('large', LARGE);
  });

  afterEach(async () => {
    clearInterval(sampling);
    rude.close();
    modest.close();
    await program.stop();
  });

  /** Bytes that the router's port has received, or sent. */
  async function routerBytes(direction: 'received' | 'sent'): Promise<number> {
    const { text } = await http(program.httpPort, 'GET /metrics');
    const line = new RegExp(`^threadraft_${direction}_bytes_total\\{port="router"\\} (\\d+)$`, 'm');
    return Number(line.exec(text)?.[1]);
  }

  /** Sets and gets, one after the other is answered. */
  async function beModest(rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round += 1) {
      expect((await modest.set('k', `${round}`)).type).to.equal('OK');
      expect((await modest.get('k')).type).to.equal('VALUE');
    }
  }

  function expectMemoryBelow(boundBytes: number): void {
    expect(peakBytes, 'resident memory').to.be.within(1, boundBytes);
  }

  it('reads no more than the limit of clients that never read, and serves others', async () => {
    await beModest(50);
    const beforeBytes = peakBytes;
    const commands = 'get large\r\n'.repeat(1_000);
    await rude.open({ port: program.routerPort, clients: RUDE_CLIENTS, commands, reads: false });
    await eventually('nothing more is read of them', async () => {
      const before = await routerBytes('received');
      await beModest(20);
      return (await routerBytes('received')) - before < commands.length;
    });
    const limit = RUDE_CLIENTS * MAX_UNANSWERED_BYTES;
    expect(await routerBytes('received')).to.be.within(commands.length, limit + RUDE_CLIENTS * 1024 * 1024);
    const copies = 4 * MAX_UNANSWERED_BYTES + MAX_UNREAD_REPLY_BYTES;
    expectMemoryBelow(beforeBytes + 1.5 * RUDE_CLIENTS * copies);
    expect(rude.disconnected).to.equal(0);
  });

  for (const [what, commands] of [
    ['many small', 'set rude 0 1 noreply\r\nv\r\n'.repeat(1_000)],
    ['large', `set rude 0 ${LARGE.length}\r\n${LARGE}\r\n`],
  ] as const) {
    it(`serves others beside clients that send ${what} writes for ever and never read`, async () => {
      await rude.open({ port: program.routerPort, clients: RUDE_CLIENTS, commands, reads: false });
      const full = RUDE_CLIENTS * MAX_UNANSWERED_BYTES;
      await eventually(
        'all that they may have unanswered',
        async () => (await routerBytes('received')) >= full,
      );
      // From now on, what is taken of them is as much as was answered. They have half of `full` or more unanswered at any time:
      // served in the order in which commands came in, each answer would come that much later.
      const before = await routerBytes('received');
      await beModest(MODEST_COMMANDS / 2);
      const taken = ((await routerBytes('received')) - before) / MODEST_COMMANDS;
      expect(taken, 'bytes of others, for each answer').to.be.below(full / 4);
      expectMemoryBelow(
        memoryBoundBytes({
          servers: SERVERS,
          greedyClients: RUDE_CLIENTS,
        }),
      );
    });
  }

  it('tells others in time that there is no quorum, whatever is sent meanwhile', async () => {
    await program.partition([[0], [1], [2]]);
    const commands = 'set rude 0 1\r\nv\r\nget rude\r\n'.repeat(500);
    for (const port of [program.routerPort, ...program.serverPorts])
      await rude.open({ port, clients: RUDE_CLIENTS, commands, reads: true });
    for (const ask of [() => modest.set('k', 'v'), () => modest.get('k')]) {
      const sentMs = performance.now();
      expect((await ask()).type).to.equal('ERR_INTERNAL');
      expect(performance.now() - sentMs, 'ms until the answer').to.be.below(LEADER_WAIT_MS + LATE_MS);
    }
    await program.heal();
    await program.leader();
    rude.close();
    await eventually('writes are taken again', async () => (await modest.set('k', 'v')).type === 'OK');
    expectMemoryBelow(
      memoryBoundBytes({
        servers: SERVERS,
        greedyClients: RUDE_CLIENTS * (SERVERS + 1),
      }),
    );
  });

  it('keeps no more for a follower that stands still than for one that does not, and lets it catch up', async () => {
    const follower = ((await program.leader()) + 1) % SERVERS;
    const before = (await program.status()).servers[follower]?.lastApplied ?? 0;
    let isPaused = true;
    const paused = program.pauseServer(follower, 3_000).then(() => {
      isPaused = false;
    });
    const commands = `set rude 0 1024\r\n${'v'.repeat(1024)}\r\n`.repeat(16);
    await rude.open({ port: program.routerPort, clients: RUDE_CLIENTS, commands, reads: true });
    while (isPaused) await beModest(1);
    await paused;
    rude.close();
    await program.waitFor('the follower has caught up', ({ leader, servers }) => {
      const applied = servers[follower]?.lastApplied ?? 0;
      return applied > before && applied >= (servers[leader ?? -1]?.commitIndex ?? Number.POSITIVE_INFINITY);
    });
    expectMemoryBelow(
      memoryBoundBytes({
        servers: SERVERS,
        greedyClients: RUDE_CLIENTS,
      }),
    );
  });

  it('needs little for connections that are idle', async () => {
    const count = 1_000;
    await beModest(200);
    const beforeBytes = await residentBytes(program.pid);
    const idle: Socket[] = [];
    try {
      while (idle.length < count) {
        const socket = connect(program.routerPort, '127.0.0.1');
        idle.push(socket);
        socket.write('get large\r\n');
        await new Promise<void>((resolve, reject) => {
          let byteCount = 0;
          socket.once('error', reject);
          socket.on('data', (bytes) => {
            byteCount += bytes.byteLength;
            if (byteCount > LARGE.length) resolve();
          });
        });
      }
      await beModest(20);
      const perConnection = ((await residentBytes(program.pid)) - beforeBytes) / count;
      expect(perConnection, 'bytes').to.be.below(64 * 1024);
    } finally {
      for (const socket of idle) socket.destroy();
    }
  });
});

describe('the program whose log holds large values', function () {
  this.timeout(300_000);
  const MIB = 1024 * 1024;
  /** Less than makes a snapshot due, which would let the log go. */
  const SENT_BYTES = 300 * MIB;
  const PATIENCE_MS = 200_000;

  it('takes what one client pipelines of them in bounded memory', async () => {
    const flags = ['--snapshot-log-bytes', `${4 * SENT_BYTES}`, '--log-level', 'warn'];
    const program = await Program.start({ servers: SERVERS, flags });
    const rude = new RudeClients();
    let peakBytes = 0;
    try {
      const commands = `set k 0 ${MIB}\r\n${'v'.repeat(MIB)}\r\n`;
      await rude.open({ port: program.routerPort, clients: 1, commands, reads: true });
      await eventually(
        'much was sent',
        async () => {
          peakBytes = Math.max(peakBytes, await residentBytes(program.pid));
          const { text } = await http(program.httpPort, 'GET /metrics');
          const [, received] = /^threadraft_received_bytes_total\{port="router"\} (\d+)$/m.exec(text) ?? [];
          return Number(received) > SENT_BYTES;
        },
        PATIENCE_MS,
      );
      expect(rude.disconnected).to.equal(0);
      const boundBytes = memoryBoundBytes({ servers: SERVERS, greedyClients: 1, storeBytes: 2 * MIB });
      expect(peakBytes, 'resident memory').to.be.within(1, boundBytes);
      // What it took in would be more, or this would show nothing.
      expect(SERVERS * SENT_BYTES).to.be.above(boundBytes);
    } finally {
      rude.close();
      await program.kill();
    }
  });
});
