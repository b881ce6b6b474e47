/** A disk that hangs for real: a call of it is stuck in a thread of libuv's pool, since it opens a pipe that nobody reads. */

import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { type FileHandle, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { MAX_UNCOMMITTED_BYTES } from '../../src/limits.js';
import { MAX_SIGNAL_END_MS } from '../../src/time-limits.js';
import { measureInBeats } from '../../tools/support/beats.js';
import { http } from '../../tools/support/http.js';
import { Program } from '../../tools/support/program.js';
import { TextClient } from '../../tools/support/text-client.js';
import { eventually, temporaryDirectory } from '../support/cluster.js';

/** In beats, so whatever else the machine does. */
const SOON_MS = MAX_SIGNAL_END_MS;
const VALUE = 'x'.repeat(60_000);
const NO_ANSWER_MS = 200;
const HALF_A_SEGMENT_BYTES = 600_000;

/** The next segment of the server's log cannot be made, and what is written waits for it. Returns the path to open it by. */
async function hang(dataDir: string, id: number): Promise<string> {
  const pipe = join(dataDir, `server-${id}`, 'log', '00000002.segment.partial');
  await promisify(execFile)('mkfifo', [pipe]);
  return pipe;
}

describe('a leader whose disk hangs', function () {
  this.timeout(120_000);
  let directory: { path: string; remove: () => Promise<void> };
  let program: Program;
  let client: TextClient;
  let leader: number;
  let pipe: string;

  before(function () {
    if (process.platform !== 'linux') this.skip();
  });

  beforeEach(async () => {
    directory = await temporaryDirectory();
    program = await Program.start({ storage: { dataDir: directory.path } });
    leader = (await program.status()).leader ?? 0;
    pipe = await hang(directory.path, leader);
    client = await TextClient.connect(program.routerPort);
    for (let i = 0; i < 40; i += 1)
      expect(await client.set(`k${i}`, VALUE), `write ${i}`).to.have.property('type', 'OK');
    await eventually('another one leads', async () => {
      const now = (await program.status()).leader;
      return now !== null && now !== leader;
    });
  });

  afterEach(async () => {
    client.close();
    await program.kill();
    await directory.remove();
  });

  async function ask(call: string): Promise<{ status: number; text: string; tookMs: number }> {
    const { result, ms } = await measureInBeats(http(program.httpPort, call));
    return { ...result, tookMs: ms };
  }

  it('hands over so that no write fails, and tells everywhere', async () => {
    expect((await ask('GET /api/status')).text).to.match(/its disk has not answered for \d/);
    expect((await ask('GET /healthz')).text).to.match(/its disk has not answered for \d/);
    const { text } = await ask('GET /metrics');
    expect(text).to.match(new RegExp(`disk_stalled_seconds{server="${leader}"} [0-9.]*[1-9]`));
    expect(program.stderrTail).to.include('disk does not answer');
  });

  it('is killed at once, is not restarted before its disk answers, and is then', async () => {
    const kill = await ask(`POST /api/servers/${leader}/kill`);
    expect(kill.status).to.equal(200);
    expect(kill.tookMs).to.be.below(SOON_MS);
    expect((await ask('GET /api/status')).text).to.include('ending, its disk does not answer');
    const restart = await ask(`POST /api/servers/${leader}/restart`);
    expect(restart.status).to.equal(409);
    expect(restart.tookMs).to.be.below(SOON_MS);
    const other = [0, 1, 2].find((id) => id !== leader) ?? 0;
    expect((await ask(`POST /api/servers/${other}/kill`)).status, 'another is killed').to.equal(200);
    expect((await ask(`POST /api/servers/${other}/restart`)).status, 'and restarted').to.equal(200);
    const reader = await open(pipe, 'r');
    await reader.close();
    await eventually('it can be restarted', async () => {
      return (await ask(`POST /api/servers/${leader}/restart`)).status === 200;
    });
  });

  it('does not keep the program from ending', async () => {
    process.kill(program.pid, 'SIGTERM');
    expect((await measureInBeats(program.exited)).ms).to.be.below(SOON_MS);
    expect(program.stderrTail).to.match(/the disk of server \d does not answer: ending without it\s*$/);
  });
});

describe('a leader whose disk hangs under load', function () {
  this.timeout(120_000);
  const CLIENTS = 16;
  /** Together they are more than one entry takes, so that there is always a next entry to propose. */
  const PIPELINED = 8;

  it('hands over, and has proposed no more than its memory has room for', async function () {
    if (process.platform !== 'linux') this.skip();
    const directory = await temporaryDirectory();
    const program = await Program.start({ storage: { dataDir: directory.path } });
    const clients: TextClient[] = [];
    try {
      const leader = (await program.status()).leader ?? 0;
      await hang(directory.path, leader);
      let isOver = false;
      const load = async (id: number) => {
        const client = await TextClient.connect(program.routerPort);
        clients.push(client);
        const go = async () => {
          while (!isOver) await client.set(`k${id}`, VALUE);
        };
        await Promise.all(Array.from({ length: PIPELINED }, go));
      };
      const loads = Array.from({ length: CLIENTS }, (_, id) => load(id));
      await eventually('another one leads', async () => {
        const now = (await program.status()).leader;
        return now !== null && now !== leader;
      });
      isOver = true;
      await Promise.all(loads);
      const { text } = await http(program.httpPort, 'GET /metrics');
      const [, proposed] =
        new RegExp(`raft_proposed_bytes_total{server="${leader}"} (\\d+)`).exec(text) ?? [];
      expect(Number(proposed)).to.be.within(HALF_A_SEGMENT_BYTES, 2 * MAX_UNCOMMITTED_BYTES);
    } finally {
      for (const client of clients) client.close();
      await program.kill();
      await directory.remove();
    }
  });
});

describe('a leader whose disk hangs while it reads a snapshot for a follower', function () {
  this.timeout(120_000);
  const ELECTION_TIMEOUT_MS = 1_000;

  it('leads on, and serves its clients', async function () {
    if (process.platform !== 'linux') this.skip();
    const directory = await temporaryDirectory();
    const flags = [
      '--snapshot-log-bytes',
      `${4 * VALUE.length}`,
      '--election-timeout',
      `${ELECTION_TIMEOUT_MS}`,
    ];
    const program = await Program.start({ storage: { dataDir: directory.path }, flags });
    let writer: FileHandle | undefined;
    try {
      const leader = (await program.status()).leader ?? 0;
      const away = (leader + 1) % 3;
      await http(program.httpPort, `POST /api/servers/${away}/kill`);
      const client = await TextClient.connect(program.routerPort);
      const snapshots = join(directory.path, `server-${leader}`, 'snapshots');
      const isWhole = (name: string) => name.endsWith('.snapshot');
      const names = async () => (await readdir(snapshots)).filter(isWhole);
      // The file of one is not opened before it is first read.
      await eventually('there are two snapshots', async () => {
        await client.set('k', VALUE);
        return (await names()).length === 2;
      });
      for (const name of await names()) {
        await rm(join(snapshots, name));
        await promisify(execFile)('mkfifo', [join(snapshots, name)]);
      }
      await http(program.httpPort, `POST /api/servers/${away}/restart`);
      const endMs = performance.now() + 3 * ELECTION_TIMEOUT_MS;
      while (performance.now() < endMs) {
        expect(await client.set('other', 'x')).to.have.property('type', 'OK');
        expect((await program.status()).leader).to.equal(leader);
      }
      await eventually('the leader waits for a snapshot', async () => {
        for (const name of await names()) writer ??= await openIfRead(join(snapshots, name));
        return writer !== undefined;
      });
      client.close();
    } finally {
      await program.kill();
      await writer?.close();
      await directory.remove();
    }
  });

  /** A pipe can be opened like that while somebody opens it to read, and waits. */
  function openIfRead(pipe: string): Promise<FileHandle | undefined> {
    return open(pipe, constants.O_WRONLY | constants.O_NONBLOCK).catch(() => undefined);
  }
});

describe('a disk that has hung for less than an election timeout', function () {
  this.timeout(120_000);
  let directory: { path: string; remove: () => Promise<void> };

  before(function () {
    if (process.platform !== 'linux') this.skip();
  });
  beforeEach(async () => {
    directory = await temporaryDirectory();
  });
  afterEach(() => directory.remove());

  for (const [when, isWriteUnanswered] of [
    ['while a write waits for it', true],
    ['while nothing does', false],
  ] as const) {
    it(`does not keep the program from ending ${when}`, async () => {
      // The next segment is made once the first one is half full.
      const program = await Program.start({
        storage: { dataDir: directory.path },
        flags: ['--election-timeout', '1000'],
      });
      try {
        const { leader } = await program.status();
        await hang(directory.path, leader ?? 0);
        const client = await TextClient.connect(program.routerPort);
        let unanswered: Promise<unknown> | undefined;
        for (let bytes = 0; unanswered === undefined; bytes += VALUE.length) {
          const reply = client.set('k', VALUE).catch(() => undefined);
          const isAnswered = await Promise.race([reply.then(() => true), pause(NO_ANSWER_MS, false)]);
          if (!isAnswered || (!isWriteUnanswered && bytes > HALF_A_SEGMENT_BYTES)) unanswered = reply;
        }
        process.kill(program.pid, 'SIGTERM');
        expect((await measureInBeats(program.exited)).ms).to.be.below(SOON_MS);
        client.close();
        await unanswered;
      } finally {
        await program.kill();
      }
    });
  }
});
