/**
 * Does faults to the program, by a schedule that comes from a seed: one of the network and one of the servers at a time,
 * so that they meet in ever new ways.
 */

import { setTimeout as pause } from 'node:timers/promises';
import { Random } from '../support/random.js';
import { nowNs } from './client.js';
import type { Fault, FaultAction, FaultKind } from './faults.js';
import { asymmetry, delay, loss, partition } from './network-faults.js';
import { crash, disk, kill, pauseServer, processKill, transfer, troubleDisk } from './server-faults.js';
import type { Site } from './site.js';

const NETWORK_FAULTS: readonly (readonly [FaultKind, FaultAction])[] = [
  ['partition', partition],
  ['asym', asymmetry],
  ['loss', loss],
  ['delay', delay],
];

const SERVER_FAULTS: readonly (readonly [FaultKind, FaultAction])[] = [
  ['kill', kill],
  ['crash', crash],
  ['pause', pauseServer],
  ['transfer', transfer],
  ['disk', disk],
  ['hang', troubleDisk('hang')],
  ['slow', troubleDisk('slow')],
  ['full', troubleDisk('full')],
  ['descriptors', troubleDisk('no descriptors')],
  ['process', processKill],
];

const MIN_FAULT_MS = 200;
const MAX_FAULT_MS = 2_000;
const MIN_REST_MS = 300;
const MAX_REST_MS = 1_500;

export interface NemesisOptions {
  readonly site: Site;
  readonly seed: number;
  readonly kinds: readonly FaultKind[];
  /** Called with each fault when it has begun. */
  readonly onFault: (what: string) => void;
}

export class Nemesis {
  readonly #options: NemesisOptions;
  readonly #faults: Fault[] = [];

  constructor(options: NemesisOptions) {
    this.#options = options;
  }

  /** Those that are over, as they ended. */
  get faults(): readonly Fault[] {
    return this.#faults;
  }

  /** Goes on until the signal, and until every fault is undone. Rejects when the program fails by itself. */
  async run(over: AbortSignal): Promise<void> {
    const { kinds, seed, site } = this.#options;
    const isChosen = ([kind]: readonly [FaultKind, FaultAction]) => kinds.includes(kind);
    const network = site.servers === 1 ? [] : NETWORK_FAULTS.filter(isChosen);
    await Promise.all([
      this.#track(network, new Random(seed), over),
      this.#track(SERVER_FAULTS.filter(isChosen), new Random(seed ^ 0x5eed), over),
    ]);
  }

  async #track(
    faults: readonly (readonly [FaultKind, FaultAction])[],
    random: Random,
    over: AbortSignal,
  ): Promise<void> {
    while (faults.length > 0) {
      await wait(random.between(MIN_REST_MS, MAX_REST_MS), over);
      if (over.aborted) return;
      const [kind, act] = random.of(faults);
      await this.#do(kind, act, random, over);
    }
  }

  async #do(kind: FaultKind, act: FaultAction, random: Random, over: AbortSignal): Promise<void> {
    const { site, onFault } = this.#options;
    const durationMs = random.between(MIN_FAULT_MS, MAX_FAULT_MS);
    const begun: { readonly what: string; readonly fromNs: number }[] = [];
    const begin = (what: string) => {
      begun.push({ what, fromNs: nowNs() });
      onFault(what);
    };
    await act({ site, random, begin, hold: () => wait(durationMs, over) });
    for (const { what, fromNs } of begun) this.#faults.push({ kind, what, fromNs, untilNs: nowNs() });
  }
}

/** Resolves when the time is over, or everything is. */
async function wait(durationMs: number, over: AbortSignal): Promise<void> {
  await pause(durationMs, undefined, { signal: over }).catch(() => undefined);
}
