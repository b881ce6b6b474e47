/**
 * Servers on a model of etcd that loses calls and answers, in virtual time, whose clients send many commands at once. A client
 * sets one key and then another to the same number: whoever sees the second sees the first. All count up the same keys.
 */

import { sleep } from '../../../src/environment.js';
import { EtcdKeys } from '../../../src/etcd/etcd-keys.js';
import type { EtcdTransport } from '../../../src/etcd/etcd-transport.js';
import { KeyOrderReads } from '../../../src/etcd/key-order-reads.js';
import { Leases } from '../../../src/etcd/leases.js';
import { ScanCursors } from '../../../src/etcd/scan-cursors.js';
import { Scratch } from '../../../src/etcd/scratch.js';
import { Sessions } from '../../../src/etcd/sessions.js';
import { SharedTransactions } from '../../../src/etcd/shared-transactions.js';
import { AT_COMMAND_START } from '../../../src/protocol/checkpoint.js';
import type { Request } from '../../../src/protocol/request.js';
import { commandOf } from '../../../src/protocol/resp/commands.js';
import { ErrorReply } from '../../../src/protocol/resp/value.js';
import {
  ClientConnection,
  type PendingCommand,
  TotalUnread,
} from '../../../src/server/clients/client-connection.js';
import { Pause } from '../../../src/server/clients/pause.js';
import { EtcdPath } from '../../../src/server/etcd/etcd-path.js';
import type { EtcdAnswerer } from '../../../src/server/etcd/refusals.js';
import { checkLinearizability } from '../../../tools/linearizability/checker.js';
import type { Action, Operation, Outcome } from '../../../tools/linearizability/history.js';
import { opening } from '../../support/client-frames.js';
import { EtcdModel, type Fate } from '../../support/etcd/etcd-model.js';
import { VirtualWorld } from '../../support/etcd/virtual-world.js';
import { HASH_SECRET } from '../../support/hash-secret.js';

const FRONTS = 2;
const CLIENTS_OF_FRONT = 10;
const BURSTS = 4;
const MAX_BURST = 12;
const MAX_PAUSE_MS = 30;
const COUNTED = ['a', 'b', 'c', 'd', 'e', 'f'];
const PREFIX = 'run/';

/** What a client is told: a value, or that nothing was done, or that nobody knows. */
type Told = { readonly value: unknown } | 'nothing done' | 'unknown';

/** Throws what is wrong with the answers of this run. Returns how many calls of a server were under way at a time at most. */
export async function runPipelined(seed: number): Promise<number> {
  const world = new VirtualWorld(seed);
  const model = new EtcdModel(world);
  const run = new Run(world);
  const fronts: Front[] = [];
  const going = new Promise<unknown>((resolve, reject) => {
    for (let place = 0; place < FRONTS; place += 1)
      fronts.push(new Front(world, model.connect(fates(world)), reject));
    const clients = fronts.flatMap((front, place) =>
      Array.from({ length: CLIENTS_OF_FRONT }, (_, i) => run.client(front, place * CLIENTS_OF_FRONT + i + 1)),
    );
    Promise.all(clients).then(resolve, reject);
  });
  await world.run(going);
  run.check();
  return Math.max(...fronts.map(({ mostCalls }) => mostCalls));
}

function fates(world: VirtualWorld): () => Fate {
  return () => {
    const delayMs = 1 + Math.floor(world.random() * 30);
    const drawn = world.random();
    if (drawn < 0.02) return { delayMs, type: 'lost after' };
    if (drawn < 0.04) return { delayMs, type: 'lost before' };
    return { delayMs, type: drawn < 0.06 ? 'unreachable' : 'answered' };
  };
}

class Run {
  readonly #world: VirtualWorld;
  readonly #operations: Operation[] = [];
  /** To what each client has surely set its first key. */
  readonly #firstSet = new Map<number, Set<number>>();
  /** What somebody saw in the two keys of a client. */
  readonly #seen: { readonly client: number; readonly first: number; readonly second: number }[] = [];

  constructor(world: VirtualWorld) {
    this.#world = world;
  }

  /** Throws if clients saw what cannot be. */
  check(): void {
    for (const { client, first, second } of this.#seen)
      if (first < second && this.#firstSet.get(client)?.has(second))
        throw new Error(`${client} set its second key to ${second} while the first was ${first}`);
    for (const { key } of checkLinearizability(this.#operations))
      throw new Error(`the counts of ${key} have no order`);
  }

  /** Sends some commands at once, and the next ones when all are answered. */
  async client(front: Front, number: number): Promise<void> {
    const connection = front.connect(number);
    for (let burst = 1; burst <= BURSTS; burst += 1) {
      await sleep(this.#world, this.#world.random() * MAX_PAUSE_MS);
      const answers: Promise<void>[] = [];
      const size = 1 + Math.floor(this.#world.random() * MAX_BURST);
      for (let i = 0; i < size; i += 1) {
        const drawn = this.#world.random();
        if (drawn < 0.5) answers.push(this.#setBoth(connection, number, burst * MAX_BURST + i));
        else if (drawn < 0.75) answers.push(this.#lookAtBoth(connection));
        else answers.push(this.#count(connection, number, drawn < 0.85));
      }
      await Promise.all(answers);
    }
  }

  async #setBoth(connection: Connection, client: number, value: number): Promise<void> {
    const first = connection.send(write('SET', `first ${client}`, `${value}`));
    const second = connection.send(write('SET', `second ${client}`, `${value}`));
    const set = this.#firstSet.get(client) ?? new Set();
    this.#firstSet.set(client, set);
    if (typeof (await first) === 'object') set.add(value);
    await second;
  }

  /** Looks at the two keys of any client. */
  async #lookAtBoth(connection: Connection): Promise<void> {
    const client = 1 + Math.floor(this.#world.random() * FRONTS * CLIENTS_OF_FRONT);
    const told = await connection.send(read('mget', `first ${client}`, `second ${client}`));
    if (typeof told === 'string' || !Array.isArray(told.value)) return;
    const [first = 0, second = 0] = told.value.map(Number);
    this.#seen.push({ client, first, second });
  }

  async #count(connection: Connection, client: number, isRead: boolean): Promise<void> {
    const key = COUNTED[Math.floor(this.#world.random() * COUNTED.length)] ?? 'a';
    const action: Action = isRead ? { op: 'get' } : { op: 'increment' };
    const call = this.#world.nowMs();
    const outcome = outcomeOf(await connection.send(isRead ? read('get', key) : write('INCR', key)), isRead);
    if (outcome === undefined) return;
    const returned = this.#world.nowMs();
    const operation = { client, key, action, outcome, call, return: returned, position: undefined };
    this.#operations.push({ ...operation, stream: client });
  }
}

function outcomeOf(told: Told, isRead: boolean): Outcome | undefined {
  if (told === 'nothing done') return undefined;
  if (told === 'unknown') return { type: 'unknown' };
  const { value } = told;
  if (!isRead) return { type: 'counted', count: Number(value) };
  return value === null ? { type: 'not-found' } : { type: 'found', value: String(value) };
}

function write(...args: string[]): Request {
  return { type: 'redis', args, slotKey: args[1] };
}

function read(name: string, ...args: string[]): Request {
  const command = commandOf(name);
  if (command === undefined) throw new TypeError(`there is no ${name}`);
  return { type: 'redis-read', command, args };
}

/** A client's connection to a server, which answers its commands in their order, or this throws. */
class Connection {
  readonly #front: Front;
  readonly #world: VirtualWorld;
  readonly #client: ClientConnection;
  readonly #pending: { readonly command: PendingCommand; readonly settle: (told: Told) => void }[] = [];

  constructor(front: Front, world: VirtualWorld, number: number) {
    this.#front = front;
    this.#world = world;
    this.#client = new ClientConnection(number, opening(number), new TotalUnread(), world.nowMs());
  }

  send(request: Request): Promise<Told> {
    const client = this.#client;
    client.pendingCount += 1;
    const command: PendingCommand = {
      client,
      request,
      endOffset: client.pendingCount,
      at: AT_COMMAND_START,
      takenAtMs: this.#world.nowMs(),
      asOfMs: undefined,
      reservedBytes: 0,
      pendingUnits: 0,
      isElsewhere: false,
      isSilenced: false,
      isAnswered: false,
      isAsked: false,
    };
    const told = new Promise<Told>((settle) => this.#pending.push({ command, settle }));
    this.#front.take(command, this);
    return told;
  }

  answered(command: PendingCommand, told: Told): void {
    const first = this.#pending.shift();
    if (first?.command !== command) throw new Error('an answer came before that to an earlier command');
    command.isAnswered = true;
    this.#client.pendingCount -= 1;
    first.settle(told);
  }
}

/** A server's way of commands. */
class Front {
  /** Calls of etcd that were under way at a time, at most. */
  mostCalls = 0;
  #calls = 0;
  readonly #world: VirtualWorld;
  readonly #path: EtcdPath;
  readonly #connections = new Map<ClientConnection, Connection>();

  constructor(world: VirtualWorld, lossy: EtcdTransport, onFailure: (error: unknown) => void) {
    this.#world = world;
    const transport: EtcdTransport = {
      ...lossy,
      call: async (method, request, timeoutMs) => {
        this.#calls += 1;
        this.mostCalls = Math.max(this.mostCalls, this.#calls);
        return lossy.call(method, request, timeoutMs).finally(() => {
          this.#calls -= 1;
        });
      },
    };
    const keys = new EtcdKeys(transport, PREFIX);
    const leases = new Leases(transport);
    const sessions = new Sessions({ environment: world, transport, names: keys.names });
    const timeMs = () => world.wallClockMs();
    const newScratch = () => new Scratch(world, HASH_SECRET);
    const cursors = new ScanCursors(transport, leases, PREFIX, timeMs);
    this.#path = new EtcdPath({
      environment: world,
      keys,
      newScratch,
      sessions,
      changes: { reach: () => Promise.resolve() },
      keyOrderReads: new KeyOrderReads({ environment: world, keys, cursors, timeMs }),
      transactions: new SharedTransactions({
        environment: world,
        keys,
        leases,
        newScratch,
        sessions,
        timeMs,
      }),
      answerer: this.#answerer(),
      pause: new Pause(),
      onAnswer: () => undefined,
      onAnswered: () => this.#requestTurn(),
      onFailure,
    });
  }

  connect(number: number): Connection {
    return new Connection(this, this.#world, number);
  }

  take(command: PendingCommand, from: Connection): void {
    this.#connections.set(command.client, from);
    this.#path.take(command);
    this.#requestTurn();
  }

  #requestTurn(): void {
    this.#world.atEndOfTurn(() => this.#path.go());
  }

  #answerer(): EtcdAnswerer {
    const tell = (command: PendingCommand, told: Told) =>
      this.#connections.get(command.client)?.answered(command, told);
    const isRefused = (value: unknown) => value instanceof ErrorReply;
    return {
      write: (command, result) => tell(command, { value: result.type === 'resp' ? result.value : undefined }),
      tell: (command, reply) => tell(command, { value: reply.type === 'resp' ? reply.value : undefined }),
      // RESP clients alone are told errors in words, which these are not.
      read: (command, value) => tell(command, isRefused(value) ? 'nothing done' : { value }),
      unexecuted: (command, reply) =>
        tell(command, reply.type === 'internal-error' ? 'unknown' : 'nothing done'),
      local: (command) => tell(command, 'nothing done'),
      fromState: (command) => tell(command, 'nothing done'),
      endIfGone: () => false,
    };
  }
}
