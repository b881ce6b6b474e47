/** Faults of servers and of the whole program. One at a time. */

import { access } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { ProgramError } from '../support/program.js';
import { type FaultAction, victims } from './faults.js';
import type { Site } from './site.js';

/** How often more servers than a minority are killed. */
const MANY_CHANCE = 0.2;
const MIN_PAUSE_MS = 100;
const MAX_PAUSE_MS = 1_500;
/** A server that writes nothing for this long is not hurt by a bad disk. */
const WRITE_TIMEOUT_MS = 3_000;
const POLL_MS = 5;

/** Threads are terminated, of one server or of several, and started again later. */
export const kill: FaultAction = async (scene) => {
  const { site, random, begin, hold } = scene;
  const order = await victims(scene);
  const minority = Math.floor((order.length - 1) / 2);
  const count = random.chance(MANY_CHANCE)
    ? minority + 1 + random.below(order.length - minority)
    : 1 + random.below(Math.max(1, minority));
  const ids = order.slice(0, count);
  site.health.unwell(...ids);
  begin(`kill ${ids.join(' ')}`);
  const program = await site.program();
  await Promise.all(ids.map((id) => program.killServer(id)));
  await hold();
  await site.restartServers(ids);
};

/** A server's thread dies by itself around a write to its disk, and is started again by the program. */
export const crash: FaultAction = async (scene) => {
  const { site, random, begin } = scene;
  const [id = 0] = await victims(scene);
  const when = random.chance(0.5) ? 'before' : 'after';
  site.health.unwell(id);
  begin(`crash ${id} ${when} a write`);
  await site.setDiskFault(id, `die ${when}`);
  await within(WRITE_TIMEOUT_MS, async () => !(await exists(site.diskFaultFile(id))));
  await site.clearDiskFault(id);
  await site.untilRunning([id]);
};

/** A server's event loop is blocked. */
export const pauseServer: FaultAction = async (scene) => {
  const { site, random, begin } = scene;
  const [id = 0] = await victims(scene);
  const durationMs = Math.round(random.between(MIN_PAUSE_MS, MAX_PAUSE_MS));
  site.health.unwell(id);
  begin(`pause ${id} for ${durationMs} ms`);
  await (await site.program()).pauseServer(id, durationMs);
  site.health.well(id);
};

/** Leadership is handed over; a cluster in trouble may refuse to. */
export const transfer: FaultAction = async (scene) => {
  const { site, random, begin } = scene;
  const id = random.of(site.ids);
  begin(`transfer to ${id}`);
  try {
    await (await site.program()).lead(id);
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
  }
};

/** A server's writes fail, so that it stops, until its disk is well and it is started again. */
export const disk: FaultAction = async (scene) => {
  const { site, random, begin, hold } = scene;
  const [id = 0] = await victims(scene);
  const fault = random.of(['fail', 'read-only'] as const);
  site.health.unwell(id);
  begin(`disk of ${id}: ${fault}`);
  await site.setDiskFault(id, fault);
  const hasStopped = await within(WRITE_TIMEOUT_MS, () => isStopped(site, id));
  if (hasStopped) await hold();
  await site.clearDiskFault(id);
  if (hasStopped || (await isStopped(site, id))) await site.restartServers([id]);
  site.health.well(id);
};

/** A server's writes take long, hang, or meet a shortage that passes. It goes on by itself. */
export function troubleDisk(fault: 'slow' | 'hang' | 'full' | 'no descriptors'): FaultAction {
  return async (scene) => {
    const { site, begin, hold } = scene;
    const [id = 0] = await victims(scene);
    site.health.unwell(id);
    begin(`disk of ${id}: ${fault}`);
    await site.setDiskFault(id, fault);
    await hold();
    await site.clearDiskFault(id);
    await site.untilRunning([id]);
    site.health.well(id);
  };
}

/** The whole program is killed, and started on its directory. */
export const processKill: FaultAction = async ({ site, begin }) => {
  begin('process is killed');
  await site.restart();
};

async function isStopped(site: Site, id: number): Promise<boolean> {
  const { servers } = await (await site.program()).status();
  return servers[id]?.state === 'stopped';
}

/** Whether it was so in time. */
async function within(timeoutMs: number, isSo: () => Promise<boolean>): Promise<boolean> {
  const giveUpAtMs = performance.now() + timeoutMs;
  while (performance.now() < giveUpAtMs) {
    if (await isSo()) return true;
    await pause(POLL_MS);
  }
  return false;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
