import { expect } from 'chai';
import { AT_RESP_START, respCheckpoint } from '../../src/protocol/checkpoint.js';
import { encodeCommand } from '../../tools/support/redis-client.js';
import { FakeServer, forwarded, TestBench } from './support.js';

const UNKNOWN = '-UNKNOWN leadership was lost: the write may or may not have happened\r\n';
const DOWN = '-CLUSTERDOWN The cluster is down\r\n';
const OK = '+OK\r\n';
const QUEUED = '+QUEUED\r\n';

/** Commands as a client sends them, their words apart by spaces. */
const commands = (...lines: readonly string[]) =>
  lines.map((line) => encodeCommand(line.split(' '))).join('');

describe('a Redis connection through the router', () => {
  const bench = new TestBench();
  afterEach(() => bench.clear());

  it('is told that a write is unknown, not that the cluster is down, however long there is no leader', async () => {
    const { old, client } = await bench.cluster({ leaderWaitMs: 40 });
    await forwarded(client, old, commands('GET a', 'SET a 1', 'GET b'));
    old.die();
    await client.expectText(DOWN + UNKNOWN + DOWN);
  });

  it('goes on with what came later once all that waited is given up', async () => {
    const { gateway, old, next, client } = await bench.cluster({ leaderWaitMs: 40 });
    await forwarded(client, old, commands('GET a', 'SET a 1', 'GET b', 'SET b 2'));
    old.die();
    await client.expectText(DOWN + UNKNOWN + DOWN + UNKNOWN);
    client.send(commands('GET c'));
    gateway.setLeader({ slot: 1, term: 2 });
    await next.expectInput(await next.session(), commands('GET c'));
  });

  it('watches nothing any more after a transaction of unknown outcome', async () => {
    const { gateway, old, next, client } = await bench.cluster();
    const transaction = ['MULTI', 'SET a 2', 'EXEC'];
    const unproposed = ['MULTI', 'SET b 1', 'EXEC'];
    const session = await forwarded(client, old, commands('WATCH a', ...transaction, ...unproposed));
    const proposedBytes = commands('WATCH a', ...transaction).length;
    old.say({ type: 'refuse', session, proposedBytes, ledTerm: 1 });
    gateway.setLeader({ slot: 1, term: 2 });
    const watching = await next.session();
    await next.expectInput(watching, commands('WATCH a'));
    next.reply(watching, commands('WATCH a').length, OK, respCheckpoint({ hasWatched: true }));

    const replay = await next.session(1);
    await next.expectInput(replay, commands(...unproposed));
    expect(next.framesOf('open')[1]?.at).to.deep.equal(AT_RESP_START);
    expect(next.framesOf('close')).to.deep.equal([{ type: 'close', session: watching }]);
    await client.expectText(OK + OK + QUEUED + UNKNOWN);
  });

  it('stays in its session when a write of unknown outcome changes nothing about it', async () => {
    const { gateway, old, next, client } = await bench.cluster();
    await forwarded(client, old, commands('WATCH a', 'SET b 1', 'GET a'));
    old.die();
    gateway.setLeader({ slot: 1, term: 2 });
    const replay = await next.session();
    await next.expectInput(replay, commands('WATCH a'));
    next.reply(replay, commands('WATCH a').length, OK, respCheckpoint({ hasWatched: true }));
    await next.expectInput(replay, commands('WATCH a', 'GET a'));
    await client.expectText(OK + UNKNOWN);
  });

  it('is what RESET made of it, whatever it was before', async () => {
    const { gateway, old, next, client } = await bench.cluster();
    const watched = respCheckpoint({ version: 3, hasWatched: true, name: 'worker' });
    const session = await forwarded(client, old, commands('WATCH a'));
    old.reply(session, commands('WATCH a').length, OK, watched);
    await client.expectText(OK);
    client.send(commands('RESET', 'SET a 1'));
    await old.expectInput(session, commands('WATCH a', 'RESET', 'SET a 1'));
    old.die();
    gateway.setLeader({ slot: 1, term: 2 });
    const reset = await next.session();
    expect(next.framesOf('open')[0]?.at).to.deep.equal(watched);
    await next.expectInput(reset, commands('RESET'));
    next.reply(reset, commands('RESET').length, '+RESET\r\n', AT_RESP_START);
    await client.expectText(`${OK}+RESET\r\n${UNKNOWN}`);

    next.die();
    const third = new FakeServer();
    await gateway.attach(0, third);
    gateway.setLeader({ slot: 0, term: 3 });
    client.send(commands('GET a'));
    await third.expectInput(await third.session(), commands('GET a'));
    expect(third.framesOf('open')[0]?.at).to.deep.equal(AT_RESP_START);
  });

  it('keeps its id and its name at each leader', async () => {
    const { gateway, old, next, client } = await bench.cluster();
    const named = respCheckpoint({ name: 'worker' });
    const session = await forwarded(client, old, commands('CLIENT SETNAME worker', 'GET a'));
    old.reply(session, commands('CLIENT SETNAME worker').length, OK, named);
    // Nothing has changed since.
    const { length } = commands('GET a');
    old.say({ type: 'reply', session, answeredBytes: length, at: undefined, bytes: Buffer.from('$-1\r\n') });
    await client.expectText(`${OK}$-1\r\n`);
    old.die();
    gateway.setLeader({ slot: 1, term: 2 });
    client.send(commands('GET b'));
    await next.session();
    const [before] = old.framesOf('open');
    const [after] = next.framesOf('open');
    expect(after).to.deep.include({ connection: before?.connection, from: before?.from, at: named });
    expect(after?.ageMs).to.be.above(before?.ageMs ?? 0);
  });
});
