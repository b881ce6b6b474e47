import { spawnSync } from 'node:child_process';
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { RedisClient } from '../../tools/support/redis-client.js';
import { type Ports, programPorts, Workplace } from '../support/workplace.js';

const PASSWORD = 'open-sesame';
const VARIABLE = 'THREADRAFT_PASSWORD';

describe('The program with --password-file', () => {
  let workplace: Workplace;
  let ports: Ports;
  let file: string;

  beforeEach(async () => {
    workplace = await Workplace.open();
    ports = await programPorts();
    file = join(workplace.cwd, 'password');
    await writeFile(file, `${PASSWORD}\n`);
  });

  afterEach(() => workplace.close());

  async function auth(password: string): Promise<unknown> {
    const client = await RedisClient.connect(ports.router);
    try {
      return await client.call('AUTH', password);
    } finally {
      client.close();
    }
  }

  it('asks clients and its own subcommands for it, and reads it anew on SIGHUP', async () => {
    const program = workplace.run(...ports.args, '--memory', '-n', '1', '--password-file', file);
    await program.ready();
    expect(await auth(PASSWORD)).to.deep.equal({ simple: 'OK' });
    const target = ['--http-port', `${ports.http}`];
    const refused = workplace.run('members', 'list', ...target);
    expect((await refused.ended()).code).to.equal(1);
    expect(refused.complaints).to.have.length(1);
    const told = workplace.run('members', 'list', ...target, '--password-file', file);
    expect((await told.ended()).code, told.stderr).to.equal(0);
    const backup = workplace.run('backup', 'saved', ...target, '--password-file', file);
    expect((await backup.ended()).code, backup.stderr).to.equal(0);
    expect(await readFile(join(workplace.cwd, 'saved'), 'latin1')).not.to.contain(PASSWORD);

    await writeFile(file, 'two words\n');
    program.signal('SIGHUP');
    await program.logged('the last one stays');
    expect(await auth(PASSWORD)).to.deep.equal({ simple: 'OK' });
    await writeFile(file, 'another\r\n');
    program.signal('SIGHUP');
    await program.logged('the password was changed');
    expect(await auth('another')).to.deep.equal({ simple: 'OK' });

    const { stdout } = spawnSync('ps', ['-ef'], { encoding: 'utf8' });
    for (const secret of [PASSWORD, 'another']) {
      expect(stdout, 'ps').not.to.match(new RegExp(`threadraft.*${secret}`));
      expect(`${program.stderr}${program.stdout}`).not.to.contain(secret);
    }
    expect(await program.stop('SIGTERM')).to.equal(0);
  });

  it('serves on when the file has become a pipe, which nobody writes', async () => {
    const program = workplace.run(...ports.args, '--memory', '-n', '1', '--password-file', file);
    await program.ready();
    await rm(file);
    spawnSync('mkfifo', [file]);
    program.signal('SIGHUP');
    await program.logged('the last one stays');
    expect(await auth(PASSWORD)).to.deep.equal({ simple: 'OK' });
  });

  it('is not ended by SIGHUP while it starts', async () => {
    const program = workplace.run(...ports.args, '--memory', '-n', '1', '--password-file', file);
    await program.logged('cluster starts');
    program.signal('SIGHUP');
    await program.ready();
    await program.logged('the password was changed');
  });

  it('takes it as editors and systems leave it: with a mark before it, with a line break of any kind', async () => {
    await writeFile(file, `\uFEFF${PASSWORD}\r\n`);
    await workplace.run(...ports.args, '--memory', '-n', '1', '--password-file', file).ready();
    expect(await auth(PASSWORD)).to.deep.equal({ simple: 'OK' });
  });

  it('takes the file before the variable, and no empty variable', async () => {
    process.env[VARIABLE] = '';
    try {
      const program = workplace.run(...ports.args, '--memory', '-n', '1');
      expect((await program.ended()).code).to.equal(2);
      expect(program.complaints).to.have.length(1);
      expect(program.complaints[0]).to.contain(VARIABLE);
      process.env[VARIABLE] = 'another';
      await workplace.run(...ports.args, '--memory', '-n', '1', '--password-file', file).ready();
    } finally {
      delete process.env[VARIABLE];
    }
    expect(await auth(PASSWORD)).to.deep.equal({ simple: 'OK' });
  });

  it('takes it from THREADRAFT_PASSWORD as well', async () => {
    process.env[VARIABLE] = PASSWORD;
    try {
      await workplace.run(...ports.args, '--memory', '-n', '1').ready();
    } finally {
      delete process.env[VARIABLE];
    }
    expect(await auth(PASSWORD)).to.deep.equal({ simple: 'OK' });
  });

  it('refuses a file that is not there or holds no password, in one line without what it holds', async () => {
    const twoWords = join(workplace.cwd, 'two');
    await writeFile(twoWords, 'two secrets\n');
    await chmod(twoWords, 0o600);
    const others = {
      empty: '',
      huge: 'x'.repeat(2 ** 21),
      lines: 'two\nsecrets\n',
      latin1: Buffer.from('s\xe9crets', 'latin1'),
    };
    for (const [name, text] of Object.entries(others)) await writeFile(join(workplace.cwd, name), text);
    for (const path of ['missing', 'two', '.', '/dev/zero', ...Object.keys(others)].map((name) =>
      resolve(workplace.cwd, name),
    )) {
      const program = workplace.run(...ports.args, '--memory', '--password-file', path);
      expect((await program.ended()).code).to.equal(2);
      expect(program.complaints).to.have.length(1);
      expect(program.complaints[0])
        .to.match(/^threadraft: --password-file: /)
        .and.not.contain('secrets');
    }
  });

  it('listens beyond this machine only with a password or --insecure', async () => {
    const args = [...ports.args, '--memory', '-n', '1', '--host', '0.0.0.0'];
    const refused = workplace.run(...args);
    expect((await refused.ended()).code).to.equal(2);
    expect(refused.complaints).to.have.length(1);
    expect(refused.complaints[0]).to.match(/^threadraft: --host: .*--insecure/);
    await workplace.run(...args, '--password-file', file).ready();
  });
});
