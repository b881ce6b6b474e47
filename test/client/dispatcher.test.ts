import { expect } from 'chai';
import { Client } from '../../src/client/base-client.js';
import {
  CONNECT_TIMEOUT_MS,
  MAX_IN_FLIGHT_COMMANDS,
  MAX_PENDING_BYTES,
  SILENCE_MS,
} from '../../src/client/client-limits.js';
import { FakeWorld, outcomeOf } from '../support/client-world.js';

const A = '10.0.0.1:9000';
const B = '10.0.0.2:9002';

describe('a client', () => {
  let world: FakeWorld;
  let client: Client;

  beforeEach(() => {
    world = new FakeWorld();
    client = new Client({ servers: [A], sessions: false }, world.client);
  });
  afterEach(() => client.close());

  function newClient(options: Partial<ConstructorParameters<typeof Client>[0]>): Client {
    client = new Client({ servers: [A], sessions: false, ...options }, world.client);
    return client;
  }

  it('connects at its first call, not before', async () => {
    await world.pass(1000);
    expect(world.links).to.have.lengthOf(0);
    const got = outcomeOf(client.get('k'));
    const link = await world.opened();
    expect(link.address).to.deep.equal({ host: '10.0.0.1', port: 9000 });
    expect(link.take()).to.deep.equal(['get k']);
    link.reply('VALUE 5', 'hello');
    await world.settle();
    expect(got.value).to.equal('hello');
  });

  it('sends at once what is called at once, and gives each call its reply', async () => {
    const outcomes = [
      outcomeOf(client.set('a', '1')),
      outcomeOf(client.get('b')),
      outcomeOf(client.get('c')),
    ];
    const link = await world.opened();
    expect(link.take()).to.deep.equal(['set a 0 1', '1', 'get b', 'get c']);
    link.send('OK 7\r\nVALUE 3\r\n');
    link.send('x\r');
    link.send('y\r\nERR_NOT');
    link.send('_FOUND\r\n');
    await world.settle();
    expect(outcomes.map(({ value }) => value)).to.deep.equal([7, 'x\ry', 'nothing']);
  });

  it('ends an update in time that others write before again and again, though it pauses between its tries', async () => {
    const sinceMs = world.nowMs;
    let endedMs = Number.POSITIVE_INFINITY;
    const update = client
      .update('k', () => 'x', { timeoutMs: 300 })
      .finally(() => {
        endedMs = world.nowMs;
      });
    const outcome = outcomeOf(update);
    world.random = () => 0.99;
    const link = await world.opened();
    while (world.nowMs < Math.min(endedMs, sinceMs + 1_000)) {
      for (const line of link.take()) {
        if (line.startsWith('gets ')) link.reply('VALUE 1 0 5 1', 'v');
        if (line.startsWith('cas ')) link.reply('ERR_VERSION');
      }
      await world.pass(1);
    }
    expect(outcome.value).to.equal('ERR_TIMEOUT');
    expect(endedMs - sinceMs).to.be.at.most(301);
  });

  it('begins no write for an update whose time is over when it has read', async () => {
    const outcome = outcomeOf(client.update('k', () => 'x', { timeoutMs: 300 }));
    const link = await world.opened();
    expect(link.take()).to.deep.equal(['gets k']);
    // The timer that would have ended it is late.
    world.nowMs += 310;
    link.reply('VALUE 1 0 5 1', 'v');
    await world.settle();
    expect(outcome.value).to.equal('ERR_TIMEOUT');
    expect(link.take()).to.deep.equal([]);
  });

  it('ends an update in time, or by its signal, whose function does not resolve', async () => {
    const controller = new AbortController();
    const never = () => new Promise<string>(() => undefined);
    const late = client.update('k', never, { timeoutMs: 300 }).catch((error: unknown) => error);
    const aborted = outcomeOf(client.update('k', never, { signal: controller.signal }));
    const link = await world.opened();
    link.reply('ERR_NOT_FOUND', 'ERR_NOT_FOUND');
    await world.pass(310);
    expect(await late).to.include({ code: 'ERR_TIMEOUT' });
    controller.abort();
    await world.pass(SILENCE_MS);
    expect([aborted.value, world.timers]).to.deep.equal(['ABORT_ERR', 0]);
  });

  it('has no more in flight than its limit, and sends the others as replies come', async () => {
    const calls = Array.from({ length: MAX_IN_FLIGHT_COMMANDS + 2 }, () => outcomeOf(client.get('k')));
    const link = await world.opened();
    expect(link.take()).to.have.lengthOf(MAX_IN_FLIGHT_COMMANDS);
    link.reply('ERR_NOT_FOUND');
    await world.settle();
    expect(link.take()).to.have.lengthOf(1);
    for (let i = 0; i <= MAX_IN_FLIGHT_COMMANDS; i += 1) {
      link.reply('ERR_NOT_FOUND');
      if (i % 1000 === 0) await world.settle();
    }
    await world.settle();
    expect(calls.filter(({ value }) => value !== 'nothing')).to.have.lengthOf(0);
  });

  it('refuses calls beyond its limit, and nothing is sent for them', async () => {
    const value = 'x'.repeat(MAX_PENDING_BYTES / 4);
    const calls = Array.from({ length: 3 }, () => outcomeOf(client.set('k', value)));
    expect(await client.set('k', value + value).catch((error) => error.code)).to.equal('ERR_OVERLOADED');
    await client.close();
    await world.settle();
    expect(calls.every(({ value: code }) => code === 'ERR_CLOSED')).to.equal(true);
  });

  it('refuses what no server would take, and says why', async () => {
    const codes = await Promise.all(
      [
        client.get(''),
        client.get('two words'),
        client.get('k'.repeat(251)),
        client.set('k', 'v', { ttl: 0.5 }),
        client.set('k', 1 as unknown as string),
        client.cas('k', 'v', -1),
        client.cas('k', 'v', undefined as unknown as number),
        client.cas('k', 'v', null as unknown as number),
        client.get('k', { timeoutMs: 0 }),
        client.get('k', { timeoutMs: '5' as unknown as number }),
        client.lock(''),
        client.elect(undefined as unknown as string),
      ].map((call) =>
        call.then(
          () => 'done',
          (error) => error.code,
        ),
      ),
    );
    expect(new Set(codes)).to.deep.equal(new Set(['ERR_ARGUMENT']));
    for (const servers of [[], ['nowhere'], ['host:0'], ['host:65536'], ['::1:9000']])
      expect(() => new Client({ servers }, world.client)).to.throw('servers:');
    expect(() => new Client({ servers: [null as unknown as string] }, world.client)).to.throw('servers:');
    expect(() => client.watch(undefined as unknown as string)).to.throw('a prefix');
    expect(world.links).to.have.lengthOf(0);
  });

  describe('whose call takes too long', () => {
    it('ends it, and keeps the late reply from the next call', async () => {
      const slow = outcomeOf(client.get('slow', { timeoutMs: 200 }));
      const link = await world.opened();
      await world.pass(300);
      expect(slow.value).to.equal('ERR_TIMEOUT');
      const next = outcomeOf(client.get('next'));
      await world.settle();
      link.reply('VALUE 4', 'late');
      await world.settle();
      expect(next.value).to.equal(undefined);
      link.reply('VALUE 4', 'next');
      await world.settle();
      expect(next.value).to.equal('next');
    });

    it('says of a write that was sent that its outcome is unknown, and of one that was not that it is not done', async () => {
      const unsent = outcomeOf(client.set('k', 'v', { timeoutMs: 100 }));
      await world.pass(150);
      expect(unsent.value).to.equal('ERR_TIMEOUT');
      const sent = outcomeOf(client.set('k', 'v', { timeoutMs: 100 }));
      await world.opened();
      await world.pass(150);
      expect(sent.value).to.equal('ERR_UNKNOWN_OUTCOME');
    });

    it('ends it within 100 ms of its limit also when nobody can be reached, and tells what was in the way', async () => {
      const call = client.get('k', { timeoutMs: 1000 }).catch((error) => error);
      const startedAtMs = world.nowMs;
      let endedAtMs = 0;
      void call.then(() => {
        endedAtMs = world.nowMs;
      });
      for (let i = 0; i < 120; i += 1) {
        await world.pass(10);
        if (!world.link.isOpen) world.link.close('connect ECONNREFUSED');
      }
      expect(endedAtMs - startedAtMs).to.be.within(1000, 1100);
      expect((await call).message).to.contain('connect ECONNREFUSED');
    });
  });

  describe('whose connection breaks', () => {
    it('reads again at the next one, and does not repeat a write', async () => {
      const read = outcomeOf(client.get('r'));
      const write = outcomeOf(client.set('w', 'v'));
      const first = await world.opened();
      first.take();
      first.close();
      const second = await world.opened();
      expect(write.value).to.equal('ERR_UNKNOWN_OUTCOME');
      expect(second.take()).to.deep.equal(['get r']);
      second.reply('ERR_NOT_FOUND');
      await world.settle();
      expect(read.value).to.equal('nothing');
    });

    it('takes no half reply over to the next one', async () => {
      const read = outcomeOf(client.get('r'));
      const first = await world.opened();
      first.send('VALUE 10\r\nhalf');
      first.close();
      const second = await world.opened();
      second.reply('VALUE 2', 'ok');
      await world.settle();
      expect(read.value).to.equal('ok');
    });

    it('waits longer each time that nobody answers', async () => {
      void outcomeOf(client.get('r', { timeoutMs: 60_000 }));
      const dials: number[] = [];
      await world.settle();
      for (let seen = 0; dials.length < 10; await world.pass(1)) {
        if (world.links.length === seen) continue;
        seen = world.links.length;
        dials.push(world.nowMs);
        world.link.close();
      }
      const pauses = dials.slice(1).map((atMs, i) => atMs - (dials[i] ?? 0));
      expect(pauses).to.deep.equal([...pauses].sort((a, b) => a - b));
      expect(pauses[0]).to.be.below(20);
      expect(pauses.at(-1)).to.be.within(500, 1010);
    });

    it('tries the next address when one does not connect in time', async () => {
      newClient({ servers: [A, B] });
      const read = outcomeOf(client.get('r'));
      await world.settle();
      const [first] = world.links;
      await world.pass(CONNECT_TIMEOUT_MS + 50);
      expect(first?.isDestroyed).to.equal(true);
      expect(world.link.address).to.not.deep.equal(first?.address);
      world.link.open();
      world.link.reply('ERR_NOT_FOUND');
      await world.settle();
      expect(read.value).to.equal('nothing');
    });
  });

  it('gives up a server that is frozen and closes nothing', async () => {
    const read = outcomeOf(client.get('r'));
    const frozen = await world.opened();
    await world.pass(SILENCE_MS * 1.5);
    expect(frozen.isDestroyed).to.equal(true);
    world.link.open();
    await world.settle();
    world.link.reply('ERR_NOT_FOUND');
    await world.settle();
    expect(read.value).to.equal('nothing');
  });

  it('does not take a value for silence that is still being written', async () => {
    void outcomeOf(client.set('k', 'v', { timeoutMs: 60_000 }));
    const link = await world.opened();
    for (let i = 0; i < 20; i += 1) {
      link.unwrittenBytes = 1000 - i;
      await world.pass(SILENCE_MS / 4);
    }
    expect(link.isDestroyed).to.equal(false);
  });

  describe('that is redirected', () => {
    it('goes there, and sends again what was not done', async () => {
      const write = outcomeOf(client.set('k', 'v'));
      const follower = await world.opened();
      follower.reply(`ERR_REDIRECT 10.0.0.2 9002`);
      const leader = await world.opened();
      expect(leader.address).to.deep.equal({ host: '10.0.0.2', port: 9002 });
      expect(leader.take()).to.deep.equal(['set k 0 1', 'v']);
      leader.reply('OK 1');
      await world.settle();
      expect(write.value).to.equal(1);
      expect(follower.isDestroyed).to.equal(true);
    });

    it('says its password there, too', async () => {
      newClient({ password: 'secret' });
      const read = outcomeOf(client.get('k'));
      const follower = await world.opened();
      expect(follower.take()).to.deep.equal(['auth secret']);
      follower.reply('OK');
      await world.settle();
      follower.reply('ERR_REDIRECT 10.0.0.2 9002');
      const leader = await world.opened();
      expect(leader.take()).to.deep.equal(['auth secret']);
      leader.reply('OK');
      await world.settle();
      expect(leader.take()).to.deep.equal(['get k']);
      leader.reply('ERR_NOT_FOUND');
      await world.settle();
      expect(read.value).to.equal('nothing');
    });

    it('takes what the old server still answers', async () => {
      const [first, second] = [outcomeOf(client.get('a')), outcomeOf(client.get('b'))];
      const old = await world.opened();
      old.reply('ERR_REDIRECT 10.0.0.2 9002');
      await world.settle();
      old.reply('VALUE 3', 'old');
      const leader = await world.opened();
      leader.reply('VALUE 3', 'new');
      await world.settle();
      expect([first.value, second.value]).to.deep.equal(['new', 'old']);
    });

    it('in a circle does not run in it, and ends in time', async () => {
      const read = outcomeOf(client.get('k', { timeoutMs: 2000 }));
      let answered = 0;
      for (let i = 0; i < 400 && read.value === undefined; i += 1) {
        await world.pass(5);
        const { link } = world;
        if (!link.isOpen) link.open();
        await world.settle();
        if (link.take().length === 0) continue;
        answered += 1;
        link.reply(link.address.port === 9000 ? 'ERR_REDIRECT 10.0.0.2 9002' : 'ERR_REDIRECT 10.0.0.1 9000');
      }
      await world.pass(100);
      expect(read.value).to.equal('ERR_TIMEOUT');
      expect(answered).to.be.below(30);
    });
  });

  it('asks again after a pause while there is no leader, and does not repeat a write', async () => {
    const read = outcomeOf(client.get('r'));
    const write = outcomeOf(client.set('w', 'v'));
    const link = await world.opened();
    link.take();
    link.reply('ERR_INTERNAL', 'ERR_INTERNAL');
    await world.settle();
    expect(link.take()).to.deep.equal([]);
    expect(write.value).to.equal('ERR_UNKNOWN_OUTCOME');
    await world.pass(100);
    expect(link.take()).to.deep.equal(['get r']);
    link.reply('VALUE 1', 'x');
    await world.settle();
    expect(read.value).to.equal('x');
  });

  it('fails all calls when its password is wrong, or when one is needed', async () => {
    newClient({ password: 'wrong' });
    const reads = [outcomeOf(client.get('a')), outcomeOf(client.get('b'))];
    (await world.opened()).reply('ERR_AUTH');
    await world.settle();
    expect(reads.map(({ value }) => value)).to.deep.equal(['ERR_AUTH', 'ERR_AUTH']);
    newClient({});
    const read = outcomeOf(client.get('a'));
    (await world.opened()).reply('ERR_AUTH');
    await world.settle();
    expect(read.value).to.equal('ERR_AUTH');
  });

  it('takes an answer that no server gives for a broken connection', async () => {
    for (const nonsense of [
      'VALUE -1',
      `VALUE ${2 ** 40}`,
      'ERR_REDIRECT 10.0.0.2 70000',
      'ERR_REDIRECT 10.0.0.2',
      '-ERR max number of clients reached',
      'x'.repeat(5000),
    ]) {
      const read = outcomeOf(client.get('r'));
      const link = await world.opened();
      link.reply(nonsense);
      expect(link.isDestroyed).to.equal(true);
      (await world.opened()).reply('ERR_NOT_FOUND');
      await world.settle();
      expect(read.value).to.equal('nothing');
      await client.close();
      newClient({});
    }
  });

  describe('whose call has a signal', () => {
    it('ends it when that aborts, with its reason, and leaves no listener', async () => {
      const controller = new AbortController();
      let listeners = 0;
      const { signal } = controller;
      const [add, remove] = [signal.addEventListener, signal.removeEventListener];
      signal.addEventListener = (...args: Parameters<typeof add>) => {
        listeners += 1;
        add.apply(signal, args);
      };
      signal.removeEventListener = (...args: Parameters<typeof remove>) => {
        listeners -= 1;
        remove.apply(signal, args);
      };
      const done = outcomeOf(client.get('done', { signal }));
      const link = await world.opened();
      link.reply('ERR_NOT_FOUND');
      await world.settle();
      expect(done.value).to.equal('nothing');
      expect(listeners).to.equal(0);
      const aborted = client.get('aborted', { signal }).catch((error) => error);
      await world.settle();
      controller.abort(new Error('enough'));
      expect(await aborted).to.include({ code: 'ABORT_ERR', name: 'AbortError' });
      expect((await aborted).cause.message).to.equal('enough');
      expect(listeners).to.equal(0);
      expect(await client.get('late', { signal }).catch((error) => error.code)).to.equal('ABORT_ERR');
      expect(link.take()).to.not.include('get late');
    });

    it('does not send it when that aborts before it is connected', async () => {
      const controller = new AbortController();
      void outcomeOf(client.set('k', 'v', { signal: controller.signal }));
      const other = outcomeOf(client.get('other'));
      controller.abort();
      const link = await world.opened();
      expect(link.take()).to.deep.equal(['get other']);
      link.reply('ERR_NOT_FOUND');
      await world.settle();
      expect(other.value).to.equal('nothing');
    });
  });

  describe('that is closed', () => {
    it('ends its calls, its connection and its timers', async () => {
      const [read, write] = [outcomeOf(client.get('r')), outcomeOf(client.set('w', 'v'))];
      const link = await world.opened();
      await client.close();
      await world.settle();
      expect([read.value, write.value]).to.deep.equal(['ERR_CLOSED', 'ERR_UNKNOWN_OUTCOME']);
      expect(link.isDestroyed).to.equal(true);
      expect(world.timers).to.equal(0);
      expect(await client.get('k').catch((error) => error.code)).to.equal('ERR_CLOSED');
    });

    it('between two connections does not connect again', async () => {
      const read = outcomeOf(client.get('r'));
      (await world.opened()).close();
      await client.close();
      const dialled = world.links.length;
      await world.pass(10_000);
      expect(world.links).to.have.lengthOf(dialled);
      expect(read.value).to.equal('ERR_CLOSED');
      expect(world.timers).to.equal(0);
    });
  });
});
