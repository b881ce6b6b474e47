import { expect } from 'chai';
import { Client } from '../../src/client/base-client.js';
import type { CallOptions } from '../../src/client/call.js';
import { ClosedError } from '../../src/client/client-errors.js';
import {
  DEADLINE_TICK_MS,
  DEFAULT_TIMEOUT_MS,
  LOCK_CLEANUP_TIMEOUT_MS,
  MAX_LOCK_PAUSE_MS,
  MAX_LOCK_TTL_S,
  SESSION_CLOSE_TIMEOUT_MS,
} from '../../src/client/client-limits.js';
import { Lock, type LockStore } from '../../src/client/lock.js';
import { type FakeLink, FakeWorld, outcomeOf } from '../support/client-world.js';

const TTL_S = 9;

describe('a lock', () => {
  let world: FakeWorld;
  let client: Client;
  let link: FakeLink;

  beforeEach(() => {
    world = new FakeWorld();
    client = new Client({ servers: ['10.0.0.1:9000'], sessions: false }, world.client);
  });
  afterEach(async () => {
    const closed = client.close();
    await world.pass(10 * SESSION_CLOSE_TIMEOUT_MS);
    await closed;
  });

  /** What the client sent, without its values. */
  function taken(): string[] {
    return link.take().filter((line) => /^(add|cas|delete|gets) /.test(line));
  }

  async function held(revision = 100): Promise<Lock> {
    const locking = client.lock('door', { ttl: TTL_S });
    link = await world.opened();
    expect(taken()).to.deep.equal([`add lock:door ${TTL_S} 32`]);
    link.reply(`ADDED ${revision}`);
    return locking;
  }

  it('is the revision of its add, and renewed and released by the revision that it has', async () => {
    const lock = await held();
    expect(lock.fencingToken).to.equal(100);
    await world.pass(TTL_S * 334);
    expect(taken()).to.deep.equal([`cas lock:door ${TTL_S} @100 32`]);
    link.reply('OK 2 150');
    await world.pass(TTL_S * 334);
    expect(taken()).to.deep.equal([`cas lock:door ${TTL_S} @150 32`]);
    link.reply('OK 3 160');
    await world.settle();
    expect([lock.isHeld, lock.fencingToken]).to.deep.equal([true, 100]);
    const released = lock.release();
    await world.settle();
    expect(taken()).to.deep.equal(['delete lock:door @160']);
    link.reply('DELETED');
    await released;
    expect(lock.isHeld).to.equal(false);
    expect(lock.signal.aborted).to.equal(false);
  });

  it('is released once, however often that is asked for, and again if it failed', async () => {
    const lock = await held();
    const first = outcomeOf(lock.release());
    const second = outcomeOf(lock.release());
    await world.settle();
    expect(taken()).to.deep.equal(['delete lock:door @100']);
    link.reply('ERR_CMD_ERR');
    await world.settle();
    expect([first.value, second.value]).to.deep.equal(['ERR_REFUSED', 'ERR_REFUSED']);
    const again = outcomeOf(lock.release());
    await world.settle();
    expect(taken()).to.deep.equal(['delete lock:door @100']);
    link.reply('DELETED');
    await world.settle();
    expect(again.value).to.equal('nothing');
    await lock.release();
    expect(taken()).to.deep.equal([]);
  });

  it('is left alone when it is another one’s by now', async () => {
    const lock = await held();
    const released = outcomeOf(lock.release());
    await world.settle();
    taken();
    link.reply('ERR_VERSION');
    await world.settle();
    expect(taken()).to.deep.equal(['gets lock:door']);
    link.reply('VALUE 1 9 170 7', 'another');
    await world.settle();
    expect(taken()).to.deep.equal([]);
    expect(released.value).to.equal('nothing');
  });

  it('is waited for, and not returned when its time ran out on the way', async () => {
    const locking = client.lock('door', { ttl: 1 });
    link = await world.opened();
    link.reply('ERR_EXISTS');
    await world.pass(300);
    expect(taken().length).to.equal(2);
    await world.pass(1000);
    link.reply('ADDED 100');
    await world.settle();
    expect(taken()).to.deep.equal(['delete lock:door @100']);
    link.reply('DELETED');
    await world.settle();
    expect(taken()).to.deep.equal(['add lock:door 1 32']);
    link.reply('ADDED 120');
    expect((await locking).fencingToken).to.equal(120);
  });

  it('survives a renewal that fails, and tells when none comes through in time', async () => {
    const lock = await held();
    await world.pass(TTL_S * 334);
    link.reply('ERR_CMD_ERR');
    await world.pass(200);
    expect(taken()).to.have.lengthOf(2);
    link.reply('OK 2 150');
    await world.settle();
    expect(lock.isHeld).to.equal(true);
    await world.pass(TTL_S * 900);
    expect(lock.isHeld).to.equal(true);
    await world.pass(TTL_S * 100);
    expect(lock.isHeld).to.equal(false);
    expect(lock.signal.aborted).to.equal(true);
    expect(lock.signal.reason).to.have.property('code', 'ERR_LOCK_LOST');
  });

  it('knows that it is lost before its signal can, in an event loop that was blocked', async () => {
    const lock = await held();
    world.nowMs += TTL_S * 1000;
    expect([lock.isHeld, lock.signal.aborted]).to.deep.equal([false, false]);
    await world.pass(1);
    expect(lock.signal.aborted).to.equal(true);
  });

  it('tells at once when somebody has deleted its key', async () => {
    const lock = await held();
    await world.pass(TTL_S * 334);
    link.reply('ERR_NOT_FOUND');
    await world.settle();
    link.reply('ERR_NOT_FOUND');
    await world.settle();
    expect(lock.signal.aborted).to.equal(true);
  });

  it('is not left behind by a call that was aborted while it was acquired', async () => {
    const controller = new AbortController();
    const locking = outcomeOf(client.lock('door', { ttl: TTL_S, signal: controller.signal }));
    link = await world.opened();
    const [, value = ''] = link.take();
    controller.abort();
    await world.settle();
    expect(locking.value).to.equal('ABORT_ERR');
    link.reply('ADDED 100');
    await world.settle();
    expect(taken()).to.deep.equal(['gets lock:door']);
    link.reply(`VALUE 1 9 100 ${value.length}`, value);
    await world.settle();
    expect(taken()).to.deep.equal(['delete lock:door @100']);
    link.reply('DELETED');
  });

  it('lives for a day at most, which timers can count', async () => {
    for (const ttl of [MAX_LOCK_TTL_S + 1, 30 * 86_400, 0, 1.5]) {
      expect(await client.lock('door', { ttl }).catch((error) => error.code)).to.equal('ERR_ARGUMENT');
      expect(await client.elect('door', { ttl }).catch((error) => error.code)).to.equal('ERR_ARGUMENT');
    }
    expect(world.links).to.have.lengthOf(0);
    const locking = client.lock('door', { ttl: MAX_LOCK_TTL_S });
    link = await world.opened();
    link.reply('ADDED 100');
    expect((await locking).isHeld).to.equal(true);
    expect(MAX_LOCK_TTL_S * 1000).to.be.lessThan(2 ** 31);
  });

  it('is not removed by what an earlier try leaves to be cleaned up', async () => {
    let drawn = 0;
    world.random = () => {
      drawn += 1;
      return drawn / 1000;
    };
    const locking = client.lock('door', { ttl: TTL_S });
    link = await world.opened();
    link.take();
    link.close();
    link = await world.opened();
    expect(taken()).to.deep.equal(['gets lock:door']);
    await world.pass(MAX_LOCK_PAUSE_MS);
    const [add, value = ''] = link.take();
    expect(add).to.equal(`add lock:door ${TTL_S} 32`);
    // The read of that cleanup is executed after the second try.
    link.reply(`VALUE 1 9 120 ${value.length}`, value, 'ADDED 120');
    const lock = await locking;
    await world.settle();
    expect(taken()).to.deep.equal([]);
    expect([lock.isHeld, lock.fencingToken]).to.deep.equal([true, 120]);
  });

  it('is released at once while a renewal has no answer, within one time limit', async () => {
    const lock = await held();
    await world.pass(TTL_S * 334);
    taken();
    const released = outcomeOf(lock.release({ timeoutMs: 500 }));
    await world.settle();
    expect(taken()).to.deep.equal(['delete lock:door @100']);
    await world.pass(300);
    link.reply('OK 2 150', 'ERR_VERSION');
    await world.settle();
    expect(taken()).to.deep.equal(['gets lock:door']);
    await world.pass(200 + 3 * DEADLINE_TICK_MS);
    expect(released.value).to.equal('ERR_TIMEOUT');
  });

  it('takes no longer for a renewal than for any call, however long it lives', async () => {
    const limits: unknown[] = [];
    const lock = lockIn(world, 300, async ({ timeoutMs }) => {
      limits.push(timeoutMs);
      return 2;
    });
    await world.pass(100_000);
    expect(limits).to.deep.equal([DEFAULT_TIMEOUT_MS]);
    await lock.release();
  });

  it('is not acquired by a client that is being closed, and its key is removed', async () => {
    const locking = outcomeOf(client.lock('door', { ttl: TTL_S }));
    link = await world.opened();
    expect(taken()).to.have.lengthOf(1);
    const closed = client.close();
    await world.settle();
    link.reply('ADDED 100');
    await world.settle();
    expect(locking.value).to.equal('ERR_CLOSED');
    expect(taken()).to.deep.equal(['delete lock:door @100']);
    link.reply('DELETED');
    await closed;
    expect(world.timers).to.equal(0);
  });

  it('does not keep a client that is closed waiting for a server that does not answer', async () => {
    const locking = outcomeOf(client.elect('door'));
    link = await world.opened();
    const closed = outcomeOf(client.close());
    await world.pass(LOCK_CLEANUP_TIMEOUT_MS);
    expect([locking.value, closed.value]).to.deep.equal(['ERR_UNKNOWN_OUTCOME', 'nothing']);
    await world.pass(MAX_LOCK_PAUSE_MS);
    expect(world.timers).to.equal(0);
    expect(await client.lock('door').catch((error) => error.code)).to.equal('ERR_CLOSED');
  });

  it('is lost, and not renewed again, when its client turns out to be closed', async () => {
    let renewals = 0;
    const lock = lockIn(world, TTL_S, async () => {
      renewals += 1;
      throw new ClosedError();
    });
    await world.pass(TTL_S * 500);
    expect([renewals, lock.signal.aborted, world.timers]).to.deep.equal([1, true, 0]);
  });

  it('is released when its client is closed', async () => {
    await held();
    const closed = client.close();
    await world.settle();
    expect(taken()).to.deep.equal(['delete lock:door @100']);
    link.reply('DELETED');
    await closed;
    expect(world.timers).to.equal(0);
  });
});

/** A lock that was added just then, in a store without a client. */
function lockIn(world: FakeWorld, ttl: number, renew: (options: CallOptions) => Promise<number>): Lock {
  const store: LockStore = {
    timeoutOf: () => DEFAULT_TIMEOUT_MS,
    add: async () => undefined,
    renew: (_key, _value, _ttl, _revision, options) => renew(options),
    remove: async () => true,
    read: async () => undefined,
  };
  const facts = { key: 'k', value: 'v', ttl, revision: 1, sentAtMs: world.nowMs };
  return new Lock(facts, store, world.client.environment, () => {});
}
