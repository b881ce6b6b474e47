/** What is done to nodes of etcd and to programs, one thing at a time, and undone. */

import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../support/random.js';
import type { Site } from './site.js';

const MIN_FAULT_MS = 300;
/** Longer than etcd's election timeout, and than a server waits for one endpoint. */
const MAX_FAULT_MS = 3_500;
const MIN_REST_MS = 300;
const MAX_REST_MS = 1_500;

interface Fault {
  readonly kind: string;
  /** Does it, has it last, and undoes it. */
  run(site: Site, random: Random, lastingMs: number): Promise<void>;
}

const FAULTS: readonly Fault[] = [
  {
    kind: 'a node of etcd is killed',
    run: async ({ nodes }, random, lastingMs) => {
      const node = random.of(nodes);
      await node.kill();
      await pause(lastingMs);
      await node.run();
    },
  },
  {
    kind: 'a node of etcd stands still',
    run: async ({ nodes }, random, lastingMs) => {
      const node = random.of(nodes);
      await node.pause();
      await pause(lastingMs);
      node.goOn();
    },
  },
  {
    kind: 'a node of etcd is cut off from the others',
    run: async (site, random, lastingMs) => {
      site.cut(random.below(site.nodes.length));
      await pause(lastingMs);
      site.heal();
    },
  },
  {
    kind: 'a program is killed',
    run: async (site, random, lastingMs) => {
      const startAgain = await site.killProgram(random.below(site.programs.length));
      await pause(lastingMs / 4);
      await startAgain();
    },
  },
  {
    kind: 'a server is killed',
    run: async ({ programs }, random, lastingMs) => {
      const program = random.of(programs);
      const id = random.below(program.serverPorts.length);
      await program.killServer(id);
      await pause(lastingMs / 4);
      await program.restartServer(id);
    },
  },
];

/** Does faults until told to stop, each kind as often as any other. Resolves to how many there were. */
export async function torment(
  site: Site,
  random: Random,
  over: AbortSignal,
  tell: (what: string) => void,
): Promise<number> {
  for (let count = 0; ; ) {
    for (const fault of random.shuffled(FAULTS)) {
      await pause(random.between(MIN_REST_MS, MAX_REST_MS));
      if (over.aborted) return count;
      tell(fault.kind);
      await fault.run(site, random, random.between(MIN_FAULT_MS, MAX_FAULT_MS));
      count += 1;
    }
  }
}
