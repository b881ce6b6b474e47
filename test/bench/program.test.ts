import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Program, ProgramError } from '../../tools/support/program.js';
import { TextClient } from '../../tools/support/text-client.js';
import { FAILING_PROGRAM, KEEPING_PROGRAM, LAME_PROGRAM, SILENT_PROGRAM } from './fixtures/entries.js';

describe('Program', () => {
  let program: Program | undefined;

  afterEach(async () => {
    await program?.kill();
    program = undefined;
  });

  it('resolves once the program is ready, and knows its ports', async () => {
    program = await Program.start({ entry: KEEPING_PROGRAM, servers: 5 });
    const { leader, servers } = await program.status();
    expect(leader).to.equal(0);
    expect(servers.map(({ port }) => port)).to.deep.equal(program.serverPorts);
    expect(program.serverPorts).to.have.length(5);
  });

  it('lets clients in through every port', async () => {
    program = await Program.start({ entry: KEEPING_PROGRAM });
    for (const port of [...program.serverPorts, program.routerPort]) {
      const client = await TextClient.connect(port);
      expect((await client.get('nothing')).type).to.be.oneOf(['ERR_NOT_FOUND', 'ERR_REDIRECT']);
      client.close();
    }
  });

  it('kills the leader, sees another, and restarts it', async () => {
    program = await Program.start({ entry: KEEPING_PROGRAM });
    await program.killServer(0);
    expect(await program.leader()).to.equal(1);
    await program.restartServer(0);
    await program.waitFor('server 0', ({ servers }) => servers[0]?.state === 'running');
  });

  it('says what was awaited in vain', async () => {
    program = await Program.start({ entry: KEEPING_PROGRAM });
    const error = await rejection(program.waitFor('a flying pig', () => undefined, 1));
    expect(error.message).to.match(/^a flying pig: not so within 1 ms: \{"leader":0/);
  });

  it('passes on why the admin API refused', async () => {
    program = await Program.start({ entry: KEEPING_PROGRAM });
    const error = await rejection(program.restartServer(0));
    expect(error.message).to.include('409').and.include('server 0 runs already');
  });

  it('stops the program by SIGTERM, and twice is as good as once', async () => {
    program = await Program.start({ entry: KEEPING_PROGRAM });
    await program.stop();
    await program.stop();
    expect(program.hasExited).to.equal(true);
  });

  it('takes a stop after a kill for granted', async () => {
    program = await Program.start({ entry: KEEPING_PROGRAM });
    await program.kill();
    await program.stop();
    expect(program.hasExited).to.equal(true);
  });

  it('leaves a given data directory where it is', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'threadraft-test-'));
    program = await Program.start({ entry: KEEPING_PROGRAM, storage: { dataDir } });
    await program.stop();
    expect(existsSync(dataDir)).to.equal(true);
    await rm(dataDir, { recursive: true });
  });

  it('tells in one line why the program did not start', async () => {
    const error = await rejection(Program.start({ entry: FAILING_PROGRAM }));
    expect(error).to.be.instanceOf(ProgramError);
    expect(error.message).to.equal(
      'the program ended with exit code 1 before it was ready: fake: error: the port is taken',
    );
  });

  it('does not take a program for ready that lacks a server', async () => {
    const error = await rejection(Program.start({ entry: LAME_PROGRAM }));
    expect(error.message).to.match(/^the program runs without one of its servers: .*its disk is lost$/);
  });

  it('does not wait without end for a program that never gets ready', async () => {
    const error = await rejection(Program.start({ entry: SILENT_PROGRAM, readyTimeoutMs: 100 }));
    expect(error.message).to.equal('the program was not ready within 100 ms');
  });
});

async function rejection(promise: Promise<unknown>): Promise<Error> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof Error) return error;
  throw new Error('it was expected to reject');
}
