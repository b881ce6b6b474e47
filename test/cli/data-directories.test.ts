import { execFile } from 'node:child_process';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { type HttpReply, http } from '../../tools/support/http.js';
import { TextClient } from '../../tools/support/text-client.js';
import { type Ports, type Program, programPorts, Workplace } from '../support/workplace.js';

const exec = promisify(execFile);
const DIRECTORIES = ['a', 'b', 'c'].flatMap((name) => ['--data-dir', name]);

describe('The program with a data directory for each server', function () {
  this.timeout(60_000);
  let workplace: Workplace;
  let ports: Ports;

  beforeEach(async () => {
    workplace = await Workplace.open();
    ports = await programPorts();
  });
  afterEach(() => workplace.close());

  function run(...args: string[]): Program {
    return workplace.run(...ports.args, ...DIRECTORIES, '--log-level', 'warn', ...args);
  }

  function path(...names: string[]): string {
    return join(workplace.cwd, ...names);
  }

  async function setAndStop(program: Program, key: string): Promise<void> {
    await program.ready();
    const client = await TextClient.connect(ports.router);
    expect(await client.set(key, 'v')).to.have.property('type', 'OK');
    client.close();
    expect(await program.stop('SIGTERM')).to.equal(0);
  }

  async function ask(path: string): Promise<string> {
    return (await fetch(`http://127.0.0.1:${ports.http}${path}`)).text();
  }

  /** What the dashboard is sent first of how the cluster looks. */
  async function firstFrame(): Promise<string> {
    const { body } = await fetch(`http://127.0.0.1:${ports.http}/api/live`);
    if (body === null) throw new Error('nothing is sent');
    let text = '';
    for await (const piece of body) {
      text += Buffer.from(piece).toString();
      const frame = /event: frame\ndata: (.*)\n\n/.exec(text)?.[1];
      if (frame !== undefined) return frame;
    }
    throw new Error('the stream has ended');
  }

  async function restart(id: number): Promise<{ readonly status: number; readonly text: string }> {
    const response = await fetch(`http://127.0.0.1:${ports.http}/api/servers/${id}/restart`, {
      method: 'POST',
    });
    return { status: response.status, text: await response.text() };
  }

  function replace(id: number, dataDir?: string): Promise<HttpReply> {
    const body = dataDir === undefined ? {} : { body: JSON.stringify({ dataDir }) };
    return http(ports.http, `POST /api/servers/${id}/replace`, body);
  }

  it('serves without the one that is lost, says so everywhere, and takes it back', async () => {
    await setAndStop(run(), 'k');
    await rename(path('b'), path('away'));
    const program = run();
    const ready = await program.ready();
    expect(ready.down).to.equal('1');
    expect(program.complaints).to.have.length(1);
    expect(program.complaints[0]).to.match(
      /^threadraft: server 1 is down, the others serve: data directory b is missing: bring its disk back/,
    );
    expect(program.stderr).to.include('server cannot run');
    expect(JSON.parse(await ask('/healthz'))).to.deep.include({ leader: ready.leader });
    for (const page of ['/healthz', '/api/status'])
      expect(await ask(page)).to.include('directory b is missing');
    expect(await ask('/metrics')).to.include('threadraft_disk_failed{server="1"} 1');
    expect(await firstFrame()).to.include('"reason":"data directory b is missing');
    const client = await TextClient.connect(ports.router);
    expect(await client.get('k')).to.deep.equal({ type: 'VALUE', value: 'v' });
    expect(await restart(1))
      .to.have.property('text')
      .that.includes('directory b is missing');
    await mkdir(path('b'));
    expect(await restart(1))
      .to.have.property('text')
      .that.includes('directory b has lost its data');
    await rm(path('b'), { recursive: true });
    await rename(path('away'), path('b'));
    expect(await restart(1)).to.have.property('status', 200);
    expect(await ask('/healthz')).not.to.include('troubles');
    expect(await ask('/metrics')).to.include('threadraft_disk_failed{server="1"} 0');
    client.close();
  });

  it('says why a server is down whose files are gone while it runs, and serves', async () => {
    await setAndStop(run(), 'k');
    const program = run();
    await program.ready();
    await rm(path('b'), { recursive: true });
    await fetch(`http://127.0.0.1:${ports.http}/api/servers/1/kill`, { method: 'POST' });
    expect(await restart(1))
      .to.have.property('text')
      .that.includes('has lost its data');
    expect(await ask('/healthz')).to.include('has lost its data');
    expect(await ask('/metrics')).to.include('threadraft_disk_failed{server="1"} 1');
    const client = await TextClient.connect(ports.router);
    expect(await client.set('k', 'w')).to.have.property('type', 'OK');
    client.close();
  });

  it('serves without the one whose file system has become read-only, and has it replaced on another', async function () {
    await mkdir(path('b'));
    const mount = (...options: string[]) =>
      exec('mount', ['-t', 'tmpfs', '-o', ...options, 'tmpfs', path('b')]).then(
        () => true,
        () => false,
      );
    if (!(await mount('size=64m'))) this.skip();
    try {
      await setAndStop(run(), 'k');
      expect(await mount('remount,ro'), 'it is read-only').to.equal(true);
      const program = run();
      expect((await program.ready()).down).to.equal('1');
      expect(program.complaints[0]).to.match(
        /server 1 is down, .*b cannot be used \(EROFS.*: the file system is read-only: make it writable and restart/,
      );
      const refused = await replace(1);
      expect(refused).to.have.property('status', 409);
      expect(refused.text).to.match(/b: cannot be used \(EROFS\): .*, or name another directory/);
      expect(await replace(1, path('new'))).to.have.property('status', 200);
      expect(await ask('/healthz')).not.to.include('troubles');
      expect(await program.stop('SIGTERM')).to.equal(0);
    } finally {
      await exec('umount', [path('b')]);
    }
  });

  it('has another server take the place of one whose directory is gone, while clients are served', async () => {
    await setAndStop(run(), 'k');
    await rm(path('b'), { recursive: true });
    const program = run();
    expect((await program.ready()).down).to.equal('1');
    expect(program.complaints[0]).to.match(/^threadraft: server 1 is down, .*"threadraft members replace 1"/);
    const client = await TextClient.connect(ports.router);
    expect(await replace(1)).to.have.property('status', 200);
    expect(await client.get('k')).to.deep.equal({ type: 'VALUE', value: 'v' });
    expect(await ask('/healthz')).not.to.include('troubles');
    expect(await ask('/metrics')).to.include('threadraft_disk_failed{server="1"} 0');
    client.close();
    expect(await program.stop('SIGTERM')).to.equal(0);
    expect((await run().ready()).down).to.equal(undefined);
  });

  it('finds servers that were added or replaced on other disks, whether they are named or not', async () => {
    const first = run();
    await first.ready();
    const added = await http(ports.http, 'POST /api/servers', {
      body: JSON.stringify({ dataDir: path('d') }),
    });
    expect(added).to.have.property('status', 200);
    expect(await replace(0, path('e'))).to.have.property('status', 200);
    // It leads on to the others, and holds nothing else.
    expect((await readdir(path('a'))).sort()).to.deep.equal(['lock', 'manifest']);
    await setAndStop(first, 'k');
    for (const names of [
      ['a', 'b', 'c'],
      ['e', 'b', 'c', 'd'],
    ]) {
      const program = workplace.run(
        ...ports.args,
        ...names.flatMap((name) => ['--data-dir', name]),
        '--log-level',
        'warn',
      );
      const { down, servers } = await program.ready();
      expect(down).to.equal(undefined);
      expect(servers).to.have.length(4);
      expect(await program.stop('SIGTERM')).to.equal(0);
    }
  });

  it('serves as well without the directory of one server in that of all', async () => {
    const together = [...ports.args, '--log-level', 'warn'];
    await setAndStop(workplace.run(...together), 'k');
    await rm(path('data', 'server-2'), { recursive: true });
    const program = workplace.run(...together);
    expect((await program.ready()).down).to.equal('2');
    expect(program.complaints[0]).to.match(/^threadraft: server 2 is down, .*server-2 has lost its data/);
    await program.stop('SIGTERM');
    await rm(path('data', 'server-1'), { recursive: true });
    const refused = workplace.run(...together, '--log-level', 'silent');
    expect(await refused.ended()).to.deep.equal({ code: 1, signal: null });
    expect(refused.stderr).to.match(/^threadraft: server [12] did not start: .* has lost its data[^\n]*\n$/);
  });

  it('is refused when most are lost, in one line', async () => {
    await setAndStop(run(), 'k');
    for (const name of ['a', 'c']) await rm(path(name), { recursive: true });
    const program = run();
    expect(await program.ended()).to.deep.equal({ code: 1, signal: null });
    expect(program.stderr).to.match(/^threadraft: data directory a: is lost, and so are c: [^\n]*\n$/);
    expect(await workplace.files()).to.deep.equal(['b']);
  });

  it('rebuilds the lost one with the same options, and starts with all', async () => {
    await setAndStop(run(), 'k');
    await rm(path('b'), { recursive: true });
    await setAndStop(run(), 'l');
    const rebuilding = workplace.run('rebuild', '1', ...DIRECTORIES);
    expect(await rebuilding.ended(), rebuilding.stderr).to.deep.equal({ code: 0, signal: null });
    const program = run();
    expect((await program.ready()).down).to.equal(undefined);
    const client = await TextClient.connect(ports.router);
    for (const key of ['k', 'l']) expect(await client.get(key)).to.have.property('type', 'VALUE');
    client.close();
  });

  it('restores a backup to one for each, and leaves nothing behind when it cannot', async () => {
    const first = run();
    await first.ready();
    const client = await TextClient.connect(ports.router);
    await client.set('k', 'v');
    client.close();
    const backup = workplace.run('backup', 'file', '--http-port', `${ports.http}`);
    expect(await backup.ended()).to.deep.equal({ code: 0, signal: null });
    expect(await first.stop('SIGTERM')).to.equal(0);
    const names = ['d', 'e', 'f'].flatMap((name) => ['--data-dir', name]);
    const refused = workplace.run('restore', 'file', ...names.slice(0, 4), '--data-dir', 'a');
    expect(await refused.ended()).to.deep.equal({ code: 1, signal: null });
    expect(refused.stderr).to.match(/^threadraft: data directory a: is not empty: name a new directory\n$/);
    expect(await workplace.files()).to.have.members(['a', 'b', 'c', 'file']);
    const restored = workplace.run('restore', 'file', ...names);
    expect(await restored.ended(), restored.stderr).to.deep.equal({ code: 0, signal: null });
    expect(restored.stdout).to.equal('restore file: 1 keys in d, e, f; start with -n 3\n');
    const second = workplace.run(...ports.args, ...names);
    await second.ready();
    const reader = await TextClient.connect(ports.router);
    expect(await reader.get('k')).to.deep.equal({ type: 'VALUE', value: 'v' });
    reader.close();
  });
});
