import { getEventListeners } from 'node:events';
import { expect } from 'chai';
import { Client } from '../../src/client/base-client.js';
import { MAX_LOCK_PAUSE_MS, SESSION_CLOSE_TIMEOUT_MS } from '../../src/client/client-limits.js';
import type { Lock } from '../../src/client/lock.js';
import { FakeWorld, outcomeOf } from '../support/client-world.js';

describe('a signal that outlives what it was for', () => {
  let world: FakeWorld;
  let client: Client;
  let controller: AbortController;

  beforeEach(() => {
    world = new FakeWorld();
    client = new Client({ servers: ['10.0.0.1:9000'], sessions: false }, world.client);
    controller = new AbortController();
  });
  afterEach(async () => {
    const closed = client.close();
    await world.pass(10 * SESSION_CLOSE_TIMEOUT_MS);
    await closed;
  });

  const listeners = () => getEventListeners(controller.signal, 'abort').length;

  for (const [how, end] of [
    ['is left by break', (watch) => watch.return()],
    ['is ended by close', () => client.close()],
    ['is aborted', () => controller.abort()],
  ] satisfies [string, (watch: ReturnType<Client['watch']>) => unknown][])
    it(`has no listener of a watch that ${how}`, async () => {
      const watch = client.watch('', { signal: controller.signal });
      const next = outcomeOf(watch.next());
      const link = await world.opened();
      link.reply('WATCHING 1');
      link.close();
      (await world.opened()).reply('WATCHING 1');
      expect(listeners(), 'while it goes on').to.equal(1);
      void end(watch);
      await world.settle();
      expect(next.value).to.not.equal(undefined);
      expect(listeners()).to.equal(0);
    });

  const locks = {
    lock: (options: { signal: AbortSignal; timeoutMs?: number }) => client.lock('door', options),
    elect: (options: { signal: AbortSignal; timeoutMs?: number }) => client.elect('door', options),
  };
  for (const [call, acquire] of Object.entries(locks)) {
    it(`has none of ${call} once that has waited, and is over`, async () => {
      const acquiring = acquire({ signal: controller.signal });
      const link = await world.opened();
      for (let tries = 0; tries < 3; tries += 1) {
        link.reply('ERR_EXISTS');
        await world.settle();
        expect(listeners(), 'while it waits').to.equal(1);
        await world.pass(MAX_LOCK_PAUSE_MS);
      }
      link.reply('ADDED 100');
      const lock: Lock = await acquiring;
      expect(listeners(), 'while it is held').to.equal(0);
      const released = lock.release({ signal: controller.signal });
      await world.settle();
      link.reply('DELETED');
      await released;
      expect(listeners()).to.equal(0);
    });

    it(`has none of ${call} that was given up, or aborted while it waited`, async () => {
      const inVain = outcomeOf(acquire({ signal: controller.signal, timeoutMs: 50 }));
      const link = await world.opened();
      link.reply('ERR_EXISTS');
      await world.pass(1000);
      expect(inVain.value).to.equal('ERR_TIMEOUT');
      expect(listeners()).to.equal(0);
      const aborted = outcomeOf(acquire({ signal: controller.signal }));
      await world.settle();
      link.reply('ERR_EXISTS');
      await world.settle();
      controller.abort();
      await world.settle();
      expect(aborted.value).to.equal('ABORT_ERR');
      expect(listeners()).to.equal(0);
    });
  }
});
