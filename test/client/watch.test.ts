import { expect } from 'chai';
import { Client } from '../../src/client/base-client.js';
import type { Change } from '../../src/client/changes.js';
import {
  MAX_CHANGE_LINE_BYTES,
  MAX_WATCHED_CHANGES,
  WATCH_SILENCE_MS,
} from '../../src/client/client-limits.js';
import type { WatchOptions } from '../../src/client/watch.js';
import { LARGEST_MAX_VALUE_BYTES, MAX_REDIS_COMMAND_BYTES, streamLimits } from '../../src/limits.js';
import { BYTES_PER_ESCAPED, goneLine, setLine } from '../../src/protocol/text/watch-lines.js';
import { type FakeLink, FakeWorld, outcomeOf } from '../support/client-world.js';

describe('a watch', () => {
  let world: FakeWorld;
  let client: Client;

  beforeEach(() => {
    world = new FakeWorld();
    client = new Client({ servers: ['10.0.0.1:9000'] }, world.client);
  });
  afterEach(() => client.close());

  /** Watches, and collects what comes. */
  async function watching(
    prefix: string,
    options: WatchOptions,
  ): Promise<[FakeLink, Change[], { value: unknown }]> {
    const changes: Change[] = [];
    const watch = client.watch(prefix, options);
    const ended = outcomeOf(
      (async () => {
        for await (const change of watch) changes.push(change);
      })(),
    );
    return [await world.opened(), changes, ended];
  }

  it('tells changes with their keys and values as they are', async () => {
    const [link, changes] = await watching('ü %', {});
    expect(link.take()).to.deep.equal(['watch %C3%BC%20%25']);
    link.reply(
      'WATCHING 10',
      'SET 11 %C3%BC%20%25a 1 60 2',
      'hi',
      'EXPIRED 12 k',
      'CHANGED 13 k 1 list',
      'FLUSHED 14',
    );
    await world.settle();
    expect(changes).to.deep.equal([
      { type: 'set', key: 'ü %a', value: 'hi', version: 1, ttl: 60, revision: 11 },
      { type: 'expired', key: 'k', revision: 12 },
      { type: 'changed', key: 'k', version: 1, holds: 'list', revision: 13 },
      { type: 'flushed', revision: 14 },
    ]);
  });

  it('tells of keys that only Redis clients write, however long they are', async () => {
    const [link, changes] = await watching('', {});
    const key = '\xff '.repeat(3000);
    link.reply('WATCHING 10');
    link.send(setLine({ key, revision: 11, version: 1, exptimeS: 0, value: 'x' }));
    link.send(goneLine('deleted', '%'.repeat(MAX_REDIS_COMMAND_BYTES), 12));
    await world.settle();
    expect(changes.map(({ type }) => type)).to.deep.equal(['set', 'deleted']);
    expect(changes[0]).to.include({ key: '\ufffd '.repeat(3000), value: 'x' });
    expect(changes[1]).to.include({ key: '%'.repeat(MAX_REDIS_COMMAND_BYTES) });
  });

  it('has room in a line for all that stands beside the longest key', () => {
    const most = Number.MAX_SAFE_INTEGER;
    const line = setLine({ key: '', revision: most, version: most, exptimeS: most, value: '' });
    const { maxCommandBytes } = streamLimits(LARGEST_MAX_VALUE_BYTES);
    expect(BYTES_PER_ESCAPED * maxCommandBytes + line.length + 20).to.be.below(MAX_CHANGE_LINE_BYTES);
  });

  it('goes on at the next revision after a break, also before the first change, and after a quiet time', async () => {
    const [first, changes] = await watching('', {});
    expect(first.take()).to.deep.equal(['watch *']);
    first.reply('WATCHING 10');
    first.close();
    const second = await world.opened();
    expect(second.take()).to.deep.equal(['watch * 11']);
    second.reply('WATCHING 20', 'DELETED 15 k');
    second.close();
    const third = await world.opened();
    expect(third.take()).to.deep.equal(['watch * 16']);
    third.reply('WATCHING 20', 'AT 30');
    third.close();
    expect((await world.opened()).take()).to.deep.equal(['watch * 31']);
    expect(changes).to.deep.equal([{ type: 'deleted', key: 'k', revision: 15 }]);
  });

  it('begins anew when a break comes while all keys are told, and says so', async () => {
    const [first, changes] = await watching('p', { from: 0 });
    first.reply('WATCHING 10', 'SET 5 pa 1 0 1', 'x');
    first.close();
    const second = await world.opened();
    expect(second.take()).to.deep.equal(['watch p 0']);
    second.reply('WATCHING 12', 'SET 5 pa 1 0 1', 'x', 'AT 12', 'AT 14');
    await world.settle();
    expect(changes.map(({ type }) => type)).to.deep.equal(['set', 'reset', 'set', 'synced']);
  });

  it('begins anew when what it asks for is no more kept', async () => {
    const [link, changes] = await watching('p', { from: 7 });
    expect(link.take()).to.deep.equal(['watch p 7']);
    link.reply('ERR_COMPACTED 100');
    await world.settle();
    expect(link.take()).to.deep.equal(['watch p 0']);
    link.reply('WATCHING 120', 'AT 120');
    await world.settle();
    expect(changes).to.deep.equal([{ type: 'reset' }, { type: 'synced', revision: 120 }]);
  });

  it('asks another server before it begins anew, which may keep what the first one does not', async () => {
    await client.close();
    client = new Client({ servers: ['10.0.0.1:9000', '10.0.0.2:9002'] }, world.client);
    const [link, changes] = await watching('p', { from: 7 });
    link.reply('ERR_COMPACTED 100');
    const other = await world.opened();
    expect(other.address).not.to.deep.equal(link.address);
    expect(other.take()).to.deep.equal(['watch p 7']);
    other.reply('WATCHING 120', 'DELETED 8 p', 'ERR_COMPACTED 100');
    const first = await world.opened();
    expect(first.take()).to.deep.equal(['watch p 9']);
    first.reply('ERR_COMPACTED 100');
    await world.settle();
    expect(first.take(), 'none keeps it').to.deep.equal(['watch p 0']);
    expect(changes.map(({ type }) => type)).to.deep.equal(['deleted', 'reset']);
  });

  it('does not run in a circle with a server that does not even tell all keys', async () => {
    const [link, changes] = await watching('p', { from: 0 });
    for (let asked = 0; asked < 200; asked += 1) {
      world.link.take().forEach(() => void world.link.reply('ERR_COMPACTED 100'));
      await world.pass(5);
      if (!world.link.isOpen && !world.link.isDestroyed) world.link.open();
    }
    expect([link.isDestroyed, changes.length]).to.deep.equal([true, 1]);
    expect(world.links.length).to.be.below(10);
  });

  it('tells nothing more once it is left', async () => {
    const watch = client.watch('p');
    const first = watch.next();
    const link = await world.opened();
    link.reply('WATCHING 0', 'DELETED 1 p', 'DELETED 2 p', 'DELETED 3 p');
    await first;
    await watch.return();
    expect(await watch.next()).to.deep.equal({ done: true, value: undefined });
  });

  it('gives up a server that is silent', async () => {
    const [link] = await watching('p', {});
    link.reply('WATCHING 10');
    await world.pass(WATCH_SILENCE_MS + 1);
    expect(link.isDestroyed).to.equal(true);
  });

  it('reads no more than its limit ahead of who takes the changes', async () => {
    const watch = client.watch('p');
    const first = watch.next();
    const link = await world.opened();
    link.reply('WATCHING 0');
    for (let i = 1; i <= MAX_WATCHED_CHANGES + 1; i += 1) link.reply(`DELETED ${i} p`);
    await first;
    expect(link.isPaused).to.equal(true);
    for (let i = 0; i < MAX_WATCHED_CHANGES / 2; i += 1) await watch.next();
    expect(link.isPaused).to.equal(false);
  });

  it('ends with a break, a signal and its client, and leaves nothing open', async () => {
    const controller = new AbortController();
    const [link, , aborted] = await watching('p', { signal: controller.signal });
    link.reply('WATCHING 10');
    controller.abort();
    await world.settle();
    expect([aborted.value, link.isDestroyed]).to.deep.equal(['ABORT_ERR', true]);
    const [other, , closed] = await watching('p', {});
    await client.close();
    await world.settle();
    expect([closed.value, other.isDestroyed, world.timers]).to.deep.equal(['ERR_CLOSED', true, 0]);
    expect(
      await client
        .watch('p')
        .next()
        .catch((error) => error.code),
    ).to.equal('ERR_CLOSED');
  });
});
