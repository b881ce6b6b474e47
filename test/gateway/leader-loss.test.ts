import { expect } from 'chai';
import { TestBench, type TestClient, until } from './support.js';

const MIB = 1024 * 1024;
const CLIENTS = 8;
const VALUES = 7;
const COMMAND = `set k 0 ${MIB}\r\n${'x'.repeat(MIB)}\r\n`;

describe('clients of the router with much unanswered', () => {
  const bench = new TestBench();
  afterEach(() => bench.clear());

  it('do not have all of it copied in the turn in which their leader is lost', async () => {
    const { gateway, old, next, client } = await bench.cluster();
    const others = Array.from({ length: CLIENTS - 1 }, () => bench.client(gateway.routerAddress));
    const clients: TestClient[] = [client, ...(await Promise.all(others))];
    for (const one of clients) one.send(COMMAND.repeat(VALUES));
    const lengths = (server: typeof old) =>
      server.framesOf('open').map(({ assignment }) => server.inputLength(assignment));
    const hasAll = (server: typeof old) => () =>
      lengths(server).filter((length) => length === VALUES * COMMAND.length).length === CLIENTS;
    await until('all is sent', hasAll(old));

    const before = process.memoryUsage().arrayBuffers;
    old.die();
    expect(process.memoryUsage().arrayBuffers - before).to.be.below(16 * MIB);
    gateway.setLeader({ slot: 1, term: 2 });
    await until('all is sent again', hasAll(next));
  });
});
