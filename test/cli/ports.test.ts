import { expect } from 'chai';
import { isOpen } from '../../tools/support/free-ports.js';
import { RedisClient } from '../../tools/support/redis-client.js';
import { TextClient } from '../../tools/support/text-client.js';
import { linesOf, type Ports, programPorts, Workplace } from '../support/workplace.js';

/** The level of a line of the log. */
const WARNING = 40;

describe('The program, when it is ready', () => {
  let workplace: Workplace;
  let ports: Ports;

  beforeEach(async () => {
    workplace = await Workplace.open();
    ports = await programPorts();
  });

  afterEach(() => workplace.close());

  it('prints one line that names the leader and every address, all of which take clients', async () => {
    const program = workplace.run(...ports.args);
    const ready = await program.ready();
    const { port, router, http } = ports;
    expect(ready.line).to.equal(
      `ready leader=${ready.leader} servers=127.0.0.1:${port},127.0.0.1:${port + 2},127.0.0.1:${port + 4}` +
        ` router=127.0.0.1:${router} http=http://127.0.0.1:${http}`,
    );
    for (const address of [port, port + 2, port + 4, router, http])
      expect(await isOpen(address), `port ${address} takes clients`).to.equal(true);
    const health = await fetch(`${ready.http}/healthz`);
    expect(await health.json()).to.deep.equal({ leader: ready.leader });
    expect(await program.stop('SIGTERM')).to.equal(0);
    expect(linesOf(program.stdout), 'all of stdout').to.deep.equal([ready.line]);
  });

  it('runs as many servers as it was told to', async () => {
    const { servers } = await workplace.run(...ports.args, '-n', '1').ready();
    expect(servers).to.deep.equal([`127.0.0.1:${ports.port}`]);
    expect(await isOpen(ports.port + 2), 'a second port').to.equal(false);
  });

  it('opens no router port with --no-router, and names none', async () => {
    const { port, http } = ports;
    const ready = await workplace
      .run('--port', `${port}`, '--http-port', `${http}`, '--no-router', '--memory')
      .ready();
    expect(ready.router).to.equal(undefined);
    expect(ready.http).to.equal(`http://127.0.0.1:${http}`);
    expect(await isOpen(ports.router), 'the router port').to.equal(false);
  });

  it('opens no admin port with --no-http, and names none', async () => {
    const { port, router } = ports;
    const ready = await workplace
      .run('--port', `${port}`, '--router-port', `${router}`, '--no-http', '--memory')
      .ready();
    expect(ready.http).to.equal(undefined);
    expect(ready.router).to.equal(`127.0.0.1:${router}`);
    expect(await isOpen(ports.http), 'the admin port').to.equal(false);
  });

  it('names the advertised host in redirects, and listens on its own', async () => {
    const program = workplace.run(...ports.args, '--memory', '--advertise-host', 'kv.example.org');
    const { leader, servers } = await program.ready();
    expect(servers[leader]).to.equal(`127.0.0.1:${ports.port + 2 * leader}`);
    const client = await TextClient.connect(ports.port + 2 * ((leader + 1) % 3));
    const reply = await client.set('k', 'v');
    client.close();
    const port = ports.port + 2 * leader;
    expect(reply).to.deep.equal({ type: 'ERR_REDIRECT', host: 'kv.example.org', port });
  });

  it('names the host it listens on in redirects unless told otherwise', async () => {
    const { leader } = await workplace.run(...ports.args, '--memory', '--host', 'localhost').ready();
    const client = await TextClient.connect(ports.port + 2 * ((leader + 1) % 3), 'localhost');
    const reply = await client.get('k');
    client.close();
    const port = ports.port + 2 * leader;
    expect(reply).to.deep.equal({ type: 'ERR_REDIRECT', host: 'localhost', port });
  });

  it('names the address by which the client has come if it listens on every one', async () => {
    const { leader } = await workplace
      .run(...ports.args, '--memory', '--insecure', '--host', '0.0.0.0')
      .ready();
    const port = ports.port + 2 * leader;
    for (const host of ['127.0.0.1', '127.0.0.2']) {
      const follower = ports.port + 2 * ((leader + 1) % 3);
      const client = await TextClient.connect(follower, host);
      expect(await client.get('k')).to.deep.equal({ type: 'ERR_REDIRECT', host, port });
      client.close();
      const redis = await RedisClient.connect(follower, host);
      const replies = await redis.pipeline(['GET', 'k'], ['CLUSTER', 'SLOTS'], ['CLUSTER', 'NODES']);
      redis.close();
      expect(replies[0]).to.deep.equal({ error: `MOVED 7629 ${host}:${port}` });
      expect(JSON.stringify(replies)).to.contain(`["${host}",${port}`).and.not.contain('0.0.0.0');
    }
  });

  it('names the advertised host if it listens on every address', async () => {
    const args = ['--memory', '--insecure', '--host', '::', '--advertise-host', 'kv.example.org'];
    const { leader } = await workplace.run(...ports.args, ...args).ready();
    const client = await TextClient.connect(ports.port + 2 * ((leader + 1) % 3));
    const reply = await client.get('k');
    client.close();
    expect(reply).to.deep.include({ type: 'ERR_REDIRECT', host: 'kv.example.org' });
  });

  it('serves on although nobody reads what it prints', async () => {
    const program = workplace.run(...ports.args, '--memory');
    program.closeStdout();
    await program.logged('nobody reads');
    const client = await TextClient.connect(ports.router);
    expect(await client.set('k', 'v')).to.deep.equal({ type: 'OK', version: 1 });
    client.close();
    expect(await program.stop('SIGTERM')).to.equal(0);
  });

  it('ends as usual although nobody reads its help', async () => {
    const program = workplace.run('--help');
    program.closeStdout();
    expect(await program.ended()).to.deep.equal({ code: 0, signal: null });
    expect(program.complaints).to.deep.equal([]);
  });

  it('logs one JSON object a line to stderr when that is a pipe', async () => {
    const program = workplace.run(...ports.args, '--memory');
    const { leader } = await program.ready();
    await program.stop('SIGTERM');
    const logs = linesOf(program.stderr).map((line): unknown => JSON.parse(line));
    expect(logs).to.have.length.greaterThan(0);
    for (const log of logs) expect(log).to.be.an('object').that.includes.keys('level', 'time', 'msg');
    expect(messages(logs)).to.include('leader serves clients');
    expect(logs.some((log) => isAbout(log, 'elected leader', leader))).to.equal(true);
  });

  it('logs only what is worth a warning with --log-level warn', async () => {
    const program = workplace.run(...ports.args, '--memory', '--log-level', 'warn');
    await program.ready();
    await fetch(`http://127.0.0.1:${ports.http}/api/servers/0/kill`, { method: 'POST' });
    await program.logged('server killed');
    // On a busy machine an event loop that was blocked is worth one, too.
    for (const line of linesOf(program.stderr))
      expect(JSON.parse(line)).to.have.property('level').that.is.at.least(WARNING);
  });

  it('logs nothing with --log-level silent', async () => {
    const program = workplace.run(...ports.args, '--memory', '--log-level', 'silent');
    await program.ready();
    await fetch(`http://127.0.0.1:${ports.http}/api/servers/0/kill`, { method: 'POST' });
    expect(await program.stop('SIGTERM')).to.equal(0);
    expect(program.stderr).to.equal('');
  });
});

function messages(logs: readonly unknown[]): unknown[] {
  return logs.map((log) => (typeof log === 'object' && log !== null && 'msg' in log ? log.msg : undefined));
}

function isAbout(log: unknown, message: string, server: number): boolean {
  if (typeof log !== 'object' || log === null || !('msg' in log && 'server' in log)) return false;
  return log.msg === message && log.server === server;
}
