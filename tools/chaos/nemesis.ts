/**
 * Does faults to the program, by a schedule that comes from a seed, in rounds: a network fault and one of another kind at a time,
 * or one of each kind, so that they meet in ever new ways. After each round all are undone, and the program has to be back in
 * service by itself.
 */

import { setTimeout as pause } from 'node:timers/promises';
import { ProgramError } from '../support/program.js';
import { Random } from '../support/random.js';
import { nowNs } from './client.js';
import { costlyClient } from './client-faults.js';
import { stepClock } from './clock-faults.js';
import { failDisk, troubleDisk } from './disk-faults.js';
import type { Fault, FaultAction, FaultKind } from './faults.js';
import type { Interval } from './health.js';
import { changeMembers, replaceServer } from './member-faults.js';
import { asymmetry, delay, loss, partition } from './network-faults.js';
import { crash, kill, pauseServer, processKill, processStop, transfer } from './server-faults.js';
import type { Site } from './site.js';

type Choice = readonly [FaultKind, FaultAction];

const NETWORK_FAULTS: readonly Choice[] = [
  ['partition', partition],
  ['asym', asymmetry],
  ['loss', loss],
  ['delay', delay],
];

const SERVER_FAULTS: readonly Choice[] = [
  ['kill', kill],
  ['crash', crash],
  ['pause', pauseServer],
  ['transfer', transfer],
  ['process', processKill],
];

const DISK_FAULTS: readonly Choice[] = [
  ['disk', failDisk],
  ['hang', troubleDisk('hang')],
  ['slow', troubleDisk('slow')],
  ['full', troubleDisk('full')],
  ['descriptors', troubleDisk('no descriptors')],
];

const CLOCK_FAULTS: readonly Choice[] = [
  ['clock', stepClock],
  ['stop', processStop],
];

const CLIENT_FAULTS: readonly Choice[] = [['costly', costlyClient]];

/** They come at the same time as others. */
const MEMBER_FAULTS: readonly Choice[] = [
  ['members', changeMembers],
  ['replace', replaceServer],
];

const MIN_FAULT_MS = 200;
const MAX_FAULT_MS = 2_000;
const MIN_REST_MS = 300;
const MAX_REST_MS = 1_500;
const ROUND_MS = 10_000;
/** What is not back in service by then is looked at no more. */
const GIVE_UP_MS = 30_000;

export interface NemesisOptions {
  readonly site: Site;
  readonly seed: number;
  readonly kinds: readonly FaultKind[];
  /** Whether faults of servers, disks, clocks and clients come at the same time, and not one after the other. */
  readonly allAtOnce: boolean;
  /** Called with each fault when it has begun, and with the end of each round. */
  readonly onFault: (what: string) => void;
}

/** Faults that come one after the other. */
interface Track {
  readonly faults: readonly Choice[];
  readonly random: Random;
}

export class Nemesis {
  readonly #options: NemesisOptions;
  readonly #faults: Fault[] = [];
  readonly #recoveries: Interval[] = [];

  constructor(options: NemesisOptions) {
    this.#options = options;
  }

  /** Those that are over, as they ended. */
  get faults(): readonly Fault[] {
    return this.#faults;
  }

  /** For each round, from the end of its faults until the program was back in service. */
  get recoveries(): readonly Interval[] {
    return this.#recoveries;
  }

  /** Goes on until the signal, and until every fault is undone. Rejects when the program fails by itself. */
  async run(over: AbortSignal): Promise<void> {
    const tracks = this.#tracks();
    while (!over.aborted) {
      await during(over, ROUND_MS, (roundOver) =>
        Promise.all(tracks.map((track) => this.#follow(track, roundOver))),
      );
      await this.#recover();
    }
  }

  #tracks(): readonly Track[] {
    const { kinds, seed, site, allAtOnce } = this.#options;
    const groups = [SERVER_FAULTS, DISK_FAULTS, CLOCK_FAULTS, CLIENT_FAULTS];
    const tracks = [
      site.servers === 1 ? [] : NETWORK_FAULTS,
      MEMBER_FAULTS,
      ...(allAtOnce ? groups : [groups.flat()]),
    ];
    return tracks
      .map((faults, place) => ({
        faults: faults.filter(([kind]) => kinds.includes(kind)),
        random: new Random(seed).split(`track ${place}`),
      }))
      .filter(({ faults }) => faults.length > 0);
  }

  async #follow({ faults, random }: Track, over: AbortSignal): Promise<void> {
    while (true) {
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

  async #recover(): Promise<void> {
    const { site, onFault } = this.#options;
    const fromNs = nowNs();
    onFault('all faults are undone');
    const failure: unknown = await site.untilInService(GIVE_UP_MS).catch((error: unknown) => error);
    this.#recoveries.push({ fromNs, untilNs: failure === undefined ? nowNs() : Number.POSITIVE_INFINITY });
    if (failure instanceof ProgramError) onFault(failure.message);
    else if (failure !== undefined) throw failure;
  }
}

/** Does it with a signal for the end of this time, or of everything. */
async function during(
  over: AbortSignal,
  durationMs: number,
  act: (over: AbortSignal) => Promise<unknown>,
): Promise<void> {
  const controller = new AbortController();
  const end = () => controller.abort();
  const timer = setTimeout(end, durationMs);
  over.addEventListener('abort', end);
  try {
    await act(controller.signal);
  } finally {
    // After a failure the others end, too.
    end();
    clearTimeout(timer);
    over.removeEventListener('abort', end);
  }
}

/** Resolves when the time is over, or everything is. */
async function wait(durationMs: number, over: AbortSignal): Promise<void> {
  await pause(durationMs, undefined, { signal: over }).catch(() => undefined);
}
