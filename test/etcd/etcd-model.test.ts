import { expect } from 'chai';
import { EtcdNoAnswerError, EtcdRefusalError, EtcdUnreachableError } from '../../src/etcd/etcd-errors.js';
import { EtcdKeys } from '../../src/etcd/etcd-keys.js';
import type { EtcdTransport } from '../../src/etcd/etcd-transport.js';
import { Leases } from '../../src/etcd/leases.js';
import { reachOf } from '../../src/etcd/reach.js';
import { KV } from '../../src/etcd/rpc/messages.js';
import { Scratch } from '../../src/etcd/scratch.js';
import { Sessions } from '../../src/etcd/sessions.js';
import { SharedTransactions } from '../../src/etcd/shared-transactions.js';
import type { Request } from '../../src/protocol/request.js';
import { checkLinearizability } from '../../tools/linearizability/checker.js';
import type { Action, Operation, Outcome } from '../../tools/linearizability/history.js';
import { EtcdModel, type Fate } from '../support/etcd/etcd-model.js';
import { VirtualWorld } from '../support/etcd/virtual-world.js';
import { HASH_SECRET } from '../support/hash-secret.js';

const SEEDS = 100;
const FRONTS = 3;
const CLIENTS = 6;
const OPERATIONS = 12;
const KEYS = ['a', 'b'];
const TIMEOUT_MS = 5_000;
const PREFIX = 'model/';

/** What is wrong with front ends, in those tests that show that it would be found. */
interface Bug {
  readonly way?: (transport: EtcdTransport) => EtcdTransport;
  readonly ignores?: (name: string) => boolean;
}

const NO_BUG: Bug = {};

interface Front {
  readonly transactions: SharedTransactions;
  readonly sessions: Sessions;
}

function newFront(world: VirtualWorld, transport: EtcdTransport): Front {
  const { names } = new EtcdKeys(transport, PREFIX);
  const sessions = new Sessions({ environment: world, transport, names });
  const transactions = new SharedTransactions({
    environment: world,
    keys: new EtcdKeys(transport, PREFIX),
    leases: new Leases(transport),
    newScratch: () => new Scratch(world, HASH_SECRET),
    sessions,
    timeMs: () => world.wallClockMs(),
  });
  return { transactions, sessions };
}

/** A front end executes one command at a time; its outcome, or unknown. Undefined: nothing was done. */
async function execute(front: Front, world: VirtualWorld, request: Request) {
  const reach = reachOf(request);
  if (reach.type !== 'keys') throw new TypeError(`${request.type} has no keys`);
  let writing = 0;
  try {
    const [outcome] = await front.transactions.execute(
      [{ request, reach }],
      world.nowMs() + TIMEOUT_MS,
      (count) => {
        writing = count;
      },
    );
    return outcome;
  } catch (error) {
    if (error instanceof EtcdNoAnswerError && writing > 0) return 'unknown';
    const isNothing = error instanceof EtcdNoAnswerError || error instanceof EtcdUnreachableError;
    if (isNothing || error instanceof EtcdRefusalError) return undefined;
    throw error;
  }
}

function fates(world: VirtualWorld): () => Fate {
  return () => {
    const delayMs = 1 + Math.floor(world.random() * 20);
    const drawn = world.random();
    if (drawn < 0.05) return { delayMs, type: 'lost after' };
    if (drawn < 0.1) return { delayMs, type: 'lost before' };
    return { delayMs, type: drawn < 0.15 ? 'unreachable' : 'answered' };
  };
}

/** Clients of several front ends increment and read; what they saw. */
async function history(
  seed: number,
  { way = (transport) => transport, ignores }: Bug = NO_BUG,
): Promise<readonly Operation[]> {
  const world = new VirtualWorld(seed);
  const model = new EtcdModel(world);
  if (ignores !== undefined) model.ignores = ignores;
  const fronts = Array.from({ length: FRONTS }, () => newFront(world, way(model.connect(fates(world)))));
  const queues = fronts.map(() => Promise.resolve());
  const operations: Operation[] = [];
  const client = async (number: number) => {
    for (let turn = 0; turn < OPERATIONS; turn += 1) {
      const place = Math.floor(world.random() * FRONTS);
      const key = KEYS[Math.floor(world.random() * KEYS.length)] ?? 'a';
      const isRead = world.random() < 0.3;
      const request: Request = isRead
        ? { type: 'get', key }
        : { type: 'redis', args: ['INCR', key], slotKey: key };
      const call = world.nowMs();
      const front = fronts[place];
      if (front === undefined) continue;
      model.isFull = world.random() < 0.05;
      const executed = (queues[place] ?? Promise.resolve()).then(() => execute(front, world, request));
      queues[place] = executed.then(() => undefined);
      const outcome = told(await executed);
      const action: Action = isRead ? { op: 'get' } : { op: 'increment' };
      if (outcome !== undefined)
        operations.push({
          client: number,
          key,
          action,
          outcome,
          call,
          return: world.nowMs(),
          position: undefined,
        });
    }
  };
  await world.run(Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number))));
  return operations;
}

function told(outcome: Awaited<ReturnType<typeof execute>>): Outcome | undefined {
  if (outcome === undefined || outcome === 'unknown') return outcome && { type: outcome };
  if (outcome.type === 'read') {
    const { reply } = outcome;
    return reply.type === 'value' ? { type: 'found', value: String(reply.value) } : { type: 'not-found' };
  }
  const result = outcome.type === 'written' ? outcome.result : undefined;
  return result?.type === 'resp' ? { type: 'counted', count: Number(result.value) } : undefined;
}

/** How many increments of a session's client are there too many or too few, each repeated until it is answered. */
async function miscount(
  seed: number,
  { way = (transport) => transport, ignores }: Bug = NO_BUG,
): Promise<number> {
  const world = new VirtualWorld(seed);
  const model = new EtcdModel(world);
  if (ignores !== undefined) model.ignores = ignores;
  const fronts = Array.from({ length: FRONTS }, () => newFront(world, way(model.connect(fates(world)))));
  const plain = newFront(
    world,
    model.connect(() => ({ delayMs: 1, type: 'answered' })),
  );
  let miss = 0;
  const client = async () => {
    const opened = await plain.sessions.open(60);
    const id = opened.type === 'session' ? opened.id : '';
    let done = 0;
    const sent: Request[] = [];
    for (let seq = 1; seq <= OPERATIONS; seq += 1) {
      const command = { type: 'redis', args: ['INCR', 'n'] } as const;
      const request: Request = { type: 'once', id, seq, done, command, slotKey: 'n' };
      let outcome: Awaited<ReturnType<typeof execute>>;
      do {
        const front = fronts[Math.floor(world.random() * FRONTS)] ?? plain;
        outcome = await execute(front, world, request);
      } while (outcome === undefined || outcome === 'unknown');
      if (outcome.type === 'written' && outcome.result.type === 'resp')
        miss ||= Number(outcome.result.value) - seq;
      if (world.random() < 0.7) done = seq;
      sent.push(request);
      // A duplicate that was on its way for long.
      const late = sent[Math.floor(world.random() * sent.length)];
      if (late !== undefined)
        await execute(fronts[Math.floor(world.random() * FRONTS)] ?? plain, world, late);
    }
    const last = OPERATIONS + 1;
    await plain.sessions.close(id);
    for (const front of fronts) {
      const command = { type: 'redis', args: ['INCR', 'n'] } as const;
      const request: Request = { type: 'once', id, seq: last, done: OPERATIONS, command, slotKey: 'n' };
      const outcome = await execute(front, world, request);
      if (typeof outcome === 'object' && outcome.type === 'written' && outcome.result.type === 'resp')
        miss += 1;
    }
  };
  await world.run(client());
  return miss;
}

const sentAgain = (transport: EtcdTransport): EtcdTransport => ({
  ...transport,
  call: async (method, request, timeoutMs) => {
    try {
      return await transport.call(method, request, timeoutMs);
    } catch (error) {
      if (!(error instanceof EtcdNoAnswerError) || method.name !== KV.txn.name) throw error;
      return transport.call(method, request, timeoutMs);
    }
  },
});

/** Names that are not compared. */
function withoutComparing(pattern: RegExp): Bug {
  return { ignores: (name) => pattern.test(name.slice(PREFIX.length)) };
}

async function firstSeed(isWrong: (seed: number) => Promise<boolean>): Promise<number | undefined> {
  for (let seed = 1; seed <= SEEDS; seed += 1) if (await isWrong(seed)) return seed;
  return undefined;
}

const isUnordered = (bug?: Bug) => async (seed: number) =>
  checkLinearizability(await history(seed, bug)).length > 0;
const isMiscounted = (bug?: Bug) => async (seed: number) => (await miscount(seed, bug)) !== 0;

describe('servers on a model of etcd that loses calls and answers', () => {
  it('are linearizable', async () => {
    expect(await firstSeed(isUnordered())).equal(undefined);
  });

  it('execute commands of sessions once, and none in a session that is over', async () => {
    expect(await firstSeed(isMiscounted())).equal(undefined);
  });

  it('would be found if they wrote what was read without comparing it', async () => {
    expect(await firstSeed(isUnordered(withoutComparing(/^k\//)))).a('number');
  });

  it('would be found if they sent a transaction again whose outcome is unknown', async () => {
    expect(await firstSeed(isUnordered({ way: sentAgain }))).a('number');
  });

  it('would be found if they executed once without comparing the result', async () => {
    expect(await firstSeed(isMiscounted(withoutComparing(/^[rs]\//)))).a('number');
  });

  it("would be found if they executed once without comparing the session's key", async () => {
    expect(await firstSeed(isMiscounted(withoutComparing(/^s\//)))).a('number');
  });
});
