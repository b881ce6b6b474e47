import { expect } from 'chai';
import { KeyFolder } from '../../src/adapters/key-folder.js';
import { Client } from '../../src/client/base-client.js';
import { type FakeLink, FakeWorld, outcomeOf } from '../support/client-world.js';

describe('a listing of keys', () => {
  let world: FakeWorld;
  let client: Client;

  beforeEach(() => {
    world = new FakeWorld();
    client = new Client({ servers: ['10.0.0.1:9000'] }, world.client);
  });
  afterEach(() => client.close());

  async function listing(maxSilenceMs: number): Promise<[FakeLink, { value: unknown }]> {
    const names = outcomeOf(new KeyFolder(client, 'f/', maxSilenceMs).names());
    return [await world.opened(), names];
  }

  it('has each name once, and ends with the state', async () => {
    const [link, names] = await listing(60_000);
    expect(link.take()).to.deep.equal(['watch f/ 0']);
    link.reply('WATCHING 9', 'SET 5 f/a 1 0 1', 'x', 'SET 10 f/a 2 0 1', 'y', 'DELETED 11 f/b');
    link.reply('SET 6 f/c%20d 1 0 1', 'x', 'AT 11');
    await world.settle();
    expect(names.value).to.deep.equal(['a', 'c d']);
    expect(link.isDestroyed).to.equal(true);
  });

  it('ends in an error when no server says anything', async () => {
    const names = await new KeyFolder(client, 'f/', 5).names().catch((error: unknown) => error);
    expect(names).to.include({ code: 'ERR_TIMEOUT' });
    expect(world.timers).to.equal(0);
  });

  it('leaves nothing open when it is left', async () => {
    const entries = new KeyFolder(client, 'f/', 60_000).entries();
    const first = entries.next();
    const link = await world.opened();
    link.reply('WATCHING 9', 'SET 5 f/a 1 0 1', 'x');
    expect((await first).value).to.deep.equal(['a', 'x']);
    await entries.return();
    expect([link.isDestroyed, world.timers]).to.deep.equal([true, 0]);
  });
});
