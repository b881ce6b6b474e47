import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { EtcdCluster } from '../../src/cluster/etcd-cluster.js';
import { checkLinearizability } from '../../tools/linearizability/checker.js';
import type { Action, Operation, Outcome } from '../../tools/linearizability/history.js';
import { Etcd, HAS_ETCD } from '../../tools/support/etcd-process.js';
import { freePorts } from '../../tools/support/free-ports.js';
import { Random } from '../../tools/support/random.js';
import { DisconnectedError, TextClient, type TextReply } from '../../tools/support/text-client.js';

const SEED = 26;
const CLIENTS = 6;
const KEYS = ['a', 'b', 'c'];
const ROUNDS = 6;

(HAS_ETCD ? describe : describe.skip)('Servers whose keys are in etcd, under faults', () => {
  it('are linearizable while etcd stands still or dies, and servers die', async () => {
    const etcd = await Etcd.start();
    const port = await freePorts();
    const options = { servers: 2, port, routerPort: port + 20 };
    const cluster = new EtcdCluster(options, { endpoints: [etcd.endpoint], prefix: 'faults/' });
    try {
      await cluster.start();
      const random = new Random(SEED);
      const history: Operation[] = [];
      const load = { isOver: false };
      const ports = [port, port + 2, port + 20];
      const clients = Array.from({ length: CLIENTS }, (_, client) =>
        run({ client, port: ports[client % ports.length] ?? port, load, history }),
      );
      for (let round = 0; round < ROUNDS; round += 1) {
        await disturb(round, etcd, cluster);
        await pause(200 + random.below(300));
      }
      load.isOver = true;
      await Promise.all(clients);
      const known = history.filter(({ outcome }) => outcome.type !== 'unknown');
      expect(known.length, 'operations with outcomes').to.be.greaterThan(200);
      const order = [...history].sort((a, b) => a.call - b.call);
      expect(checkLinearizability(order).map(({ key, stuck }) => ({ key, stuck }))).to.deep.equal([]);
    } finally {
      await cluster.close();
      await etcd.stop();
    }
  });
});

async function disturb(round: number, etcd: Etcd, cluster: EtcdCluster): Promise<void> {
  switch (round % 3) {
    case 0:
      await etcd.pause();
      await pause(500);
      etcd.goOn();
      return;
    case 1: {
      const id = Math.floor(round / 3) % 2;
      await cluster.kill(id);
      await pause(200);
      await cluster.restart(id);
      return;
    }
    default:
      await etcd.kill();
      await pause(200);
      await etcd.run();
  }
}

interface Client {
  readonly client: number;
  readonly port: number;
  readonly load: { readonly isOver: boolean };
  readonly history: Operation[];
}

/** Asks for one thing after the other until the load is over, on another connection after each that has ended. */
async function run({ client, port, load, history }: Client): Promise<void> {
  const random = new Random(SEED + 1 + client);
  const versions = new Map<string, number>();
  for (let number = 0; !load.isOver; ) {
    const connection = await TextClient.connect(port).catch(() => undefined);
    if (connection === undefined) {
      await pause(20);
      continue;
    }
    while (!load.isOver && !connection.isClosed) {
      number += 1;
      const key = KEYS[random.below(KEYS.length)] ?? 'a';
      const action = actionOf(random.below(4), `${client}.${number}`, versions.get(key) ?? 1);
      const call = performance.now();
      const reply = await ask(connection, key, action).catch((error: unknown) => {
        if (error instanceof DisconnectedError) return undefined;
        throw error;
      });
      const outcome = outcomeOf(reply);
      if (reply?.type === 'META') versions.set(key, reply.version);
      if (outcome.type === 'unknown' && action.op === 'get') continue;
      const end = outcome.type === 'unknown' ? Number.POSITIVE_INFINITY : performance.now();
      history.push({ client, key, action, outcome, call, return: end, position: undefined });
    }
    connection.close();
  }
}

function actionOf(choice: number, value: string, expected: number): Action {
  switch (choice) {
    case 0:
      return { op: 'set', value };
    case 1:
      return { op: 'cas', value, expected };
    case 2:
      return value.endsWith('0') ? { op: 'delete' } : { op: 'get' };
    default:
      return { op: 'get' };
  }
}

function ask(client: TextClient, key: string, action: Action): Promise<TextReply> {
  switch (action.op) {
    case 'set':
      return client.set(key, action.value);
    case 'cas':
      return client.cas(key, action.expected, action.value);
    case 'delete':
      return client.delete(key);
    default:
      return client.getm(key);
  }
}

function outcomeOf(reply: TextReply | undefined): Outcome {
  switch (reply?.type) {
    case 'OK':
      return { type: 'stored', version: reply.version };
    case 'META':
      return { type: 'found', value: reply.value, version: reply.version };
    case 'ERR_NOT_FOUND':
      return { type: 'not-found' };
    case 'ERR_VERSION':
      return { type: 'version-mismatch' };
    case 'DELETED':
      return { type: 'deleted' };
    default:
      return { type: 'unknown' };
  }
}
