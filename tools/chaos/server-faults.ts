/** Faults of servers' threads, and of the whole program. */

import { access } from 'node:fs/promises';
import { ProgramError } from '../support/program.js';
import { type FaultAction, type Scene, victims, within } from './faults.js';

/** How often more servers than a minority are killed. */
const MANY_CHANCE = 0.2;
const MIN_PAUSE_MS = 100;
const MAX_PAUSE_MS = 1_500;
/** A server that writes nothing for this long does not die of it. */
const WRITE_TIMEOUT_MS = 3_000;

/** Threads are terminated, of one server or of several, and started again later. */
export const kill: FaultAction = async (scene) => {
  const { site, random, begin, hold } = scene;
  const minority = Math.floor((site.servers - 1) / 2);
  const count = random.chance(MANY_CHANCE)
    ? minority + 1 + random.below(site.servers - minority)
    : 1 + random.below(Math.max(1, minority));
  await withServers(scene, count, async (ids) => {
    begin(`kill ${ids.join(' ')}`);
    const program = await site.program();
    await Promise.all(ids.map((id) => program.killServer(id)));
    await hold();
    await site.restartServers(ids);
  });
};

/** A server's thread dies by itself around a write to its disk, and is started again by the program. */
export const crash: FaultAction = (scene) =>
  withServers(scene, 1, async ([id = 0]) => {
    const { site, random, begin } = scene;
    const when = random.chance(0.5) ? 'before' : 'after';
    begin(`crash ${id} ${when} a write`);
    await site.setDiskFault(id, `die ${when}`);
    await within(WRITE_TIMEOUT_MS, async () => !(await exists(site.diskFaultFile(id))));
    await site.clearDiskFault(id);
    await site.untilRunning([id]);
  });

/** A server's event loop is blocked. */
export const pauseServer: FaultAction = (scene) =>
  withServers(scene, 1, async ([id = 0]) => {
    const { site, random, begin } = scene;
    const durationMs = Math.round(random.between(MIN_PAUSE_MS, MAX_PAUSE_MS));
    begin(`pause ${id} for ${durationMs} ms`);
    await (await site.program()).pauseServer(id, durationMs);
  });

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

/** The whole program is killed, and started on its directory. */
export const processKill: FaultAction = ({ site, begin }) =>
  site.disks.hold(() =>
    site.process.hold(async () => {
      begin('process is killed');
      await site.restart();
    }),
  );

/** The whole program stands still, as it does while the machine sleeps or its memory is on disk. */
export const processStop: FaultAction = ({ site, begin, hold }) =>
  site.process.hold(async () => {
    site.health.programDown();
    begin('process stands still');
    await site.signal('SIGSTOP');
    await hold();
    await site.signal('SIGCONT');
    site.health.programUp();
  });

/** Does something to as many servers as are asked for and are not taken; they are unwell until it is done. */
export async function withServers(
  scene: Scene,
  count: number,
  act: (ids: readonly number[]) => Promise<void>,
): Promise<void> {
  const { site } = scene;
  const { health, taken } = site;
  const order = await victims(scene);
  const ids = order.filter((id) => site.ids.includes(id) && !taken.has(id)).slice(0, count);
  if (ids.length === 0) return;
  for (const id of ids) taken.add(id);
  health.unwell(...ids);
  await act(ids);
  health.well(...ids);
  for (const id of ids) taken.delete(id);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
