import { expect } from 'chai';
import { Client } from '../../src/client/base-client.js';
import {
  MAX_PENDING_BYTES,
  MAX_PENDING_CALLS,
  SESSION_CLOSE_TIMEOUT_MS,
  SESSION_WINDOW,
} from '../../src/client/client-limits.js';
import { type FakeLink, FakeWorld, outcomeOf } from '../support/client-world.js';

describe("a client's writes", () => {
  let world: FakeWorld;
  let client: Client;

  beforeEach(() => {
    world = new FakeWorld();
    client = new Client({ servers: ['10.0.0.1:9000'] }, world.client);
  });
  afterEach(async () => {
    const closed = client.close();
    await world.pass(2 * SESSION_CLOSE_TIMEOUT_MS);
    await closed;
  });

  /** Connects, with a write under way whose command is taken, and its session open. */
  async function withWrite(write: () => Promise<unknown>): Promise<[FakeLink, { value: unknown }]> {
    const outcome = outcomeOf(write());
    const link = await world.opened();
    expect(link.take()).to.deep.equal(['session open']);
    link.reply('SESSION s1');
    await world.settle();
    return [link, outcome];
  }

  it('open a session first, and do not keep reads waiting for it', async () => {
    const read = outcomeOf(client.get('r'));
    const write = outcomeOf(client.set('k', 'v'));
    const link = await world.opened();
    expect(link.take()).to.deep.equal(['get r', 'session open']);
    link.reply('ERR_NOT_FOUND', 'SESSION 7-ab');
    await world.settle();
    expect(read.value).to.equal('nothing');
    expect(link.take()).to.deep.equal(['once 7-ab 1 0 set k 0 1', 'v']);
    link.reply('OK 3');
    await world.settle();
    expect(write.value).to.equal(3);
  });

  it('are numbered in their order, and say what is done', async () => {
    const [link] = await withWrite(() => client.set('a', '1'));
    expect(link.take()).to.deep.equal(['once s1 1 0 set a 0 1', '1']);
    void outcomeOf(client.delete('b'));
    void outcomeOf(client.cas('c', '2', 5));
    await world.settle();
    expect(link.take()).to.deep.equal(['once s1 2 0 delete b', 'once s1 3 0 cas c 0 5 1', '2']);
    link.reply('OK 1', 'DELETED');
    await world.settle();
    void outcomeOf(client.delete('d'));
    await world.settle();
    expect(link.take()).to.deep.equal(['once s1 4 2 delete d']);
  });

  it('are sent again under their numbers when the connection breaks', async () => {
    const [first, a] = await withWrite(() => client.set('a', '1'));
    const b = outcomeOf(client.delete('b'));
    await world.settle();
    first.take();
    first.reply('OK 1');
    first.close();
    await world.settle();
    const second = await world.opened();
    expect(second.take()).to.deep.equal(['once s1 2 1 delete b']);
    second.reply('DELETED');
    await world.settle();
    expect([a.value, b.value]).to.deep.equal([1, true]);
  });

  it('are sent again under their numbers when one is redirected and others are not', async () => {
    const [old, a] = await withWrite(() => client.set('a', '1'));
    const b = outcomeOf(client.set('b', '2'));
    await world.settle();
    old.take();
    old.reply('ERR_REDIRECT 10.0.0.2 9002', 'OK 9');
    const leader = await world.opened();
    expect(leader.take()).to.deep.equal(['once s1 1 0 set a 0 1', '1']);
    leader.reply('OK 8');
    await world.settle();
    expect([a.value, b.value]).to.deep.equal([8, 9]);
  });

  it('are sent again after a pause when a server could not find out', async () => {
    const [link, write] = await withWrite(() => client.set('a', '1'));
    link.take();
    link.reply('ERR_INTERNAL');
    await world.pass(100);
    expect(link.take()).to.deep.equal(['once s1 1 0 set a 0 1', '1']);
    link.reply('OK 1');
    await world.settle();
    expect(write.value).to.equal(1);
  });

  it('begin another session when theirs is gone and nothing was tried', async () => {
    const [link, write] = await withWrite(() => client.set('a', '1'));
    link.take();
    link.reply('ERR_SESSION');
    await world.settle();
    expect(link.take()).to.deep.equal(['session open']);
    link.reply('SESSION s2');
    await world.settle();
    expect(link.take()).to.deep.equal(['once s2 1 0 set a 0 1', '1']);
    link.reply('OK 1');
    await world.settle();
    expect(write.value).to.equal(1);
  });

  it('have an unknown outcome when their session is gone and an earlier try may have done it', async () => {
    const [first, write] = await withWrite(() => client.set('a', '1'));
    first.close();
    const second = await world.opened();
    second.reply('ERR_SESSION');
    await world.settle();
    expect(write.value).to.equal('ERR_UNKNOWN_OUTCOME');
  });

  it('have an unknown outcome when it was not kept', async () => {
    const [link, write] = await withWrite(() => client.set('a', '1'));
    link.reply('ERR_SESSION done');
    await world.settle();
    expect(write.value).to.equal('ERR_UNKNOWN_OUTCOME');
  });

  it('get their session also when as many are called before it as may be', async () => {
    const writes = Array.from({ length: MAX_PENDING_CALLS }, () => outcomeOf(client.delete('k')));
    const refused = outcomeOf(client.delete('k'));
    const link = await world.opened();
    expect(link.take()).to.deep.equal(['session open']);
    link.reply('SESSION s1');
    await world.settle();
    expect(link.take()).to.have.lengthOf(SESSION_WINDOW);
    expect(refused.value).to.equal('ERR_OVERLOADED');
    expect(writes.filter(({ value }) => value !== undefined)).to.have.lengthOf(0);
  });

  it('get their session also when they have as many bytes as may wait', async () => {
    const write = outcomeOf(client.set('k', 'x'.repeat(MAX_PENDING_BYTES)));
    const link = await world.opened();
    expect(link.take()).to.deep.equal(['session open']);
    expect(write.value).to.equal(undefined);
    link.reply('ERR_CMD_ERR');
    await world.settle();
    expect(write.value).to.equal('ERR_REFUSED');
  });

  it('have no more numbers under way than the servers remember', async () => {
    const [link] = await withWrite(() => client.delete('k'));
    const others = Array.from({ length: SESSION_WINDOW + 1 }, () => outcomeOf(client.delete('k')));
    await world.settle();
    expect(link.take()).to.have.lengthOf(SESSION_WINDOW);
    link.reply('DELETED');
    await world.settle();
    expect(link.take()).to.deep.equal([`once s1 ${SESSION_WINDOW + 1} 1 delete k`]);
    for (let i = 0; i < SESSION_WINDOW; i += 1) link.reply('DELETED');
    await world.settle();
    expect(link.take()).to.have.lengthOf(1);
    link.reply('DELETED');
    await world.settle();
    expect(others.every(({ value }) => value === true)).to.equal(true);
  });

  it('that were given up are reported as done, so that they never happen later', async () => {
    const [link, write] = await withWrite(() => client.set('a', '1', { timeoutMs: 100 }));
    await world.pass(200);
    expect(write.value).to.equal('ERR_UNKNOWN_OUTCOME');
    link.close();
    void outcomeOf(client.delete('b'));
    const next = await world.opened();
    expect(next.take()).to.deep.equal(['once s1 2 1 delete b']);
  });

  it('fail when the server knows no sessions, and say what to do', async () => {
    const write = client.set('a', '1').catch((error) => error);
    const link = await world.opened();
    link.reply('ERR_CMD_ERR');
    expect(await write).to.have.property('code', 'ERR_REFUSED');
    expect((await write).message).to.contain('sessions: false');
  });

  it('tell what was in the way when they wait for a session in vain', async () => {
    const told = async (act: (link: FakeLink) => void) => {
      const write = client.set('k', 'v', { timeoutMs: 200 }).catch((error: unknown) => error);
      const link = await world.opened();
      act(link);
      await world.pass(250);
      return (await write) as Error;
    };
    expect((await told((link) => link.close('cut'))).message).to.contain('(cut)');
    expect((await told((link) => link.reply('ERR_INTERNAL'))).message).to.contain('no leader');
  });

  it('leave nothing open when the connection breaks while their session is ended', async () => {
    const [link, write] = await withWrite(() => client.delete('b'));
    link.reply('DELETED');
    await world.settle();
    const closed = client.close();
    await world.settle();
    link.close();
    await closed;
    expect([write.value, world.timers]).to.deep.equal([true, 0]);
  });

  it('leave nothing open when a server that has not answered all redirects the end of their session', async () => {
    const [link] = await withWrite(() => client.delete('b'));
    link.reply('DELETED');
    await world.settle();
    const late = outcomeOf(client.get('late', { timeoutMs: 50 }));
    const first = outcomeOf(client.get('first', { timeoutMs: 50 }));
    await world.pass(100);
    expect([late.value, first.value]).to.deep.equal(['ERR_TIMEOUT', 'ERR_TIMEOUT']);
    const closed = client.close();
    await world.settle();
    link.reply('ERR_REDIRECT 10.0.0.2 9002');
    await world.pass(2 * SESSION_CLOSE_TIMEOUT_MS);
    await closed;
    expect([link.isDestroyed, world.timers]).to.deep.equal([true, 0]);
  });

  it('end their session when the client is closed', async () => {
    const [link, write] = await withWrite(() => client.delete('b'));
    link.take();
    link.reply('DELETED');
    await world.settle();
    expect(write.value).to.equal(true);
    const closed = client.close();
    await world.settle();
    expect(link.take()).to.deep.equal(['session close s1']);
    expect(link.isDestroyed).to.equal(false);
    link.reply('CLOSED');
    await closed;
    expect(link.isDestroyed).to.equal(true);
    expect(world.timers).to.equal(0);
  });
});
