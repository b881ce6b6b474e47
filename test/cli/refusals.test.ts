import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { type Ports, type Program, programPorts, Workplace } from '../support/workplace.js';

const run = promisify(execFile);

describe('The program, asked for what cannot be had', () => {
  let workplace: Workplace;
  let ports: Ports;

  beforeEach(async () => {
    workplace = await Workplace.open();
    ports = await programPorts();
  });

  afterEach(() => workplace.close());

  for (const { whose, offset } of [
    { whose: 'a server', offset: 2 },
    { whose: 'the last server', offset: 4 },
    { whose: 'the router', offset: 20 },
    { whose: 'the admin API', offset: 22 },
  ]) {
    it(`says in one line that the port of ${whose} is in use, and leaves nothing behind`, async () => {
      const port = ports.port + offset;
      const holder = await listen(port);
      try {
        const program = workplace.run(...ports.args);
        await expectRefusal(program, [`127.0.0.1:${port}`, 'in use']);
        expect(await workplace.files(), 'files in the working directory').to.deep.equal([]);
      } finally {
        holder.close();
      }
    });
  }

  it('says in one line that the machine has no such address', async () => {
    // Reserved for documentation: no machine has it.
    const program = workplace.run(...ports.args, '--insecure', '--host', '192.0.2.1');
    await expectRefusal(program, ['192.0.2.1', 'no such address']);
    expect(await workplace.files(), 'files in the working directory').to.deep.equal([]);
  });

  it('says in one line that another run uses the data directory, which goes on', async () => {
    const first = workplace.run(...ports.args);
    await first.ready();
    const second = workplace.run(...(await programPorts()).args);
    await expectRefusal(second, ['data directory ./data', 'in use']);
    expect(await first.stop('SIGTERM'), 'exit code of the first').to.equal(0);
  });

  it('says in one line for how many servers the data directory was made', async () => {
    const first = workplace.run(...ports.args, '-n', '3');
    await first.ready();
    await first.stop('SIGTERM');
    await expectRefusal(workplace.run(...ports.args, '-n', '5'), ['data directory ./data', '3 servers']);
    const again = workplace.run(...ports.args, '-n', '3');
    await again.ready();
  });

  it('says in one line that the data directory holds the files of somebody else', async () => {
    await writeFile(join(workplace.cwd, 'letter.txt'), 'Dear all');
    await expectRefusal(workplace.run(...ports.args, '--data-dir', '.'), ['data directory', 'letter.txt']);
    expect(await workplace.files()).to.deep.equal(['letter.txt']);
  });

  it('says in one line that the data directory is a file', async () => {
    await writeFile(join(workplace.cwd, 'data'), '');
    await expectRefusal(workplace.run(...ports.args), ['data directory ./data', 'name another directory']);
  });

  it('says in one line that the file system of a new data directory is read-only', async function () {
    const mounted = join(workplace.cwd, 'read-only');
    await mkdir(mounted);
    const isMounted = await run('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', mounted]).then(
      () => true,
      () => false,
    );
    if (!isMounted) this.skip();
    try {
      const program = workplace.run(...ports.args, '--data-dir', 'read-only/above/data');
      await expectRefusal(program, ['data directory', 'EROFS', 'the file system is read-only']);
    } finally {
      await run('umount', [mounted]);
    }
  });
});

describe('The program, on a disk that hangs', () => {
  it('says so in one line once it has waited long enough, and ends', async function () {
    if (process.platform !== 'linux') this.skip();
    const workplace = await Workplace.open();
    const directory = join(workplace.cwd, 'data');
    await mkdir(directory);
    // Whoever opens a pipe waits for a writer.
    await run('mkfifo', [join(directory, 'manifest')]);
    const program = workplace.run(...(await programPorts()).args);
    await program.ended();
    expect(program.stderr).to.match(
      /^threadraft: data directory [^\n]+ETIMEDOUT[^\n]+does not answer[^\n]+\n$/,
    );
    await workplace.close();
  }).timeout(60_000);

  it('says so, too, when it backs up, restores or rebuilds', async function () {
    if (process.platform !== 'linux') this.skip();
    const workplace = await Workplace.open();
    const path = (name: string) => join(workplace.cwd, name);
    await mkdir(path('data'));
    for (const name of ['data/manifest', 'old-backup', 'backup.partial']) await run('mkfifo', [path(name)]);
    const ports = await programPorts();
    const serving = workplace.run(...ports.args, '--data-dir', 'good', '-n', '1');
    await serving.ready();
    const runs = [
      workplace.run('backup', 'backup', '--http-port', `${ports.http}`),
      workplace.run('restore', 'old-backup', '--data-dir', 'new'),
      workplace.run('rebuild', '0'),
    ];
    for (const program of runs) {
      await program.ended();
      expect(program.stderr).to.match(/^threadraft: [^\n]+\n$/);
      expect(program.stderr).to.match(/ETIMEDOUT|has not answered for 10 s/);
    }
    await workplace.close();
  }).timeout(60_000);
});

/** The program ends with exit code 1 and says nothing but one line. */
async function expectRefusal(program: Program, words: readonly string[]): Promise<void> {
  expect(await program.ended(), 'how it ended').to.deep.equal({ code: 1, signal: null });
  expect(program.stdout, 'stdout').to.equal('');
  expect(program.stderr, 'stderr').to.match(/^threadraft: [^\n]+\n$/);
  for (const word of words) expect(program.stderr, 'stderr').to.contain(word);
}

async function listen(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
