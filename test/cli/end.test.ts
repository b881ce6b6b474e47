import { expect } from 'chai';
import { isOpen } from '../../tools/support/free-ports.js';
import { TextClient } from '../../tools/support/text-client.js';
import { eventually } from '../support/cluster.js';
import { Writer } from '../support/load.js';
import {
  type Ports,
  type Program,
  type ProgramEnd,
  programPorts,
  type Ready,
  Workplace,
} from '../support/workplace.js';

/** Those that were started by the test that runs. */
const writing: Writer[] = [];

describe('The end of the program', () => {
  let workplace: Workplace;
  let ports: Ports;

  beforeEach(async () => {
    workplace = await Workplace.open();
    ports = await programPorts();
  });

  afterEach(async () => {
    const stopped = writing.splice(0).map((writer) => writer.stop());
    await workplace.close();
    await Promise.all(stopped);
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`comes with exit code 0 and free ports after ${signal}, and the next run finds the data`, async () => {
      const program = workplace.run(...ports.args);
      await program.ready();
      const client = await TextClient.connect(ports.router);
      expect(await client.set('k', 'one')).to.deep.equal({ type: 'OK', version: 1 });
      expect(await client.set('k', 'two')).to.deep.equal({ type: 'OK', version: 2 });
      expect(await program.stop(signal), 'exit code').to.equal(0);
      await client.closed;
      expect(program.complaints, 'complaints').to.deep.equal([]);
      for (const port of [ports.port, ports.port + 2, ports.port + 4, ports.router, ports.http])
        expect(await isOpen(port), `port ${port} still takes clients`).to.equal(false);

      await workplace.run(...ports.args).ready();
      const later = await TextClient.connect(ports.router);
      const reply = await later.getm('k');
      later.close();
      expect(reply).to.deep.equal({ type: 'META', version: 2, exptimeS: 0, value: 'two' });
    });

    it(`keeps what was acknowledged when ${signal} comes in the middle of traffic`, async () => {
      const program = workplace.run(...ports.args);
      await program.ready();
      const writers = await startWriters(ports);
      expect(await program.stop(signal), 'exit code').to.equal(0);
      await Promise.all(writers.map((writer) => writer.stop()));
      expect(program.complaints, 'complaints').to.deep.equal([]);
      await expectAllKept(workplace.run(...ports.args), ports, writers);
    });
  }

  it('keeps what was acknowledged when the whole program is killed in the middle of traffic', async () => {
    let program = workplace.run(...ports.args);
    for (let round = 0; round < 2; round += 1) {
      await program.ready();
      const writers = await startWriters(ports, `round${round}`);
      await program.kill();
      await Promise.all(writers.map((writer) => writer.stop()));
      program = workplace.run(...ports.args);
      await expectAllKept(program, ports, writers);
    }
  });

  it('comes at once with a second signal, whatever the first one waits for', async () => {
    const program = workplace.run(...ports.args);
    await blockServer(await program.ready());
    expect(await endByTwoSignals(program)).to.deep.equal({ code: 1, signal: null });
    expect(program.complaints, 'complaints').to.deep.equal([]);
    await workplace.run(...ports.args).ready();
  });

  it('comes with exit code 0 when the signal comes before there is a leader', async () => {
    const program = workplace.run(...ports.args, '--election-timeout', '60000');
    await program.logged('server is up');
    expect(await program.stop('SIGTERM')).to.equal(0);
    expect(program.stdout).to.equal('');
    expect(program.complaints, 'complaints').to.deep.equal([]);
  });

  it('does not wait for the idle connections of clients and of browsers', async () => {
    const program = workplace.run(...ports.args, '--memory');
    await program.ready();
    const clients = await Promise.all(
      [ports.port, ports.router, ports.http].map((port) => TextClient.connect(port)),
    );
    expect(await program.stop('SIGTERM')).to.equal(0);
    await Promise.all(clients.map(({ closed }) => closed));
  });

  it('comes in time when a command waits that no server can answer', async () => {
    const program = workplace.run(...ports.args, '--memory');
    const client = await waitInVain(await program.ready(), ports);
    expect(await program.stop('SIGTERM')).to.equal(0);
    await client.closed;
  });

  describe('with --memory', () => {
    it('leaves no directory behind', async () => {
      const program = workplace.run(...ports.args, '--memory');
      await program.ready();
      expect(await workplace.temporaryFiles(), 'temporary files while it runs').to.have.length(1);
      expect(await program.stop('SIGTERM')).to.equal(0);
      expect(await workplace.temporaryFiles(), 'temporary files').to.deep.equal([]);
      expect(await workplace.files(), 'files in the working directory').to.deep.equal([]);
    });

    it('leaves no directory behind when its terminal is closed', async () => {
      const program = workplace.run(...ports.args, '--memory');
      await program.ready();
      expect(await program.stop('SIGHUP'), 'exit code').to.equal(0);
      expect(await workplace.temporaryFiles(), 'temporary files').to.deep.equal([]);
    });

    it('leaves no directory behind after a second signal either', async () => {
      const program = workplace.run(...ports.args, '--memory');
      await blockServer(await program.ready());
      expect(await endByTwoSignals(program)).to.deep.equal({ code: 1, signal: null });
      expect(await workplace.temporaryFiles(), 'temporary files').to.deep.equal([]);
    });

    it('has its directory removed by the next run when it was killed, and by none while it runs', async () => {
      const killed = workplace.run(...ports.args, '--memory');
      await killed.ready();
      const [abandoned] = await workplace.temporaryFiles();
      await killed.kill();
      expect(await workplace.temporaryFiles()).to.deep.equal([abandoned]);
      await workplace.run(...ports.args, '--memory').ready();
      const [kept, ...others] = await workplace.temporaryFiles();
      expect([kept, others]).to.not.include(abandoned);
      expect(others).to.deep.equal([]);
      const besides = await programPorts();
      await workplace.run(...besides.args, '--memory').ready();
      expect(await workplace.temporaryFiles())
        .to.have.length(2)
        .and.to.include(kept);
    });

    it('leaves nothing of its data to the next run', async () => {
      const program = workplace.run(...ports.args, '--memory');
      await program.ready();
      const client = await TextClient.connect(ports.router);
      expect(await client.set('k', 'v')).to.include({ type: 'OK' });
      await program.stop('SIGTERM');
      await workplace.run(...ports.args, '--memory').ready();
      const later = await TextClient.connect(ports.router);
      const reply = await later.get('k');
      later.close();
      expect(reply).to.deep.equal({ type: 'ERR_NOT_FOUND' });
    });
  });
});

/** A client with a command that no server can answer: the leader has lost its followers. */
async function waitInVain({ leader, http }: Ready, ports: Ports): Promise<TextClient> {
  const client = await TextClient.connect(ports.port + 2 * leader);
  for (const id of [0, 1, 2].filter((one) => one !== leader))
    await fetch(`${http}/api/servers/${id}/kill`, { method: 'POST' });
  client.write('set k 0 1\r\nv\r\n');
  return client;
}

/** Has a server stand still for longer than a test lasts, so that a clean end has to wait for it. */
async function blockServer({ http }: Ready): Promise<void> {
  const body = JSON.stringify({ durationMs: 60_000 });
  // Answered only when it is over, or never.
  fetch(`${http}/api/servers/0/pause`, { method: 'POST', body }).catch(() => undefined);
  await eventually('it tells nothing of itself', async () => {
    const metrics = await (await fetch(`${http}/metrics`)).text();
    return !metrics.includes('threadraft_raft_term{server="0"}');
  });
}

/** Signals again until it has ended: a signal that follows the first one at once is taken for the same. */
async function endByTwoSignals(program: Program): Promise<ProgramEnd> {
  program.signal('SIGINT');
  const again = setInterval(() => program.signal('SIGTERM'), 10);
  try {
    return await program.ended();
  } finally {
    clearInterval(again);
  }
}

/** Writers through every port there is, each of which was promised something. */
async function startWriters(ports: Ports, name = 'writer'): Promise<Writer[]> {
  const writers = Array.from({ length: 8 }, (_, i) => {
    let next = i;
    const connect = () => {
      next += 1;
      return TextClient.connect(i % 2 === 0 ? ports.router : ports.port + 2 * (next % 3));
    };
    return new Writer(`${name}:${i}`, connect);
  });
  writing.push(...writers);
  for (const writer of writers) writer.start();
  await eventually('every writer has its acknowledgements', () =>
    writers.every(({ acknowledged }) => acknowledged.length >= 20),
  );
  return writers;
}

async function expectAllKept(program: Program, ports: Ports, writers: readonly Writer[]): Promise<void> {
  await program.ready();
  const reader = await TextClient.connect(ports.router);
  for (const writer of writers) writer.check(await reader.getm(writer.key));
  reader.close();
  expect(
    writers.flatMap(({ violations }) => violations),
    'broken promises',
  ).to.deep.equal([]);
}
