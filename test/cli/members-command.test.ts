import { readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { isOpen } from '../../tools/support/free-ports.js';
import { http } from '../../tools/support/http.js';
import { TextClient } from '../../tools/support/text-client.js';
import { eventually, WAIT_TIMEOUT_MS } from '../support/cluster.js';
import { type Ports, type Program, programPorts, Workplace } from '../support/workplace.js';

/** When the program is killed, in ms after a change was asked for. */
const MOMENTS = [0, 10, 30, 60, 100, 150, 200, 300];

describe('The members of a running program', function () {
  this.timeout(3 * WAIT_TIMEOUT_MS);
  let workplace: Workplace;
  let ports: Ports;

  beforeEach(async () => {
    workplace = await Workplace.open();
    ports = await programPorts();
  });

  afterEach(() => workplace.close());

  /** What `threadraft members` with these arguments prints. */
  async function members(...args: string[]): Promise<string> {
    const program = workplace.run('members', ...args, '--http-port', `${ports.http}`);
    const { code } = await program.ended();
    return code === 0 ? program.stdout.trim() : program.stderr.trim();
  }

  async function memberIds(): Promise<{ readonly text: string; readonly ids: number[] }> {
    const { text } = await http(ports.http, 'GET /api/members');
    const { text: status } = await http(ports.http, 'GET /api/status');
    const ids = [...status.matchAll(/"id":(\d+)/g)].map(([, id]) => Number(id));
    return { text, ids };
  }

  it('are listed, added and removed by the command line', async () => {
    await workplace.run(...ports.args, '-n', '1').ready();
    expect(await members('list')).to.equal('voters=0');
    expect(await members('add')).to.equal('voters=0,1');
    expect(await members('add')).to.equal('voters=0,1,2');
    expect(await isOpen(ports.port + 4), 'the port of server 2').to.equal(true);
    expect(await members('lead', '2')).to.equal('server 2 leads');
    expect(await members('remove', '2')).to.equal('voters=0,1');
    expect(await isOpen(ports.port + 4), 'the port of server 2').to.equal(false);
    expect(await members('remove', '7')).to.match(/^threadraft: there is no server 7: there are 0, 1$/);
  });

  it('are changed by a command that is named, else one line says which there are', async () => {
    const without = workplace.run('members');
    expect(await without.ended()).to.deep.equal({ code: 2, signal: null });
    expect(without.stderr).to.equal(
      'threadraft: members: name what to do, one of list, add, remove, replace, lead; see members --help\n',
    );
    const unknown = workplace.run('members', 'grow');
    expect(await unknown.ended()).to.deep.equal({ code: 2, signal: null });
    expect(unknown.stderr).to.match(/^threadraft: grow: is no option and no command; see --help\n$/);
    const help = workplace.run('members', '--help');
    expect(await help.ended()).to.deep.equal({ code: 0, signal: null });
    expect(help.stdout).to.include('replace [options] <id>');
  });

  it('are replaced by the command line, also one whose files are gone', async () => {
    const first = workplace.run(...ports.args, '-n', '3');
    await first.ready();
    const client = await TextClient.connect(ports.router);
    await client.set('k', 'v');
    client.close();
    expect(await members('replace', '0')).to.equal('voters=0,1,2');
    await first.stop('SIGTERM');
    await rm(join(workplace.cwd, 'data', 'server-1'), { recursive: true });
    const program = workplace.run(...ports.args);
    expect((await program.ready()).down).to.equal('1');
    expect(program.complaints[0]).to.match(
      /server 1 is down, .*server-1 has lost its data: .*"threadraft members replace"/,
    );
    expect(await members('replace', '1', '--data-dir', 'x')).to.match(
      /^threadraft: data directory \.\/data: is that of all/,
    );
    expect(await members('replace', '1')).to.equal('voters=0,1,2');
    expect(await workplace.files()).to.deep.equal(['data']);
    expect((await readdir(join(workplace.cwd, 'data'))).sort()).to.deep.equal([
      'lock',
      'manifest',
      'server-2',
      'server-3',
      'server-4',
    ]);
    const { text } = await http(ports.http, 'GET /healthz');
    expect(text).not.to.include('troubles');
  });

  it('are refused one more while its port is taken, before anything changes', async () => {
    await workplace.run(...ports.args, '-n', '1').ready();
    const other = createServer().listen(ports.port + 2, '127.0.0.1');
    try {
      const { status, text } = await http(ports.http, 'POST /api/servers');
      expect(text).to.match(/^\{"error":".*in use/);
      expect(status).to.equal(409);
      expect(await members('list')).to.equal('voters=0');
    } finally {
      other.close();
    }
    expect(await members('add')).to.equal('voters=0,1');
  });

  it('are those before or after a change that SIGKILL cut off, and nothing is lost', async () => {
    let program: Program = workplace.run(...ports.args, '-n', '1');
    await program.ready();
    let isGrowing = true;
    for (const [round, moment] of MOMENTS.entries()) {
      const client = await TextClient.connect(ports.router);
      expect(await client.set(`k${round}`, 'kept')).to.have.property('type', 'OK');
      const { ids } = await memberIds();
      isGrowing = ids.length === 1 || (isGrowing && ids.length < 3);
      const call = isGrowing ? 'POST /api/servers' : `DELETE /api/servers/${ids[0]}`;
      const change = http(ports.http, call).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, moment));
      await program.kill();
      await change;
      client.close();

      program = workplace.run(...ports.args);
      await program.ready();
      await eventually(`members are settled after ${call}, killed after ${moment} ms`, async () => {
        const { text, ids: left } = await memberIds();
        return text.includes(`"voters":[${left}],"learners":[],"change":null`);
      });
      const reader = await TextClient.connect(ports.router);
      for (let earlier = 0; earlier <= round; earlier += 1)
        expect(await reader.get(`k${earlier}`)).to.deep.equal({ type: 'VALUE', value: 'kept' });
      reader.close();
    }
  });

  it('are those before or after a replacement that SIGKILL cut off, and nothing is lost', async () => {
    let program: Program = workplace.run(...ports.args, '-n', '3');
    await program.ready();
    for (const [round, moment] of MOMENTS.entries()) {
      const client = await TextClient.connect(ports.router);
      expect(await client.set(`k${round}`, 'kept')).to.have.property('type', 'OK');
      const change = http(ports.http, `POST /api/servers/${round % 3}/replace`).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, moment));
      await program.kill();
      await change;
      client.close();

      program = workplace.run(...ports.args);
      await program.ready();
      await eventually(`members are settled after ${moment} ms`, async () => {
        const names = await readdir(join(workplace.cwd, 'data'));
        const { text } = await http(ports.http, 'GET /api/members');
        return (
          text.includes('"voters":[0,1,2],"learners":[],"change":null') &&
          names.filter((name) => name.startsWith('server-')).length === 3
        );
      });
      const { text } = await http(ports.http, 'GET /api/status');
      expect(text.match(/"state":"running"/g)).to.have.length(3);
      const reader = await TextClient.connect(ports.router);
      for (let earlier = 0; earlier <= round; earlier += 1)
        expect(await reader.get(`k${earlier}`)).to.deep.equal({ type: 'VALUE', value: 'kept' });
      reader.close();
    }
  });
});
