import { expect } from 'chai';
import type { Gateway } from '../../src/gateway/gateway.js';
import { MAX_REPLAYS, MAX_UNANSWERED_BYTES, MAX_VALUE_BYTES } from '../../src/limits.js';
import { respCheckpoint } from '../../src/protocol/checkpoint.js';
import { FakeServer, forwarded, TestBench, until } from './support.js';

const SET_A = 'set a 0 1\r\nA\r\n';
const SET_B = 'set b 0 1 noreply\r\nB\r\n';
const GET = 'get k\r\n';
const NOT_FOUND = 'ERR_NOT_FOUND\r\n';
const INTERNAL = 'ERR_INTERNAL\r\n';

describe('the router', () => {
  const bench = new TestBench();
  afterEach(() => bench.clear());

  /** What went through the gateway before this call has arrived wherever it goes. */
  async function settled(gateway: Gateway, id: number, server: FakeServer) {
    const probe = await bench.client(gateway.serverAddress(id));
    const assignments = server.framesOf('open').length;
    probe.send(GET);
    const assignment = await server.assignment(assignments);
    server.reply(assignment, GET.length, NOT_FOUND);
    await probe.expectText(NOT_FOUND);
  }

  it('forwards the commands of a connection to the leader in one routed assignment', async () => {
    const { gateway, old, next, client } = await bench.cluster();
    const assignment = await forwarded(client, old, SET_A);
    old.reply(assignment, SET_A.length, 'OK 1\r\n');
    await client.expectText('OK 1\r\n');
    client.send(GET);
    await old.expectInput(assignment, SET_A + GET);

    const start = old.framesOf('open')[0]?.dedupeKey?.start;
    expect(old.framesOf('open').map(({ ageMs: _, ...open }) => open)).to.deep.equal([
      {
        type: 'open',
        assignment,
        connection: 1,
        routed: true,
        from: { host: '127.0.0.1', port: client.socket.localPort },
        reached: gateway.routerAddress,
        at: { place: 'command' },
        dedupeKey: { start, row: 0, place: 0, repeatedBytes: 0 },
      },
    ]);
    expect(start).to.have.length(16);
    expect(next.batches).to.deep.equal([]);
  });

  it('forwards nothing of a connection that begins with HTTP, and closes it', async () => {
    const { old, client } = await bench.cluster();
    for (const piece of ['PO', 'ST / HTT', 'P/1.1\r\n\r\nset a 0 1\r\nA\r\n']) client.send(piece);
    await until('its end', () => client.closed);
    expect(client.text).to.equal('');
    expect(old.framesOf('open')).to.deep.equal([]);
  });

  it('does not forward half a first line, whoever leads meanwhile, nor keep it waiting for a leader', async () => {
    const { gateway, old, next, client } = await bench.cluster({ leaderWaitMs: 1 });
    client.send('PIN');
    await settled(gateway, 0, old);
    gateway.setLeader(undefined);
    await settled(gateway, 0, old);
    gateway.setLeader({ slot: 1, term: 2 });
    client.send('G\r\n');
    await next.expectInput(await next.assignment(), 'PING\r\n');
    expect(next.framesOf('open').map(({ at }) => at.place)).to.deep.equal(['resp']);
    expect(client.text).to.equal('');

    const another = await bench.client(gateway.routerAddress);
    another.send('PIN');
    another.socket.end();
    await until('its end', () => another.closed);
  });

  it('moves an idle connection to the next leader, with its next command', async () => {
    const { gateway, old, next, client } = await bench.cluster();
    const assignment = await forwarded(client, old, GET);
    old.reply(assignment, GET.length, NOT_FOUND);
    await client.expectText(NOT_FOUND);

    gateway.setLeader({ slot: 1, term: 2 });
    await until('the old assignment is closed', () => old.framesOf('close').length === 1);
    expect(next.batches).to.deep.equal([]);
    await forwarded(client, next, SET_A);
  });

  it('holds commands until there is a leader', async () => {
    const gateway = await bench.gateway();
    const server = new FakeServer();
    await gateway.attach(0, server);
    const client = await bench.client(gateway.routerAddress);
    client.send(SET_A + GET);
    client.send('get part');
    gateway.setLeader({ slot: 0, term: 1 });
    client.send('ial\r\n');

    await server.expectInput(await server.assignment(), `${SET_A + GET}get partial\r\n`);
    expect(client.text).to.equal('');
  });

  it('holds the commands of each client, whatever came from others meanwhile', async () => {
    const gateway = await bench.gateway();
    const server = new FakeServer();
    await gateway.attach(0, server);
    const clients = await Promise.all(Array.from({ length: 20 }, () => bench.client(gateway.routerAddress)));
    const came = (byteCount: number) =>
      until(`${byteCount} bytes`, () => gateway.measure().router?.inBytes === byteCount);
    for (const client of clients) client.send('get ');
    await came(20 * 'get '.length);
    // Written in one turn of this very event loop, they are read in one turn as well.
    for (const [i, client] of clients.entries()) client.send(`${100 + i}\r\n`);
    await came(20 * 'get 100\r\n'.length);
    gateway.setLeader({ slot: 0, term: 1 });

    await until('the leader has it', () => server.framesOf('data').length === 20);
    expect(server.framesOf('data').map(({ assignment }) => server.input(assignment))).to.have.members(
      clients.map((_, i) => `get ${100 + i}\r\n`),
    );
  });

  it('reads no more than the limit of a client that waits for a leader', async () => {
    const gateway = await bench.gateway();
    const server = new FakeServer();
    await gateway.attach(0, server);
    const client = await bench.client(gateway.routerAddress);
    const sent = GET.repeat(4 * 1024 * 1024);
    client.send(sent);
    await until('the client has to wait', () => client.socket.writableLength > 0);

    gateway.setLeader({ slot: 0, term: 1 });
    const assignment = await server.assignment();
    await until('the limit', () => server.inputLength(assignment) >= MAX_UNANSWERED_BYTES);
    expect(server.inputLength(assignment)).to.be.below(MAX_UNANSWERED_BYTES + 100_000);
  });

  it('answers whole commands ERR_INTERNAL when no leader appears in time, and goes on', async () => {
    const gateway = await bench.gateway({ leaderWaitMs: 40 });
    const server = new FakeServer();
    await gateway.attach(0, server);
    const client = await bench.client(gateway.routerAddress);
    client.send(`${SET_A + SET_B + GET}nonsense\r\nset c 0 5\r\nin`);
    await client.expectText(`${INTERNAL + INTERNAL}ERR_CMD_ERR\r\n`);

    gateway.setLeader({ slot: 0, term: 1 });
    client.send('two\r\n');
    const assignment = await server.assignment();
    await server.expectInput(assignment, 'set c 0 5\r\nintwo\r\n');
    server.reply(assignment, 'set c 0 5\r\nintwo\r\n'.length, 'OK 1\r\n');
    await client.expectText(`${INTERNAL + INTERNAL}ERR_CMD_ERR\r\nOK 1\r\n`);
  });

  it('answers others in between when very many commands of one client find no leader', async () => {
    const gateway = await bench.gateway({ leaderWaitMs: 40 });
    const [greedy, modest] = await Promise.all([0, 1].map(() => bench.client(gateway.routerAddress)));
    const count = Math.floor(MAX_UNANSWERED_BYTES / GET.length);
    greedy?.send(GET.repeat(count));
    await until('the first of very many errors', () => (greedy?.byteCount ?? 0) > 0);
    modest?.send(GET);
    await modest?.expectText(INTERNAL);
    expect(greedy?.byteCount).to.be.below((count * INTERNAL.length) / 2);
    await until('all of them', () => greedy?.byteCount === count * INTERNAL.length);
  });

  it('answers no more commands than their client reads answers when no leader appears', async () => {
    const gateway = await bench.gateway({ leaderWaitMs: 40 });
    const deaf = await bench.client(gateway.routerAddress);
    deaf.socket.pause();
    const count = MAX_UNANSWERED_BYTES / 'x\r\n'.length;
    deaf.send('x\r\n'.repeat(count));
    const sent = () => gateway.measure().router?.outBytes ?? 0;
    await until('the first errors', () => sent() > 0);
    const probe = await bench.client(gateway.routerAddress);
    let before = 0;
    let replies = '';
    // As long as more is sent than what the probe gets.
    while (sent() - before > INTERNAL.length) {
      before = sent();
      replies += INTERNAL;
      probe.send(GET);
      await probe.expectText(replies);
    }
    expect(before).to.be.below((count * 'ERR_CMD_ERR\r\n'.length) / 2);
  });

  it('lets what came later go to a leader that appears while it gives up what waited too long', async () => {
    const gateway = await bench.gateway({ leaderWaitMs: 40 });
    const server = new FakeServer();
    await gateway.attach(0, server);
    const client = await bench.client(gateway.routerAddress);
    const count = 100_000;
    client.send(GET.repeat(count));
    await until('the first error', () => client.byteCount > 0);
    gateway.setLeader({ slot: 0, term: 1 });
    client.socket.end(SET_A);
    const assignment = await server.assignment();
    await until('the write', () => server.input(assignment).endsWith(SET_A));
    const forwarded = server.inputLength(assignment);
    const retried = (forwarded - SET_A.length) / GET.length;
    server.reply(assignment, forwarded, `${NOT_FOUND.repeat(retried)}OK 1\r\n`);
    await client.expectText(`${INTERNAL.repeat(count - retried) + NOT_FOUND.repeat(retried)}OK 1\r\n`);
    expect(retried).to.be.below(count);
  });

  it('ends a half-closed connection when no leader appears in time', async () => {
    const gateway = await bench.gateway({ leaderWaitMs: 40 });
    const client = await bench.client(gateway.routerAddress);
    client.socket.end(`${GET}get incompl`);
    await until('the end', () => client.closed);
    await client.expectText(INTERNAL);
  });

  it('sends all that is not answered to the next leader when one dies, and says where it was', async () => {
    const { gateway, old, next, client } = await bench.cluster();
    const rest = `${SET_A + GET + SET_B}set c 0 3\r\nx`;
    const assignment = await forwarded(client, old, GET + rest);
    old.reply(assignment, GET.length, 'VALUE 1\r\nk\r\n');
    old.die();
    gateway.setLeader({ slot: 1, term: 2 });
    const replay = await next.assignment();
    await next.expectInput(replay, rest);
    expect(next.framesOf('open')[0]?.dedupeKey).to.deep.equal({
      start: old.framesOf('open')[0]?.dedupeKey?.start,
      row: 0,
      place: GET.length,
      repeatedBytes: rest.length,
    });
    client.send('yz\r\n');
    await next.expectInput(replay, `${rest}yz\r\n`);
    next.reply(replay, SET_A.length, 'OK 1\r\n');
    await client.expectText('VALUE 1\r\nk\r\nOK 1\r\n');
  });

  it('gives a row to another connection once the one that had it is gone', async () => {
    const { gateway, old, client } = await bench.cluster();
    await forwarded(client, old, GET);
    client.socket.resetAndDestroy();
    await until('close', () => old.framesOf('close').length === 1);
    for (const row of [0, 1]) {
      const another = await bench.client(gateway.routerAddress);
      another.send(GET);
      await old.assignment(row + 1);
      expect(old.framesOf('open')[row + 1]).to.deep.include({ connection: row + 2 });
      expect(old.framesOf('open')[row + 1]?.dedupeKey).to.deep.include({ row });
    }
  });

  it('sends a read to three more leaders when one after the other dies of it, and then goes on without it', async () => {
    const { gateway, old, client } = await bench.cluster();
    await forwarded(client, old, GET + SET_A);
    let leader = old;
    for (let term = 2; term <= 1 + MAX_REPLAYS; term += 1) {
      const next = new FakeServer();
      leader.die();
      await gateway.attach(0, next);
      gateway.setLeader({ slot: 0, term });
      await next.expectInput(await next.assignment(), GET + SET_A);
      leader = next;
    }
    leader.die();
    const last = new FakeServer();
    await gateway.attach(0, last);
    gateway.setLeader({ slot: 0, term: 9 });
    client.send('get other\r\n');
    await last.expectInput(await last.assignment(), `${SET_A}get other\r\n`);
    await client.expectText(INTERNAL);
  });

  it('takes what a dying leader said last', async () => {
    const { old, client } = await bench.cluster();
    const assignment = await forwarded(client, old, SET_A);
    old.reply(assignment, SET_A.length, 'OK 1\r\n');
    old.die();
    await client.expectText('OK 1\r\n');
  });

  it('says of what it sends again how much a refusing leader may have proposed', async () => {
    const { gateway, old, next, client } = await bench.cluster();
    const assignment = await forwarded(client, old, SET_A + GET + SET_A + SET_A);
    const proposedBytes = SET_A.length + GET.length + SET_A.length;
    old.say({ type: 'refuse', assignment, proposedBytes, ledTerm: 1 });
    gateway.setLeader({ slot: 1, term: 2 });
    await next.expectInput(await next.assignment(), SET_A + GET + SET_A + SET_A);
    expect(next.framesOf('open')[0]?.dedupeKey).to.deep.include({ place: 0, repeatedBytes: proposedBytes });
    expect(client.text).to.equal('');
  });

  it('does not return to a server that refused, until that is elected again', async () => {
    const { gateway, old, client } = await bench.cluster();
    const assignment = await forwarded(client, old, GET);
    old.say({ type: 'refuse', assignment, proposedBytes: 0, ledTerm: 1 });
    await settled(gateway, 0, old);
    gateway.setLeader({ slot: 0, term: 1 });
    await settled(gateway, 0, old);
    const routed = () => old.framesOf('open').filter((open) => open.routed).length;
    expect(routed()).to.equal(1);

    gateway.setLeader({ slot: 0, term: 3 });
    await until('a second routed assignment', () => routed() === 2);
    expect(client.text).to.equal('');
  });

  it('believes the news of an election that overtook the refusal of an earlier term', async () => {
    const { gateway, old, client } = await bench.cluster();
    const assignment = await forwarded(client, old, GET);
    gateway.setLeader({ slot: 0, term: 3 });
    old.say({ type: 'refuse', assignment, proposedBytes: GET.length, ledTerm: 1 });
    await old.expectInput(await old.assignment(1), GET);
  });

  it('ignores the news of a past term', async () => {
    const { gateway, old, next, client } = await bench.cluster();
    gateway.setLeader({ slot: 1, term: 3 });
    gateway.setLeader({ slot: 0, term: 2 });
    await forwarded(client, next, GET);
    expect(old.batches).to.deep.equal([]);
  });

  it('lets a deposed leader answer what it can, and goes on with the new one', async () => {
    const { gateway, old, next, client } = await bench.cluster();
    const assignment = await forwarded(client, old, SET_A);
    gateway.setLeader({ slot: 1, term: 2 });
    client.send(GET);
    await settled(gateway, 1, next);
    old.reply(assignment, SET_A.length, 'OK 1\r\n');

    await client.expectText('OK 1\r\n');
    await until('the new assignment', () => next.framesOf('open').some((open) => open.routed));
    expect(old.input(assignment)).to.equal(SET_A);
  });

  it('gives a silent deposed leader a grace, then ignores what it says', async () => {
    const { gateway, old, next, client } = await bench.cluster({ electionTimeoutMs: 20 });
    const assignment = await forwarded(client, old, SET_A + GET);
    gateway.setLeader({ slot: 1, term: 2 });
    const replay = await next.assignment();
    await next.expectInput(replay, SET_A + GET);

    old.reply(assignment, SET_A.length, 'OK 1\r\n');
    old.say({ type: 'refuse', assignment, proposedBytes: 0, ledTerm: 1 });
    next.reply(replay, (SET_A + GET).length, `OK 7\r\n${NOT_FOUND}`);
    await client.expectText(`OK 7\r\n${NOT_FOUND}`);
    expect(old.framesOf('close').map((close) => close.assignment)).to.deep.equal([assignment]);
  });

  it('resumes the discarding of an oversized value at the next leader', async () => {
    const { gateway, old, next, client } = await bench.cluster();
    const line = `set big 0 ${2 * MAX_VALUE_BYTES}\r\n`;
    const assignment = await forwarded(client, old, `${line}${'x'.repeat(1000)}`);
    const left = 2 * MAX_VALUE_BYTES + 2 - 600;
    old.reply(assignment, line.length + 600, 'ERR_CMD_ERR\r\n', { place: 'bad value', byteCount: left });
    await client.expectText('ERR_CMD_ERR\r\n');
    old.die();
    gateway.setLeader({ slot: 1, term: 2 });

    const replay = await next.assignment();
    expect(next.framesOf('open')[0]?.at).to.deep.equal({ place: 'bad value', byteCount: left });
    await next.expectInput(replay, 'x'.repeat(400));
  });

  it('carries a value of the largest size over a change of leader', async () => {
    const { gateway, old, next, client } = await bench.cluster();
    const line = `set big 0 ${MAX_VALUE_BYTES}\r\n`;
    const command = `${line}${'v'.repeat(MAX_VALUE_BYTES)}\r\n`;
    const half = command.length / 2;
    await forwarded(client, old, command.slice(0, half));
    old.die();
    gateway.setLeader({ slot: 1, term: 2 });
    client.send(command.slice(half));
    const replay = await next.assignment();
    await next.expectInput(replay, command);
    next.reply(replay, command.length, 'OK 1\r\n');
    await client.expectText('OK 1\r\n');
  });

  it('answers a half-closed connection also after a change of leader', async () => {
    const { gateway, old, next, client } = await bench.cluster();
    await forwarded(client, old, GET);
    client.socket.end();
    await until('the end of input', () => old.framesOf('end').length === 1);
    old.die();
    gateway.setLeader({ slot: 1, term: 2 });
    const replay = await next.assignment();
    await until('the end of input', () => next.framesOf('end').length === 1);
    next.reply(replay, GET.length, NOT_FOUND);
    await client.expectText(NOT_FOUND);
    await until('the end', () => client.closed);
  });

  it('goes on with a RESP connection where the last leader left it', async () => {
    const { old, next, client, gateway } = await bench.cluster();
    const HELLO = '*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n';
    const MULTI = '*1\r\n$5\r\nMULTI\r\n';
    const SET = '*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n';
    const EXEC = '*1\r\n$4\r\nEXEC\r\n';
    const assignment = await forwarded(client, old, HELLO + SET + MULTI + SET);
    const inTransaction = respCheckpoint({ version: 3, transaction: 'open' });
    old.reply(assignment, HELLO.length, '%0\r\n', respCheckpoint({ version: 3 }));
    old.reply(assignment, (SET + MULTI + SET).length, '+OK\r\n+OK\r\n+QUEUED\r\n', inTransaction);
    await client.expectText('%0\r\n+OK\r\n+OK\r\n+QUEUED\r\n');
    old.die();
    client.send(EXEC);
    gateway.setLeader({ slot: 1, term: 2 });
    await next.expectInput(await next.assignment(), EXEC);
    expect(next.framesOf('open').map(({ at }) => at)).to.deep.equal([inTransaction]);
    expect(client.closed).to.equal(false);
  });

  it('tells the leader of a client that left', async () => {
    const { old, client } = await bench.cluster();
    const assignment = await forwarded(client, old, SET_A);
    client.socket.resetAndDestroy();
    await until('close', () => old.framesOf('close').some((close) => close.assignment === assignment));
  });

  it('waits for room at a full leader', async () => {
    const { old, client } = await bench.cluster();
    old.capacity = 1;
    const assignment = await forwarded(client, old, GET);
    client.send(SET_A.repeat(1000));
    await until('the operating system has it', () => client.socket.writableLength === 0);
    old.makeRoom(Number.POSITIVE_INFINITY);
    await old.expectInput(assignment, GET + SET_A.repeat(1000));
  });
});
