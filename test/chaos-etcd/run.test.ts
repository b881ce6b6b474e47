import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { BUILT_PROGRAM } from '../../tools/chaos/site.js';
import { MUTANTS } from '../../tools/chaos-etcd/mutant-list.js';
import { PeerNetwork } from '../../tools/chaos-etcd/peer-network.js';
import { runChaos } from '../../tools/chaos-etcd/run.js';
import { Etcd, HAS_ETCD, idOf } from '../../tools/support/etcd-process.js';
import { BUILT, makeCopy } from '../../tools/support/mutant-copy.js';

const RUN = { seed: 26, clients: 12, keys: 4, tell: () => undefined };

(HAS_ETCD ? describe : describe.skip)('Chaos on etcd', () => {
  it('finds nothing wrong with the program', async function () {
    this.timeout(180_000);
    const { isRight, report } = await runChaos({ ...RUN, seconds: 20, entry: BUILT_PROGRAM });
    expect(isRight, report.join('\n')).to.equal(true);
  });

  for (const { name, edits } of MUTANTS)
    it(`finds out a program that would ${name}`, async function () {
      this.timeout(180_000);
      const copy = join(BUILT, `chaos-etcd-mutant-${process.pid}`);
      try {
        await makeCopy(edits, ['src', 'workers'], copy);
        // The program tells its version from there.
        await copyFile(join(BUILT, '../package.json'), join(BUILT, 'package.json'));
        const entry = join(copy, 'src/main.cjs');
        const { isRight, report } = await runChaos({ ...RUN, seconds: 5, entry });
        expect(report.at(-1)).to.match(/ faults, NOT linearizable$/);
        expect(isRight).to.equal(false);
      } finally {
        await rm(copy, { recursive: true, force: true });
      }
    });

  it('cuts a node off from the others in both directions, and lets it back', async () => {
    const network = new PeerNetwork();
    const nodes = await Etcd.startCluster(3, (peerPort) => network.between(peerPort));
    const [first] = nodes;
    try {
      if (first === undefined) throw new TypeError('there are three nodes');
      network.cut(first.peerPort, await idOf(first));
      await first.waitUntil({ isServing: false });
      await Promise.all(nodes.slice(1).map((node) => node.waitUntil({ isServing: true })));
      network.heal();
      await first.waitUntil({ isServing: true });
    } finally {
      await Promise.all(nodes.map((node) => node.stop()));
      network.close();
    }
  });
});
