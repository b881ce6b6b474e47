/** More clients than the program has descriptors for, which must cost its servers neither their disks nor the CPU. */

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { freePorts } from '../../tools/support/free-ports.js';
import { cpuUsOf } from '../../tools/support/process-cpu.js';
import { Program } from '../../tools/support/program.js';
import { TextClient } from '../../tools/support/text-client.js';
import { eventually, temporaryDirectory } from '../support/cluster.js';

const MAIN = fileURLToPath(new URL('../../src/main.cjs', import.meta.url));
const DESCRIPTORS = 1024;
const CLIENTS = 1100;
const VALUE = 'x'.repeat(60_000);

describe('more idle clients than there are descriptors', function () {
  this.timeout(120_000);

  before(async function () {
    const hasPrlimit = await promisify(execFile)('prlimit', ['--version']).then(
      () => true,
      () => false,
    );
    if (!hasPrlimit) {
      process.stderr.write('prlimit is missing: no program with few descriptors is tried\n');
      this.skip();
    }
  });

  it('are refused with one line of the log, while writes go on over several segments', async () => {
    const directory = await temporaryDirectory();
    const port = await freePorts();
    const router = port + 20;
    const args = [MAIN, '--port', `${port}`, '--router-port', `${router}`, '--no-http'];
    const child = spawn(
      'prlimit',
      [`--nofile=${DESCRIPTORS}`, process.execPath, ...args, '--data-dir', directory.path],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
    const sockets: Socket[] = [];
    try {
      await once(child.stdout, 'data');
      const writer = await TextClient.connect(router);
      let told = '';
      for (let i = 0; i < CLIENTS; i += 1) {
        const socket = connect(router, '127.0.0.1');
        socket.on('error', () => undefined);
        socket.setEncoding('latin1').on('data', (text: string) => {
          told += text;
        });
        sockets.push(socket);
        if (i % 100 === 99) await once(socket, 'connect');
      }
      await eventually('some are refused', () => told.includes('-ERR max number of clients reached\r\n'));
      for (let i = 0; i < 60; i += 1)
        expect(await writer.set(`k${i}`, VALUE), `write ${i}`).to.have.property('type', 'OK');
      expect(log.match(/clients are refused/g), 'lines about it').to.have.lengthOf(1);
      expect(log).to.not.match(/EMFILE|cannot run/);
      for (const socket of sockets) socket.destroy();
      await eventually('another client is taken', async () => {
        const client = await TextClient.connect(router);
        const reply = await client.get('k0').catch(() => undefined);
        client.close();
        return reply?.type === 'VALUE';
      });
      writer.close();
    } finally {
      for (const socket of sockets) socket.destroy();
      child.kill('SIGKILL');
      await once(child, 'close');
      await directory.remove();
    }
  });

  it('are closed or wait when there is none left at all, at no cost of the CPU, and others go on', async () => {
    const program = await Program.start({ servers: 1, storage: 'memory' });
    const sockets: Socket[] = [];
    const open = async (to: number) => {
      const socket = connect(to, '127.0.0.1');
      socket.on('error', () => undefined);
      sockets.push(socket);
      await once(socket, 'connect');
    };
    try {
      const writer = await TextClient.connect(program.routerPort);
      // Its first answer loads code, which takes descriptors.
      await program.status();
      const used = (await readdir(`/proc/${program.pid}/fd`)).length;
      const limit = used + 20;
      await promisify(execFile)('prlimit', [`--pid=${program.pid}`, `--nofile=${limit}:${limit}`]);
      for (let i = 0; i < 60; i += 1)
        for (const to of [program.routerPort, program.httpPort, ...program.serverPorts]) await open(to);
      await eventually('no descriptor is left', async () => {
        return (await readdir(`/proc/${program.pid}/fd`)).length >= limit - 1;
      });
      const before = (await cpuUsOf(program.pid)) ?? 0;
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      const cpuUs = ((await cpuUsOf(program.pid)) ?? 0) - before;
      expect(cpuUs, 'µs of CPU in a second').to.be.below(500_000);
      for (let i = 0; i < 20; i += 1)
        expect(await writer.set(`k${i}`, 'v'), `write ${i}`).to.have.property('type', 'OK');
      for (const socket of sockets.splice(0)) socket.destroy();
      for (const to of [program.routerPort, ...program.serverPorts])
        await eventually(`another client is taken at ${to}`, async () => {
          const client = await TextClient.connect(to);
          const reply = await client.get('k0').catch(() => undefined);
          client.close();
          return reply?.type === 'VALUE';
        });
      await eventually('the admin API answers', async () => (await program.status()).leader === 0);
      writer.close();
    } finally {
      for (const socket of sockets) socket.destroy();
      await program.stop();
    }
  });
});
