import { expect } from 'chai';
import {
  DRAINED_REPORT_BYTES,
  MAX_TRAFFIC_BATCH_BYTES,
  MAX_TRAFFIC_BATCH_TURNS,
  MAX_UNANSWERED_BYTES,
  MAX_UNREAD_REPLY_BYTES,
  MAX_VALUE_BYTES,
  streamLimits,
} from '../../src/limits.js';
import { freePorts } from '../../tools/support/free-ports.js';
import { FakeServer, TestBench, TestClient, until } from './support.js';

/** More turns of the event loop than a small batch waits for others. */
async function someTurns(): Promise<void> {
  for (let turns = 0; turns < 2 * MAX_TRAFFIC_BATCH_TURNS + 2; turns += 1) await new Promise(setImmediate);
}

describe("a server's port", () => {
  const bench = new TestBench();
  afterEach(() => bench.clear());

  it('carries commands to the server and replies back', async () => {
    const gateway = await bench.gateway();
    const server = new FakeServer();
    await gateway.attach(0, server);
    const client = await bench.client(gateway.serverAddress(0));

    client.send('get a\r\n');
    const assignment = await server.assignment();
    await server.expectInput(assignment, 'get a\r\n');
    server.reply(assignment, 7, 'ERR_NOT_FOUND\r\n');

    await client.expectText('ERR_NOT_FOUND\r\n');
  });

  it('tells the server which protocol a connection speaks, by its first byte or line', async () => {
    const gateway = await bench.gateway();
    const server = new FakeServer();
    await gateway.attach(0, server);
    (await bench.client(gateway.serverAddress(0))).send('*1\r\n$4\r\nPING\r\n');
    await server.assignment();
    (await bench.client(gateway.serverAddress(0))).send('get a\r\n');
    await server.assignment(1);

    expect(server.framesOf('open').map((open) => open.at.place)).to.deep.equal(['resp', 'command']);
    expect(server.framesOf('open').map((open) => open.routed)).to.deep.equal([false, false]);
  });

  it('sends what many sockets brought in one turn as one batch', async () => {
    const gateway = await bench.gateway();
    const server = new FakeServer();
    await gateway.attach(0, server);
    const clients = await Promise.all(
      Array.from({ length: 20 }, () => bench.client(gateway.serverAddress(0))),
    );
    for (const client of clients) client.send('get first\r\n');
    await until('all assignments', () => server.framesOf('open').length === clients.length);

    // Written in one turn of this very event loop, they are read in one turn as well.
    const before = server.batches.length;
    for (const [i, client] of clients.entries()) client.send(`get ${i}\r\n`);
    await until('all data', () => server.framesOf('data').length === 2 * clients.length);

    expect(server.batches.length - before).to.be.at.most(2);
    const inputs = server.framesOf('open').map(({ assignment }) => server.input(assignment));
    expect(inputs).to.have.members(clients.map((_, i) => `get first\r\nget ${i}\r\n`));
  });

  it('cuts a long turn into batches of bounded length', async () => {
    const gateway = await bench.gateway();
    const server = new FakeServer();
    await gateway.attach(0, server);
    const clients = await Promise.all(
      Array.from({ length: 16 }, () => bench.client(gateway.serverAddress(0))),
    );
    for (const client of clients) client.send(Buffer.alloc(100_000, 'x'));
    const total = () => server.framesOf('data').reduce((sum, frame) => sum + frame.bytes.byteLength, 0);
    await until('all bytes', () => total() === 1_600_000);

    for (const batch of server.batches) {
      const bytes = batch.reduce(
        (sum, frame) => sum + (frame.type === 'data' ? frame.bytes.byteLength : 0),
        0,
      );
      expect(bytes).to.be.at.most(MAX_TRAFFIC_BATCH_BYTES);
    }
  });

  it('merges the replies of one batch into one write per connection', async () => {
    const gateway = await bench.gateway();
    const server = new FakeServer();
    await gateway.attach(0, server);
    const client = await bench.client(gateway.serverAddress(0));
    client.send('get a\r\nget b\r\nget c\r\n');
    const assignment = await server.assignment();
    const chunks: string[] = [];
    client.socket.on('data', (chunk) => chunks.push(chunk.toString()));

    const bytes = Buffer.from('ERR_NOT_FOUND\r\n');
    const reply = { type: 'reply', assignment, answeredBytes: 7, at: { place: 'command' }, bytes } as const;
    server.say(reply, reply, reply);
    await client.expectText('ERR_NOT_FOUND\r\n'.repeat(3));

    expect(chunks).to.have.length(1);
  });

  it('forwards a command that comes in single bytes, once its first line is there', async () => {
    const gateway = await bench.gateway();
    const server = new FakeServer();
    await gateway.attach(0, server);
    const client = await bench.client(gateway.serverAddress(0));
    for (const byte of 'set a 0 1\r') client.send(byte);
    await until('the bytes', () => gateway.measure().servers.get(0)?.inBytes === 10);
    expect(server.framesOf('open')).to.deep.equal([]);
    let sent = 'set a 0 1\r';
    for (const byte of '\nx\r\n') {
      client.send(byte);
      sent += byte;
      await server.expectInput(await server.assignment(), sent);
    }
  });

  it('closes a connection that begins with HTTP, and forwards nothing of it', async () => {
    const gateway = await bench.gateway();
    const server = new FakeServer();
    await gateway.attach(0, server);
    const client = await bench.client(gateway.serverAddress(0));
    client.send('POST / HTTP/1.1\r\nHost: a\r\n\r\nset a 0 1\r\nx\r\n');
    await until('its end', () => client.closed);
    expect(client.text).to.equal('');
    expect(server.framesOf('open')).to.deep.equal([]);
  });

  it('closes a connection that ends within its first line', async () => {
    const gateway = await bench.gateway();
    const server = new FakeServer();
    await gateway.attach(0, server);
    const client = await bench.client(gateway.serverAddress(0));
    client.send('get a');
    client.socket.end();
    await until('its end', () => client.closed);
    expect(server.framesOf('open')).to.deep.equal([]);
  });

  it('has limits of its own, beside another gateway of the process whose values may be larger', async () => {
    const maxValueBytes = 4 * MAX_VALUE_BYTES;
    const { maxUnansweredBytes } = streamLimits(maxValueBytes);
    for (const [options, limit] of [
      [{ maxValueBytes }, maxUnansweredBytes],
      [{}, MAX_UNANSWERED_BYTES],
    ] as const) {
      const gateway = await bench.gateway(options);
      const server = new FakeServer();
      await gateway.attach(0, server);
      const client = await bench.client(gateway.serverAddress(0));
      client.send(Buffer.alloc(2 * maxUnansweredBytes, 'x'));
      const assignment = await server.assignment();
      await until('the limit', () => server.inputLength(assignment) >= limit);
      const other = await bench.client(gateway.serverAddress(0));
      other.send('get a\r\n');
      await server.assignment(1);
      expect(server.inputLength(assignment)).to.be.below(limit + 100_000);
    }
  });

  it('reads no more of a client with too much unanswered, until half of it is answered', async () => {
    const gateway = await bench.gateway();
    const server = new FakeServer();
    await gateway.attach(0, server);
    const client = await bench.client(gateway.serverAddress(0));
    client.send(Buffer.alloc(3 * MAX_UNANSWERED_BYTES, 'x'));
    const assignment = await server.assignment();
    await until('the limit', () => server.inputLength(assignment) >= MAX_UNANSWERED_BYTES);
    const other = await bench.client(gateway.serverAddress(0));
    other.send('get a\r\n');
    await server.assignment(1);
    const atLimit = server.inputLength(assignment);
    expect(atLimit).to.be.below(MAX_UNANSWERED_BYTES + 100_000);

    server.reply(assignment, MAX_UNANSWERED_BYTES / 4, '');
    other.send('get b\r\n');
    await server.expectInput(await server.assignment(1), 'get a\r\nget b\r\n');
    expect(server.inputLength(assignment), 'resumed too early').to.equal(atLimit);

    server.reply(assignment, MAX_UNANSWERED_BYTES / 2, '');
    await until('reading goes on', () => server.inputLength(assignment) > atLimit);
  });

  it('pauses sockets while the channel is full, and loses nothing', async () => {
    const gateway = await bench.gateway();
    const server = new FakeServer();
    server.capacity = 1;
    await gateway.attach(0, server);
    const client = await bench.client(gateway.serverAddress(0));
    const sent = 'get a\r\n'.repeat(400_000);
    client.send(sent);
    const assignment = await server.assignment();
    await until('the operating system has it all', () => client.socket.writableLength === 0);

    server.makeRoom(Number.POSITIVE_INFINITY);
    expect(server.inputLength(assignment), 'what was kept for want of room').to.be.below(sent.length / 2);
    await server.expectInput(assignment, sent);
  });

  it('reads nothing of those that come while the channel is full', async () => {
    const gateway = await bench.gateway();
    const server = new FakeServer();
    server.capacity = 0;
    await gateway.attach(0, server);
    const inBytes = () => gateway.measure().servers.get(0)?.inBytes;
    const first = await bench.client(gateway.serverAddress(0));
    first.send('get a\r\n');
    await until('the first is read', () => inBytes() === 7);
    await someTurns();
    const late = await bench.client(gateway.serverAddress(0));
    late.send('get late\r\n');
    // A client of the router, sent and answered later, has been heard of by then.
    const probe = await bench.client(gateway.routerAddress);
    probe.send('get b\r\n');
    await until('the probe', () => gateway.measure().router?.inBytes === 7);
    await someTurns();
    expect(inBytes()).to.equal(7);

    server.makeRoom(Number.POSITIVE_INFINITY);
    await server.expectInput(await server.assignment(1), 'get late\r\n');
  });

  it('reports reply bytes that the client took, such that a server is never left waiting', async () => {
    const gateway = await bench.gateway();
    const server = new FakeServer();
    await gateway.attach(0, server);
    const client = await bench.client(gateway.serverAddress(0));
    client.send('get a\r\n');
    const assignment = await server.assignment();
    const total = 4 * MAX_UNREAD_REPLY_BYTES;
    const drained = () => server.framesOf('drained').reduce((sum, frame) => sum + frame.byteCount, 0);
    let said = 0;
    // As a server does: it stops at the limit.
    while (said < total) {
      await until('room for replies', () => said - drained() < MAX_UNREAD_REPLY_BYTES);
      server.reply(assignment, 0, 'x'.repeat(10_000));
      said += 10_000;
    }
    await until('all replies', () => client.byteCount === said);

    expect(said - drained()).to.be.at.least(0);
    await until('the last report', () => said - drained() < 2 * DRAINED_REPORT_BYTES);
  });

  it('spends no reports on little traffic', async () => {
    const gateway = await bench.gateway();
    const server = new FakeServer();
    await gateway.attach(0, server);
    const client = await bench.client(gateway.serverAddress(0));
    client.send('get a\r\n');
    const assignment = await server.assignment();
    const reply = 'x'.repeat(DRAINED_REPORT_BYTES / 2 - 1);
    server.reply(assignment, 0, reply);
    server.reply(assignment, 7, reply);
    await until('both replies', () => client.byteCount === 2 * reply.length);
    client.send('get b\r\n');
    await server.expectInput(assignment, 'get a\r\nget b\r\n');

    expect(server.framesOf('drained')).to.deep.equal([]);
  });

  it('does not report what a client has not read', async () => {
    const gateway = await bench.gateway();
    const server = new FakeServer();
    await gateway.attach(0, server);
    const client = await bench.client(gateway.serverAddress(0));
    client.socket.pause();
    client.send('get a\r\n');
    const assignment = await server.assignment();
    const said = 64 * 1024 * 1024;
    for (let bytes = 0; bytes < said; bytes += 1024 * 1024)
      server.reply(assignment, 0, 'x'.repeat(1024 * 1024));
    const drained = () => server.framesOf('drained').reduce((sum, frame) => sum + frame.byteCount, 0);
    const other = await bench.client(gateway.serverAddress(0));
    other.send('get b\r\n');
    server.reply(await server.assignment(1), 7, 'ERR_NOT_FOUND\r\n');
    await other.expectText('ERR_NOT_FOUND\r\n');
    expect(drained()).to.be.below(said / 2);

    client.socket.resume();
    await until('the rest', () => said - drained() < 2 * DRAINED_REPORT_BYTES);
  });

  it('answers a client that half-closed, then ends the connection', async () => {
    const gateway = await bench.gateway();
    const server = new FakeServer();
    await gateway.attach(0, server);
    const client = await bench.client(gateway.serverAddress(0));
    client.socket.end('get a\r\nget b\r\nincompl');
    const assignment = await server.assignment();
    await until('the end of input', () => server.framesOf('end').length === 1);
    server.reply(assignment, 7, 'ERR_NOT_FOUND\r\n');
    server.reply(assignment, 7, 'ERR_NOT_FOUND\r\n');
    server.say({ type: 'close', assignment });

    await until('the end of the connection', () => client.closed);
    await client.expectText('ERR_NOT_FOUND\r\nERR_NOT_FOUND\r\n');
    expect(server.framesOf('close'), 'the server closed the assignment itself').to.deep.equal([]);
  });

  it('ends a connection that half-closes without having said anything', async () => {
    const gateway = await bench.gateway();
    await gateway.attach(0, new FakeServer());
    const client = await bench.client(gateway.serverAddress(0));
    client.socket.end();
    await until('the end of the connection', () => client.closed);
  });

  it('tells the server of a client that reset its connection', async () => {
    const gateway = await bench.gateway();
    const server = new FakeServer();
    await gateway.attach(0, server);
    const client = await bench.client(gateway.serverAddress(0));
    client.send('get a\r\n');
    const assignment = await server.assignment();
    client.socket.resetAndDestroy();

    await until('close', () => server.framesOf('close').length === 1);
    server.reply(assignment, 7, 'ERR_NOT_FOUND\r\n');
    const next = await bench.client(gateway.serverAddress(0));
    next.send('get b\r\n');
    server.reply(await server.assignment(1), 7, 'ERR_NOT_FOUND\r\n');
    await next.expectText('ERR_NOT_FOUND\r\n');
  });

  it('closes its connections and refuses new ones when the server is gone, until it is back', async () => {
    const gateway = await bench.gateway();
    const server = new FakeServer();
    await gateway.attach(0, server);
    const address = gateway.serverAddress(0);
    const talking = await bench.client(address);
    const silent = await bench.client(address);
    talking.send('get a\r\n');
    await server.assignment();

    server.die();
    await until('both connections closed', () => talking.closed && silent.closed);
    const refusal = await TestClient.connect(address).catch((error: NodeJS.ErrnoException) => error.code);
    expect(refusal).to.equal('ECONNREFUSED');

    const successor = new FakeServer();
    await gateway.attach(0, successor);
    expect(gateway.serverAddress(0)).to.deep.equal(address);
    const client = await bench.client(address);
    client.send('get b\r\n');
    await successor.expectInput(await successor.assignment(), 'get b\r\n');
    server.die();
    successor.reply(await successor.assignment(), 7, 'ERR_NOT_FOUND\r\n');
    await client.expectText('ERR_NOT_FOUND\r\n');
  });

  it('names the address that is in use, at the start', async () => {
    const gateway = await bench.gateway();
    const taken = gateway.routerAddress?.port ?? 0;
    expectListenError(
      await bench.gateway({ serverPorts: new Map([[0, taken]]) }).catch((reason: unknown) => reason),
    );
  });

  it('names the address that is in use, when it was taken while its server was down', async () => {
    const port = await freePorts();
    const gateway = await bench.gateway({ serverPorts: new Map([[0, port]]) });
    await bench.gateway({ routerPort: port });
    expectListenError(await gateway.attach(0, new FakeServer()).catch((reason: unknown) => reason));
  });

  it('that was found for port 0 is kept from others until its server is up', async () => {
    const gateway = await bench.gateway();
    const { port } = gateway.serverAddress(0);
    expect(port).to.be.greaterThan(0);
    expectListenError(
      await bench.gateway({ serverPorts: new Map([[0, port]]) }).catch((reason: unknown) => reason),
    );
    await gateway.attach(0, new FakeServer());
    expect(gateway.serverAddress(0).port).to.equal(port);
  });

  it('answers what is in flight before the gateway closes', async () => {
    const gateway = await bench.gateway();
    const server = new FakeServer();
    await gateway.attach(0, server);
    const busy = await bench.client(gateway.serverAddress(0));
    const idle = await bench.client(gateway.serverAddress(0));
    busy.send('get a\r\n');
    const assignment = await server.assignment();
    server.onBatch = () => {
      if (server.framesOf('end').length === 0) return;
      server.reply(assignment, 7, 'ERR_NOT_FOUND\r\n');
      server.say({ type: 'close', assignment });
    };

    await gateway.close(10_000);
    await busy.expectText('ERR_NOT_FOUND\r\n');
    await until('both connections closed', () => busy.closed && idle.closed);
  });

  it('does not wait for ever to close', async () => {
    const gateway = await bench.gateway();
    const server = new FakeServer();
    await gateway.attach(0, server);
    const client = await bench.client(gateway.serverAddress(0));
    client.send('get a\r\n');
    await server.assignment();
    await gateway.close(10);
    await until('the connection closed', () => client.closed);
  });
});

function expectListenError(error: unknown): void {
  expect(error).to.include({ code: 'CANNOT_LISTEN', name: 'ListenError' });
  expect(error)
    .to.have.property('message')
    .that.matches(/^cannot listen on 127\.0\.0\.1:\d+ \(clients of server 0\)/);
  expect(error).to.have.property('message').that.does.not.include('\n');
}
