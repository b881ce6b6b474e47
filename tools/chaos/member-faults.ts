/** Changes of members while clients are served, also of one whose disk is lost. */

import { ProgramError } from '../support/program.js';
import { isStopped } from './disk-faults.js';
import { type FaultAction, type Scene, victims, within } from './faults.js';
import { withServers } from './server-faults.js';

/** Servers that come, or go, in one step. */
const MAX_AT_ONCE = 2;
/** No fewer than that, if there were as many in the beginning: the loss of one is to be borne. */
const MIN_SERVERS = 3;
/** A server that writes nothing for this long does not notice that its disk is lost. */
const WRITE_TIMEOUT_MS = 3_000;
/** Other faults may hold a replacement up; one that takes longer does not come. */
const REPLACE_TIMEOUT_MS = 60_000;

/** Some servers go, the leader often among them, and others come. Also when that is given up, or cut off, it comes to an end. */
export const changeMembers: FaultAction = async (scene) => {
  const { site, begin } = scene;
  const { removed, added } = await draw(scene);
  const changed = [...removed, ...added];
  if (changed.length === 0) return;
  const wanted = [...site.ids.filter((id) => !removed.includes(id)), ...added].sort((a, b) => a - b);
  site.health.membersChange([...site.ids, ...added]);
  begin(`members ${site.ids.join(' ')} become ${wanted.join(' ')}`);
  await (await site.program()).changeMembers(wanted).catch(ignoreRefusal);
  site.setMembers(await site.tell((program) => program.untilMembersSettle()));
  for (const id of changed) site.taken.delete(id);
};

/**
 * A server loses its disk for good, and another one takes its place, on another disk where each has its own. The program is not
 * started meanwhile: it would tell that a server is missing.
 */
export const replaceServer: FaultAction = async (scene) => {
  const { site } = scene;
  if (site.servers < MIN_SERVERS) return;
  await site.disks.hold(() => withServers(scene, 1, ([id = 0]) => loseAndReplace(scene, id)));
};

async function loseAndReplace({ site, random, begin, hold }: Scene, id: number): Promise<void> {
  const loss = random.of(['is gone', 'fails'] as const);
  const isRenewed = site.isApart && (loss === 'fails' || random.chance(0.5));
  begin(`the disk of ${id} ${loss} for ever`);
  if (loss === 'fails') {
    await site.failForEver(id);
    await within(WRITE_TIMEOUT_MS, () => isStopped(site, id));
  } else {
    await (await site.program()).killServer(id);
    await site.removeFiles(id);
  }
  await hold();
  const dataDir = isRenewed ? await site.renewDirectory(id) : undefined;
  begin(`another server takes the place of ${id}`);
  await within(REPLACE_TIMEOUT_MS, async () => {
    const replaced = (await site.program()).replaceServer(id, dataDir);
    return replaced.then(() => true, ignoreRefusal);
  });
}

/** Only servers that no other fault has stopped go. What is drawn is taken. */
async function draw(scene: Scene): Promise<{ readonly removed: number[]; readonly added: number[] }> {
  const { site, random } = scene;
  const order = await victims(scene);
  const free = site.slots.filter((id) => !site.ids.includes(id) && !site.taken.has(id));
  const added = random.shuffled(free).slice(0, random.below(MAX_AT_ONCE + 1));
  const surplus = Math.max(0, site.servers + added.length - MIN_SERVERS);
  const removable = order.filter((id) => !site.taken.has(id));
  const removed = removable.slice(0, Math.min(surplus, random.below(MAX_AT_ONCE + 1)));
  for (const id of [...removed, ...added]) site.taken.add(id);
  return { removed, added };
}

/** A change is refused while another one is under way, and given up without the new servers; or its answer is cut off. */
function ignoreRefusal(error: unknown): false {
  if (!(error instanceof ProgramError) || !/ answered (?:409|503)| was not answered/.test(error.message))
    throw error;
  return false;
}
