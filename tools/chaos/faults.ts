/** What can be done to the program. Each fault is done, held for a while, and undone. */

import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../support/random.js';
import type { Site } from './site.js';

export const FAULT_KINDS = [
  'kill',
  'crash',
  'pause',
  'partition',
  'asym',
  'loss',
  'delay',
  'transfer',
  'disk',
  'hang',
  'slow',
  'full',
  'descriptors',
  'process',
  'clock',
  'stop',
  'costly',
  'members',
  'replace',
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

/** A fault that was done. */
export interface Fault {
  readonly kind: FaultKind;
  /** In words. */
  readonly what: string;
  readonly fromNs: number;
  readonly untilNs: number;
}

export interface Scene {
  readonly site: Site;
  readonly random: Random;
  /** Notes that the fault begins, in words. */
  readonly begin: (what: string) => void;
  /** Resolves when the fault has lasted long enough. */
  readonly hold: () => Promise<void>;
}

/** Does the fault and undoes it. Does not begin it when there is nothing to do it to. */
export type FaultAction = (scene: Scene) => Promise<void>;

const POLL_MS = 5;
/** Often it is the leader that matters. */
const LEADER_CHANCE = 0.5;

/** The members in any order, the leader often first. They may have changed by the time that the caller goes on. */
export async function victims({ site, random }: Scene): Promise<number[]> {
  const { leader } = await site.tell((program) => program.status());
  const shuffled = site.ids
    .map((id) => ({ id, rank: random.next() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ id }) => id);
  // Also a leader that has been removed since it was asked for.
  const isMember = shuffled.some((id) => id === leader);
  if (leader === null || !isMember || !random.chance(LEADER_CHANCE)) return shuffled;
  return [leader, ...shuffled.filter((id) => id !== leader)];
}

/** Whether it was so in time. */
export async function within(timeoutMs: number, isSo: () => Promise<boolean>): Promise<boolean> {
  const giveUpAtMs = performance.now() + timeoutMs;
  while (performance.now() < giveUpAtMs) {
    if (await isSo()) return true;
    await pause(POLL_MS);
  }
  return false;
}
