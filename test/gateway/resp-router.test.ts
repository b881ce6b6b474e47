import { expect } from 'chai';
import { AT_RESP_START, respCheckpoint } from '../../src/protocol/checkpoint.js';
import { encodeCommand } from '../../tools/support/redis-client.js';
import { FakeServer, forwarded, TestBench } from './support.js';

const UNKNOWN = '-UNKNOWN leadership was lost: the write may or may not have happened\r\n';
const DOWN = '-CLUSTERDOWN The cluster is down\r\n';
const OK = '+OK\r\n';

/** Commands as a client sends them, their words apart by spaces. */
const commands = (...lines: readonly string[]) =>
  lines.map((line) => encodeCommand(line.split(' '))).join('');

describe('a Redis connection through the router', () => {
  const bench = new TestBench();
  afterEach(() => bench.clear());

  it('is told that a write is unknown, not that the cluster is down, if no leader appears in time', async () => {
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
    await next.expectInput(await next.assignment(), commands('GET c'));
  });

  it('goes on from where the stream stands at the first command without a reply', async () => {
    const { gateway, old, next, client } = await bench.cluster();
    const watched = respCheckpoint({ hasWatched: true });
    const transaction = commands('MULTI', 'SET a 2', 'EXEC');
    const assignment = await forwarded(client, old, commands('WATCH a') + transaction);
    old.reply(assignment, commands('WATCH a').length, OK, watched);
    await client.expectText(OK);
    old.die();
    gateway.setLeader({ slot: 1, term: 2 });
    await next.expectInput(await next.assignment(), transaction);
    expect(next.framesOf('open')[0]?.at).to.deep.equal(watched);
  });

  it('is what RESET made of it, whatever it was before', async () => {
    const { gateway, old, next, client } = await bench.cluster();
    const watched = respCheckpoint({ version: 3, hasWatched: true, name: 'worker' });
    const assignment = await forwarded(client, old, commands('WATCH a'));
    old.reply(assignment, commands('WATCH a').length, OK, watched);
    await client.expectText(OK);
    client.send(commands('RESET', 'SET a 1'));
    await old.expectInput(assignment, commands('WATCH a', 'RESET', 'SET a 1'));
    old.die();
    gateway.setLeader({ slot: 1, term: 2 });
    const reset = await next.assignment();
    expect(next.framesOf('open')[0]?.at).to.deep.equal(watched);
    await next.expectInput(reset, commands('RESET', 'SET a 1'));
    next.reply(reset, commands('RESET', 'SET a 1').length, `+RESET\r\n${OK}`, AT_RESP_START);
    await client.expectText(`${OK}+RESET\r\n${OK}`);

    next.die();
    const third = new FakeServer();
    await gateway.attach(0, third);
    gateway.setLeader({ slot: 0, term: 3 });
    client.send(commands('GET a'));
    await third.expectInput(await third.assignment(), commands('GET a'));
    expect(third.framesOf('open')[0]?.at).to.deep.equal(AT_RESP_START);
  });

  it('keeps its id and its name at each leader', async () => {
    const { gateway, old, next, client } = await bench.cluster();
    const named = respCheckpoint({ name: 'worker' });
    const assignment = await forwarded(client, old, commands('CLIENT SETNAME worker', 'GET a'));
    old.reply(assignment, commands('CLIENT SETNAME worker').length, OK, named);
    // Nothing has changed since.
    const { length } = commands('GET a');
    old.say({
      type: 'reply',
      assignment,
      answeredBytes: length,
      at: undefined,
      bytes: Buffer.from('$-1\r\n'),
    });
    await client.expectText(`${OK}$-1\r\n`);
    old.die();
    gateway.setLeader({ slot: 1, term: 2 });
    client.send(commands('GET b'));
    await next.assignment();
    const [before] = old.framesOf('open');
    const [after] = next.framesOf('open');
    expect(after).to.deep.include({ connection: before?.connection, from: before?.from, at: named });
    expect(after?.ageMs).to.be.above(before?.ageMs ?? 0);
  });
});
