import { expect } from 'chai';
import { EtcdChanges } from '../../src/etcd/etcd-changes.js';
import { EtcdKeys } from '../../src/etcd/etcd-keys.js';
import { Leases } from '../../src/etcd/leases.js';
import { reachOf } from '../../src/etcd/reach.js';
import { modRevisionOf } from '../../src/etcd/revisions.js';
import { Scratch } from '../../src/etcd/scratch.js';
import { Sessions } from '../../src/etcd/sessions.js';
import { SharedTransactions } from '../../src/etcd/shared-transactions.js';
import type { Request } from '../../src/protocol/request.js';
import { EtcdModel } from '../support/etcd/etcd-model.js';
import { VirtualWorld } from '../support/etcd/virtual-world.js';
import { HASH_SECRET } from '../support/hash-secret.js';

const LONG_MS = 60_000;

/** A server on a model of etcd, which tells changes and executes commands. */
class Server {
  readonly world = new VirtualWorld(1);
  readonly model = new EtcdModel(this.world);
  readonly #transport = this.model.connect(() => ({ delayMs: 1, type: 'answered' }));
  readonly keys = new EtcdKeys(this.#transport, 'changes/');
  readonly #transactions = new SharedTransactions({
    environment: this.world,
    keys: this.keys,
    leases: new Leases(this.#transport),
    newScratch: () => new Scratch(this.world, HASH_SECRET),
    sessions: new Sessions({ environment: this.world, transport: this.#transport, names: this.keys.names }),
    timeMs: () => this.world.wallClockMs(),
  });

  newChanges(maxChanges?: number): EtcdChanges {
    return new EtcdChanges({
      environment: this.world,
      transport: this.#transport,
      names: this.keys.names,
      maxChanges,
      onChanged: () => undefined,
      onAnswer: () => undefined,
      onFailure: (error) => {
        throw error;
      },
    });
  }

  async execute(...commands: string[]): Promise<void> {
    for (const command of commands) {
      const args = command.split(' ');
      const request: Request = { type: 'redis', args, slotKey: args[1] };
      const reach = reachOf(request);
      if (reach.type !== 'keys') throw new TypeError(`${command} has no keys`);
      await this.#transactions.execute([{ request, reach }], this.world.nowMs() + LONG_MS, () => undefined);
    }
  }
}

function told({ history, lastRevision }: EtcdChanges, from = history.first): string[] {
  const lines: string[] = [];
  history.visit(from, lastRevision, ({ kind, key, revision }) => {
    lines.push(`${kind} ${key}`);
    expect(revision).within(from, lastRevision);
    return true;
  });
  return lines;
}

describe('changes of keys in etcd', () => {
  it('are told each once, with how keys were removed, and older ones are fetched for who asks', async () => {
    const server = new Server();
    await server.world.run(
      (async () => {
        const first = server.newChanges();
        await first.reach(undefined);
        expect(told(first)).deep.equal([]);
        const begin = first.lastRevision + 1;
        await server.execute(
          'SET a 1',
          'MSET b 2 c 3',
          'DEL a',
          'SET e 1 PX 100',
          'SET l 1 PX 100',
          'RENAME b d',
        );
        server.world.startTimer(() => undefined, 200);
        await new Promise<void>((resolve) => server.world.startTimer(resolve, 200));
        // One is found by a command, the other one by the end of its lease alone.
        await server.execute('APPEND e x');
        await new Promise<void>((resolve) => server.world.startTimer(resolve, LONG_MS));
        await server.keys.clear(LONG_MS);
        await first.reach(undefined);
        const all = [
          ...['set a', 'set b', 'set c', 'deleted a', 'set e', 'set l', 'set d', 'deleted b', 'set e'],
          ...['expired l', 'flushed '],
        ];
        expect(told(first, begin)).deep.equal(all);
        const later = server.newChanges();
        await later.reach(begin);
        expect(told(later, begin)).deep.equal(all);
        later.rest();
        first.rest();
      })(),
    );
  });

  it('that etcd has compacted, or for which there is no room, are not told, and what follows is', async () => {
    const server = new Server();
    await server.world.run(
      (async () => {
        await server.execute('SET a 1', 'SET a 2', 'SET a 3');
        const changes = server.newChanges(2);
        server.model.compact(server.model.revision);
        await changes.reach(1);
        expect(changes.history.keepsFrom(1)).equal(false);
        expect(modRevisionOf(changes.history.first)).equal(Number(server.model.revision));
        await server.execute('SET a 4', 'SET a 5', 'SET a 6');
        await changes.reach(undefined);
        expect(told(changes)).deep.equal(['set a', 'set a']);
        changes.rest();
      })(),
    );
  });
});
