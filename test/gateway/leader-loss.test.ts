import { expect } from 'chai';
import { NODE_ENVIRONMENT } from '../../src/environment.js';
import { MAX_SLICES_MS_PER_TURN } from '../../src/limits.js';
import { TestBench, type TestClient, until } from './support.js';

const MIB = 1024 * 1024;
const CLIENTS = 8;
const VALUES = 7;
const COMMAND = `set k 0 ${MIB}\r\n${'x'.repeat(MIB)}\r\n`;

/** Whoever takes the time between two of its readings finds that a turn's whole time for slices is over. */
function slowClock() {
  let lateMs = 0;
  const clock = {
    isSlow: false,
    environment: {
      ...NODE_ENVIRONMENT,
      nowMs: () => {
        if (clock.isSlow) lateMs += MAX_SLICES_MS_PER_TURN;
        return NODE_ENVIRONMENT.nowMs() + lateMs;
      },
    },
  };
  return clock;
}

describe('clients of the router with much unanswered', () => {
  const bench = new TestBench();
  afterEach(() => bench.clear());

  it('do not have all of it copied in the turn in which their leader is lost', async () => {
    const clock = slowClock();
    const { gateway, old, next, client } = await bench.cluster({}, clock.environment);
    const others = Array.from({ length: CLIENTS - 1 }, () => bench.client(gateway.routerAddress));
    const clients: TestClient[] = [client, ...(await Promise.all(others))];
    for (const one of clients) one.send(COMMAND.repeat(VALUES));
    const hasAll = (server: typeof old) => () => {
      const byteCount = server.framesOf('data').reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
      return byteCount === CLIENTS * VALUES * COMMAND.length;
    };
    await until('all is sent', hasAll(old));

    const before = process.memoryUsage().arrayBuffers;
    clock.isSlow = true;
    old.die();
    clock.isSlow = false;
    // One slice: a first look for a command.
    expect(process.memoryUsage().arrayBuffers - before).to.be.below(MIB);
    gateway.setLeader({ slot: 1, term: 2 });
    await until('all is sent again', hasAll(next));
  });
});
