/** Faults of servers' disks: one at a time, and none while the program is started. */

import { type FaultAction, type Scene, victims, within } from './faults.js';
import { withServers } from './server-faults.js';
import type { Site } from './site.js';

/** A server that writes nothing for this long is not hurt by a bad disk. */
const WRITE_TIMEOUT_MS = 3_000;

/** A server's writes fail, so that it stops, until its disk is well and it is started again. */
export const failDisk: FaultAction = (scene) =>
  scene.site.disks.hold(() => withServers(scene, 1, ([id = 0]) => fail(scene, id)));

async function fail({ site, random, begin, hold }: Scene, id: number): Promise<void> {
  const fault = random.of(['fail', 'read-only'] as const);
  begin(`disk of ${id}: ${fault}`);
  await site.setDiskFault(id, fault);
  const hasStopped = await within(WRITE_TIMEOUT_MS, () => isStopped(site, id));
  if (hasStopped) await hold();
  await site.clearDiskFault(id);
  await site.restartServers([id]);
}

/** A server's writes take long, hang, or meet a shortage that passes. It goes on by itself. */
export function troubleDisk(fault: 'slow' | 'hang' | 'full' | 'no descriptors'): FaultAction {
  return (scene) =>
    scene.site.disks.hold(async () => {
      const { site, begin, hold } = scene;
      const [id = 0] = await victims(scene);
      site.health.unwell(id);
      begin(`disk of ${id}: ${fault}`);
      await site.setDiskFault(id, fault);
      await hold();
      await site.clearDiskFault(id);
      if (site.ids.includes(id) && !site.taken.has(id)) await site.untilRunning([id]);
      site.health.well(id);
    });
}

export async function isStopped(site: Site, id: number): Promise<boolean> {
  const { servers } = await (await site.program()).status();
  return servers.some((server) => server.id === id && server.state === 'stopped');
}
