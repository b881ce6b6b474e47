import { expect } from 'chai';
import { http } from '../../tools/support/http.js';
import { TextClient } from '../../tools/support/text-client.js';
import { eventually, temporaryDirectory } from '../support/cluster.js';
import { RawProgram } from '../support/raw-program.js';

const FREE_PORTS = ['--port', '0', '--router-port', '0', '--http-port', '0'];
const READY =
  /^ready leader=([012]) servers=127\.0\.0\.1:(\d+),127\.0\.0\.1:(\d+),127\.0\.0\.1:(\d+) router=127\.0\.0\.1:(\d+) http=http:\/\/127\.0\.0\.1:(\d+)$/;

describe('the program', () => {
  const running: RawProgram[] = [];

  function run(...args: string[]): RawProgram {
    const program = new RawProgram(...args);
    running.push(program);
    return program;
  }

  afterEach(async () => {
    for (const program of running.splice(0)) {
      program.signal('SIGTERM');
      await program.ended;
    }
  });

  it('says in one line that it is ready, who leads, and where to connect', async () => {
    const program = run('-n', '3', '--memory', ...FREE_PORTS);
    const [, leader, ...ports] = READY.exec(await program.firstLine())?.map(Number) ?? [];
    const [, , , routerPort = 0, httpPort = 0] = ports;
    const status = JSON.parse((await http(httpPort, 'GET /api/status')).text);
    expect(status.leader).to.equal(leader);
    const client = await TextClient.connect(routerPort);
    expect(await client.set('k', 'v')).to.deep.equal({ type: 'OK', version: 1 });
    client.close();
    program.signal('SIGTERM');
    const { exitCode, stdout } = await program.ended;
    expect(exitCode).to.equal(0);
    expect(stdout.split('\n'), 'stdout holds that line and nothing else').to.have.lengthOf(2);
  });

  it('logs to stderr, one JSON object a line', async () => {
    const program = run('-n', '1', '--memory', ...FREE_PORTS);
    await program.firstLine();
    program.signal('SIGINT');
    const { exitCode, stderr } = await program.ended;
    expect(exitCode).to.equal(0);
    const messages = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).msg);
    expect(messages).to.include.members(['cluster starts', 'elected leader', 'cluster closed']);
  });

  for (const [servers, isTold] of [
    ['3', false],
    ['4', true],
  ] as const)
    it(`with ${servers} servers ${isTold ? 'hints' : 'does not hint'} that one fewer tolerate as many failures`, async () => {
      const program = run('-n', servers, '--memory', '--port', '0', '--no-router', '--no-http');
      await program.firstLine();
      program.signal('SIGTERM');
      const { stderr } = await program.ended;
      expect(stderr.includes('an even number of servers tolerates no more failures')).to.equal(isTold);
    });

  it('opens neither router nor admin API when told so', async () => {
    const program = run('-n', '1', '--memory', '--port', '0', '--no-router', '--no-http');
    expect(await program.firstLine()).to.match(/^ready leader=0 servers=127\.0\.0\.1:\d+$/);
  });

  it('keeps what was written in its data directory, which no second program may use meanwhile', async () => {
    const directory = await temporaryDirectory();
    const args = ['-n', '1', '--data-dir', directory.path, '--log-level', 'silent', ...FREE_PORTS];
    try {
      const first = run(...args);
      const routerPort = Number(/router=127\.0\.0\.1:(\d+)/.exec(await first.firstLine())?.[1]);
      const writer = await TextClient.connect(routerPort);
      await writer.set('k', 'v');
      writer.close();
      const second = await run(...args).ended;
      expect(second).to.deep.equal({
        exitCode: 1,
        stdout: '',
        stderr: `threadraft: data directory ${directory.path}: in use by another process: stop that one or name another directory\n`,
      });
      first.signal('SIGTERM');
      expect((await first.ended).exitCode).to.equal(0);
      const third = run(...args);
      const port = Number(/router=127\.0\.0\.1:(\d+)/.exec(await third.firstLine())?.[1]);
      const reader = await TextClient.connect(port);
      expect(await reader.get('k')).to.deep.equal({ type: 'VALUE', value: 'v' });
      reader.close();
      third.signal('SIGTERM');
      await third.ended;
    } finally {
      await directory.remove();
    }
  });

  it('ends cleanly when it is told to while it starts', async () => {
    const program = run('-n', '3', '--memory', ...FREE_PORTS);
    await eventually('it has begun', () => program.stderr.includes('cluster starts'));
    program.signal('SIGTERM');
    const { exitCode, stderr } = await program.ended;
    expect(exitCode).to.equal(0);
    expect(stderr).to.include('cluster closed');
  });
});
