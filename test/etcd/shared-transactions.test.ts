import { expect } from 'chai';
import { NODE_ENVIRONMENT } from '../../src/environment.js';
import { EtcdNoAnswerError } from '../../src/etcd/etcd-errors.js';
import { EtcdKeys } from '../../src/etcd/etcd-keys.js';
import type { EtcdTransport } from '../../src/etcd/etcd-transport.js';
import { Leases } from '../../src/etcd/leases.js';
import { GrpcTransport } from '../../src/etcd/node/grpc-transport.js';
import { reachOf } from '../../src/etcd/reach.js';
import { Scratch } from '../../src/etcd/scratch.js';
import { Sessions } from '../../src/etcd/sessions.js';
import { type Outcome, type SharedCommand, SharedTransactions } from '../../src/etcd/shared-transactions.js';
import { TransactionRoom } from '../../src/etcd/transaction-room.js';
import type { Request } from '../../src/protocol/request.js';
import { commandOf } from '../../src/protocol/resp/commands.js';
import { NULL_ARRAY } from '../../src/protocol/resp/value.js';
import { Etcd, HAS_ETCD } from '../../tools/support/etcd-process.js';
import { HASH_SECRET } from '../support/hash-secret.js';

const PREFIX = 'test/';
const LONG_MS = 10_000;

/** One server's way to etcd, at a time of its own. */
class Front {
  nowMs = 1_700_000_000_000;
  readonly transport: GrpcTransport;
  readonly keys: EtcdKeys;
  readonly transactions: SharedTransactions;
  readonly sessions: Sessions;

  /** Requests to etcd so far. */
  calls = 0;

  constructor(endpoint: string) {
    this.transport = new GrpcTransport({ endpoints: [endpoint] });
    const counting: EtcdTransport = {
      call: (method, request, timeoutMs) => {
        this.calls += 1;
        return this.transport.call(method, request, timeoutMs);
      },
      keepAlive: (lease, timeoutMs) => this.transport.keepAlive(lease, timeoutMs),
      watch: (start) => this.transport.watch(start),
      close: () => this.transport.close(),
    };
    this.keys = new EtcdKeys(counting, PREFIX);
    this.sessions = new Sessions({
      environment: NODE_ENVIRONMENT,
      transport: counting,
      names: this.keys.names,
    });
    this.transactions = new SharedTransactions({
      environment: NODE_ENVIRONMENT,
      keys: this.keys,
      leases: new Leases(this.transport),
      newScratch: () => new Scratch(NODE_ENVIRONMENT, HASH_SECRET),
      sessions: this.sessions,
      timeMs: () => this.nowMs,
    });
  }

  /** Executes all of these in as few transactions as possible; resolves to the results, and how many shared each transaction. */
  async execute(...requests: readonly Request[]) {
    const outcomes: Outcome[] = [];
    const shares: number[] = [];
    while (outcomes.length < requests.length) {
      const some = await this.#executeSome(requests.slice(outcomes.length));
      outcomes.push(...some);
      shares.push(some.length);
    }
    return { outcomes, shares };
  }

  /** On a machine that is busy a read takes too long now and then: it is done again, as a server does. */
  async #executeSome(requests: readonly Request[]): Promise<readonly Outcome[]> {
    while (true) {
      let writing = 0;
      try {
        return await this.transactions.execute(
          together(requests),
          NODE_ENVIRONMENT.nowMs() + LONG_MS,
          (count) => {
            writing = count;
          },
        );
      } catch (error) {
        if (!(error instanceof EtcdNoAnswerError) || writing > 0) throw error;
      }
    }
  }

  /** What one command comes to. */
  async one(request: Request) {
    const { outcomes } = await this.execute(request);
    const [outcome] = outcomes;
    if (outcome?.type === 'written') return outcome.result;
    return outcome?.type === 'read' ? outcome.reply : outcome;
  }
}

/** The first of these, as many as can share a transaction. */
function together(requests: readonly Request[]): readonly SharedCommand[] {
  const room = new TransactionRoom();
  const all = requests.map(shared);
  const end = all.findIndex(({ reach }) => !room.add(reach));
  return end === -1 ? all : all.slice(0, end);
}

function shared(request: Request): SharedCommand {
  const reach = reachOf(request);
  if (reach.type !== 'keys') throw new TypeError(`${request.type} has no keys`);
  return { request, reach };
}

function set(key: string, value: string, exptimeS = 0): Request {
  return { type: 'set', key, value: Buffer.from(value), exptimeS, noreply: false };
}

function write(...args: string[]): Request {
  return { type: 'redis', args, slotKey: args[1] };
}

function read(name: string, ...args: string[]): Request {
  const command = commandOf(name);
  if (command === undefined) throw new TypeError(`there is no ${name}`);
  return { type: 'redis-read', command, args };
}

function resp(value: unknown) {
  return { type: 'resp', value };
}

async function leasesOf(etcd: Etcd): Promise<readonly string[]> {
  const answer = await etcd.ask('/v3/lease/leases', {});
  const leases: unknown = new Map(Object.entries(answer ?? {})).get('leases');
  return Array.isArray(leases) ? leases.map(({ ID }) => ID) : [];
}

(HAS_ETCD ? describe : describe.skip)('commands that share transactions of etcd', () => {
  let etcd: Etcd;
  let front: Front;
  let other: Front;

  before(async () => {
    etcd = await Etcd.start();
  });

  after(() => etcd.stop());

  beforeEach(async () => {
    front = new Front(etcd.endpoint);
    other = new Front(etcd.endpoint);
    await front.keys.clear(LONG_MS);
  });

  afterEach(() => {
    front.transport.close();
    other.transport.close();
  });

  it('store, read, compare and delete as those of the text protocol do', async () => {
    expect(await front.one(set('k', 'one'))).deep.equal({ type: 'stored', version: 1 });
    expect(await other.one({ type: 'get', key: 'k' })).deep.equal({ type: 'value', value: 'one' });
    const cas = { type: 'cas', key: 'k', value: Buffer.from('two'), exptimeS: 0, noreply: false } as const;
    expect(await other.one({ ...cas, version: 1 })).deep.equal({ type: 'stored', version: 2 });
    expect(await front.one({ ...cas, version: 1 })).deep.equal({ type: 'version-mismatch' });
    expect(await front.one({ type: 'delete', key: 'k', noreply: false })).deep.equal({ type: 'deleted' });
    expect(await other.one({ ...cas, version: 2 })).deep.equal({ type: 'not-found' });
    expect(await other.one(set('k', 'anew'))).deep.equal({ type: 'stored', version: 1 });
  });

  it('share one transaction, each seeing what those before it did', async () => {
    const { outcomes, shares } = await front.execute(
      write('INCR', 'n'),
      write('INCR', 'n'),
      read('get', 'n'),
      write('APPEND', 'n', '0'),
      read('mget', 'n', 'absent'),
    );
    expect(shares).deep.equal([5]);
    expect(outcomes).deep.equal([
      { type: 'written', result: resp(1n) },
      { type: 'written', result: resp(2n) },
      { type: 'read', reply: resp('2') },
      { type: 'written', result: resp(2) },
      { type: 'read', reply: resp(['20', null]) },
    ]);
    const [record] = [...(await other.keys.read(['n'])).values()];
    expect(record?.version).equal(3);
  });

  it('go in several transactions where they have more keys than one takes', async () => {
    const many = Array.from({ length: 300 }, (_, i) => set(`k${i}`, `${i}`));
    expect((await front.execute(...many)).shares).deep.equal([128, 128, 44]);
    expect(await front.keys.count()).equal(300);
    const names = Array.from({ length: 300 }, (_, i) => `k${i}`);
    expect(await front.one(read('mget', ...names))).deep.equal(resp(names.map((_, i) => `${i}`)));
  });

  it('tell revisions that name the last change, and never come again', async () => {
    const add = { type: 'add', key: 'a', value: Buffer.from('1'), exptimeS: 0, noreply: false } as const;
    const { outcomes } = await front.execute(set('before', '1'), add, { type: 'gets', key: 'b' });
    const result = outcomes[1]?.type === 'written' ? outcomes[1].result : undefined;
    const revision = result?.type === 'added' ? result.revision : 0;
    const told = await other.one({ type: 'gets', key: 'a' });
    expect(told).deep.include({ type: 'value-with-meta', revision, version: 1 });
    const cas = { ...add, type: 'cas-revision', revision } as const;
    const stored = await other.one(cas);
    expect(stored).deep.include({ type: 'stored-at', version: 2 });
    expect(await front.one(cas)).deep.equal({ type: 'version-mismatch' });
    const after = await front.one({ type: 'gets', key: 'a' });
    expect(after).property('revision', stored !== undefined && 'revision' in stored ? stored.revision : 0);
  });

  it('show no key past its deadline, and begin its versions anew', async () => {
    await front.one(set('k', 'old', 10));
    await front.one(write('SET', 'kept', 'x', 'EX', '10'));
    expect(await front.one(write('PERSIST', 'kept'))).deep.equal(resp(1));
    expect(await front.one({ type: 'getm', key: 'k' })).deep.include({ exptimeS: 10 });
    other.nowMs += 10_000;
    expect(await other.one({ type: 'get', key: 'k' })).deep.equal({ type: 'not-found' });
    // It is gone for those, too, whose clocks are behind.
    expect(await front.one({ type: 'get', key: 'k' })).deep.equal({ type: 'not-found' });
    expect(await front.one(set('k', 'new'))).deep.equal({ type: 'stored', version: 1 });
    expect(await other.one(read('get', 'kept'))).deep.equal(resp('x'));
  });

  it('have leases that clean up keys nobody looks for, a while after their deadlines', async () => {
    const before = await leasesOf(etcd);
    await front.execute(...Array.from({ length: 200 }, (_, i) => set(`k${i}`, 'x', 100)));
    const granted = (await leasesOf(etcd)).filter((id) => !before.includes(id));
    // One for 128 keys, one for the others; more only if a grant was done again.
    expect(granted.length).within(2, 4);
    const answer = await etcd.ask('/v3/lease/timetolive', { ID: granted[0] });
    expect(Number(new Map(Object.entries(answer ?? {})).get('TTL'))).within(104, 118);
  });

  it('are executed anew when another server has changed the keys meanwhile', async () => {
    const increments = Array.from({ length: 20 }, () => write('INCR', 'n'));
    const both = await Promise.all(
      [front, other].map(async (one) => {
        for (const increment of increments) await one.one(increment);
      }),
    );
    expect(both).lengthOf(2);
    expect(await front.one(read('get', 'n'))).deep.equal(resp('40'));
  });

  it('of a session are executed once, by whichever server, and by none once its lease is over', async () => {
    const opened = await front.sessions.open(60);
    const id = opened.type === 'session' ? opened.id : '';
    const once = (seq: number, done: number): Request => ({
      type: 'once',
      id,
      seq,
      done,
      command: { type: 'redis', args: ['INCR', 'n'] },
      slotKey: 'n',
    });
    expect(await front.one(once(1, 0))).deep.equal(resp(1n));
    const before = front.calls;
    expect(await front.one(once(2, 1))).deep.equal(resp(2n));
    expect(front.calls - before).equal(1);
    expect(await other.one(once(2, 1))).deep.equal(resp(2n));
    expect(await other.one(once(3, 2))).deep.equal(resp(3n));
    expect(await front.one(once(2, 1))).deep.equal({ type: 'result-forgotten' });
    expect(await front.one(once(3, 2))).deep.equal(resp(3n));
    // What was forgotten is gone.
    expect(await front.keys.names.count('r/')).equal(1);
    await other.sessions.close(id);
    expect(await front.keys.names.count('r/')).equal(0);
    expect(await front.one(once(4, 3))).deep.equal({ type: 'no-session' });
    expect(await front.one(read('get', 'n'))).deep.equal(resp('3'));
  });

  it('need not read keys again that they have written, and still see what others made of them', async () => {
    await front.one(write('INCR', 'n'));
    const before = front.calls;
    expect(await front.one(write('INCR', 'n'))).deep.equal(resp(2n));
    expect(front.calls - before).equal(1);
    await other.one(write('SET', 'n', '10'));
    expect(await front.one(read('get', 'n'))).deep.equal(resp('10'));
    await other.one(write('SET', 'n', '20'));
    expect(await front.one(write('INCR', 'n'))).deep.equal(resp(21n));
    // Nothing comes of this command, so nothing is compared.
    await other.one(write('DEL', 'n'));
    expect(
      await front.one({ type: 'delete-if', key: 'n', by: 'version', expected: 77, noreply: false }),
    ).deep.equal({ type: 'not-found' });
  });

  it('refuse a transaction of which a watched key has changed', async () => {
    await front.one(set('k', '1'));
    const watch: Request = { type: 'redis-watch', keys: ['k', 'absent'] };
    const watched = await front.one(watch);
    const keys = watched !== undefined && 'keys' in watched ? watched.keys : [];
    const exec: Request = {
      type: 'redis-transaction',
      watched: keys,
      commands: [
        ['SET', 'k', '2'],
        ['GET', 'k'],
      ],
    };
    const done = await front.one(exec);
    expect(done).nested.property('value[1]', '2');
    const refused = await front.one(exec);
    expect(refused).deep.equal(resp(NULL_ARRAY));
    expect(await front.one(read('get', 'k'))).deep.equal(resp('2'));
  });

  it('refuse what one transaction of etcd cannot hold', async () => {
    const names = Array.from({ length: 129 }, (_, i) => `k${i}`);
    expect(await front.one(write('DEL', ...names))).property('type', 'refused');
    const big = 'x'.repeat(1024 * 1024);
    expect(await front.one(write('MSET', 'a', big, 'b', big))).property('type', 'refused');
    expect(await front.one(set('a', big))).deep.equal({ type: 'stored', version: 1 });
    expect(await front.keys.count()).equal(1);
  });

  it('read long values in portions, at one revision', async () => {
    const big = 'x'.repeat(1024 * 1024);
    for (const key of ['a', 'b', 'c', 'd', 'e']) await front.one(set(key, big + key.slice(1)));
    const answer = await front.one(read('strlen', 'a'));
    expect(answer).deep.equal(resp(big.length));
    const all = await front.keys.read(['a', 'b', 'c', 'd', 'e']);
    expect([...all.values()].map((record) => record?.value.length)).deep.equal(Array(5).fill(big.length));
  });

  it('write nothing when etcd is out of space, and say so', async () => {
    const small = await Etcd.start('--quota-backend-bytes', `${1024 * 1024}`);
    const full = new Front(small.endpoint);
    try {
      let failure: unknown;
      for (let i = 0; failure === undefined && i < 20; i += 1)
        await full.one(set(`k${i}`, 'x'.repeat(500_000))).catch((error: unknown) => {
          failure = error;
        });
      expect(failure).property('isNoSpace', true);
    } finally {
      full.transport.close();
      await small.stop();
    }
  });

  it('say that nothing was done where etcd cannot be reached, and go to another endpoint', async () => {
    const nowhere = new GrpcTransport({ endpoints: ['http://127.0.0.1:1'] });
    const keys = new EtcdKeys(nowhere, PREFIX);
    const failure: unknown = await keys.read(['k']).catch((error: unknown) => error);
    expect(failure).property('code', 'ETCD_UNREACHABLE');
    const both = new GrpcTransport({ endpoints: ['http://127.0.0.1:1', etcd.endpoint] });
    expect(await new EtcdKeys(both, PREFIX).count()).equal(0);
    both.close();
    nowhere.close();
  });
});
