import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect } from 'chai';
import { BareServer, type BareStore } from '../../tools/bench/bare-server.js';
import { LoadError } from '../../tools/bench/load/connection.js';
import { GeneratorProcess } from '../../tools/bench/load/generator-process.js';
import { runRound } from '../../tools/bench/load/round.js';
import type { RoundLimit, Workload } from '../../tools/bench/load/workload.js';

describe('A round of load', () => {
  const store: BareStore = new Map();
  let server: BareServer;
  let isRedirecting = false;

  beforeEach(async () => {
    store.clear();
    isRedirecting = false;
    server = await BareServer.listen({ port: 0, store, redirectTo: () => (isRedirecting ? 1 : undefined) });
  });

  afterEach(async () => {
    await server.close();
  });

  function workload(changes: Partial<Workload> = {}): Workload {
    return {
      port: server.port,
      connections: 3,
      depth: 4,
      operation: 'set',
      keyspace: { keys: 50, valueBytes: 10 },
      limit: { type: 'requests', requests: 50 },
      ...changes,
    };
  }

  it('sends exactly as many requests as it was told, and writes every key', async () => {
    const { requests, errors, latencyUs } = await runRound(workload());
    expect(requests).to.equal(50);
    expect(errors).to.deep.equal({});
    expect(store.size).to.equal(50);
    expect(latencyUs.p50).to.be.greaterThan(0).and.at.most(latencyUs.p99).and.at.most(latencyUs.max);
  });

  it('reads back what it wrote, with values that take many packets', async () => {
    const keyspace = { keys: 4, valueBytes: 300_000 };
    const limit: RoundLimit = { type: 'requests', requests: 8 };
    await runRound(workload({ keyspace, limit }));
    const { errors } = await runRound(workload({ keyspace, limit, operation: 'mixed' }));
    expect(errors).to.deep.equal({});
  });

  it('takes up no more requests once its time is over', async () => {
    const { requests, elapsedMs } = await runRound(workload({ limit: { type: 'seconds', seconds: 0.05 } }));
    expect(requests).to.be.greaterThan(0);
    expect(elapsedMs).to.be.at.least(50);
  });

  it('counts reads of what is not there, or is not what was written', async () => {
    await runRound(workload());
    store.delete('bench:00000007');
    store.set('bench:00000008', { version: 1, value: 'other' });
    const { requests, errors } = await runRound(workload({ operation: 'get' }));
    expect(requests).to.equal(50);
    expect(errors).to.deep.equal({ ERR_NOT_FOUND: 1, 'wrong VALUE': 1 });
  });

  it('counts redirects as wrong replies: they are cheaper than what is to be measured', async () => {
    isRedirecting = true;
    expect((await runRound(workload())).errors).to.deep.equal({ ERR_REDIRECT: 50 });
  });

  it('fails when the server goes away', async () => {
    const round = runRound(workload({ limit: { type: 'seconds', seconds: 60 } }), () => void server.close());
    const error: unknown = await round.catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(Error);
    server = await BareServer.listen({ port: 0, store });
  });

  it('greets first, and does not take the reply to that for one to a request', async () => {
    const heard: string[] = [];
    const replica = createServer((socket) => {
      socket.on('data', (bytes) => {
        for (const word of bytes.toString('latin1').match(/READONLY|GET/g) ?? []) {
          heard.push(word);
          socket.write(word === 'GET' ? `$10\r\n${'v'.repeat(10)}\r\n` : '+OK\r\n');
        }
      });
    }).listen(0);
    await once(replica, 'listening');
    const address = replica.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    const gets = { port, protocol: 'resp', operation: 'get', connections: 1, depth: 5 } as const;
    const { requests } = await runRound(workload({ ...gets, greeting: 'READONLY' }));
    replica.close();
    expect(requests).to.equal(50);
    expect(heard[0]).to.equal('READONLY');
    expect(heard.filter((word) => word === 'GET')).to.have.length(50);
  });

  it('runs in a process of its own, again and again', async () => {
    const generator = new GeneratorProcess();
    try {
      expect((await generator.run(workload())).requests).to.equal(50);
      expect((await generator.run(workload({ operation: 'get' }))).errors).to.deep.equal({});
      const error: unknown = await generator.run(workload({ port: 1 })).catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(LoadError).with.property('message').that.includes('ECONNREFUSED');
    } finally {
      await generator.close();
    }
  });
});
