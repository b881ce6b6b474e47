import { MessageChannel } from 'node:worker_threads';
import { expect } from 'chai';
import type { Port } from '../../src/channel/port.js';
import { type Environment, NODE_ENVIRONMENT } from '../../src/environment.js';
import { raftOptionsOf } from '../../src/server/open-server.js';
import { FAILOVERS, rehearse } from '../../src/server/rehearsal.js';

/** Of servers that nothing but a rehearsal makes campaign within a test. */
const ELECTION_TIMEOUT_MS = 60_000;

describe('a rehearsal of failovers', () => {
  const raft = raftOptionsOf({
    id: 4,
    clusterSize: 5,
    electionTimeoutMs: ELECTION_TIMEOUT_MS,
    heartbeatMs: ELECTION_TIMEOUT_MS / 10,
    catchUpTimeoutMs: ELECTION_TIMEOUT_MS,
    leasesAreOver: false,
  });
  let ports: Port[];

  beforeEach(() => {
    ports = [];
  });

  function newPorts(): readonly [Port, Port] {
    const { port1, port2 } = new MessageChannel();
    ports.push(port1, port2);
    return [port1, port2];
  }

  it('elects a leader after each end of one', async () => {
    expect(await rehearse({ environment: NODE_ENVIRONMENT, newPorts, raft })).to.equal(FAILOVERS);
  });

  it('leaves no timer, and no port that keeps the thread alive', async () => {
    const timers = new Set<object>();
    const environment: Environment = {
      ...NODE_ENVIRONMENT,
      startTimer: (callback, delayMs) => {
        const running = {};
        timers.add(running);
        const timer = NODE_ENVIRONMENT.startTimer(() => {
          timers.delete(running);
          callback();
        }, delayMs);
        const cancel = () => {
          timers.delete(running);
          timer.cancel();
        };
        return { cancel };
      },
    };
    await rehearse({ environment, newPorts, raft });
    for (const port of ports) expect(port.hasRef?.()).to.equal(false);
    expect(timers).to.have.lengthOf(0);
  });

  it('ends when nothing comes of it', async () => {
    const mute = { postMessage: () => undefined, on: () => undefined, off: () => undefined };
    const port = { ...mute, once: () => undefined, close: () => undefined };
    const rehearsed = rehearse({ environment: NODE_ENVIRONMENT, newPorts: () => [port, port], raft });
    expect(await rehearsed).to.equal(0);
  });
});
