/** Faults of the links between servers. One at a time: each is undone by healing all links. */

import type { LinkFault, Program } from '../support/program.js';
import { type FaultAction, type Scene, victims } from './faults.js';
import type { Site } from './site.js';

const MIN_LOSS = 0.05;
const MAX_LOSS = 0.5;
const MIN_DELAY_MS = 1;
const MAX_DELAY_MS = 250;
/** How often all links are bad, and not only those of one server. */
const ALL_LINKS_CHANCE = 0.5;

/** Two groups of any size that hear nothing of each other. */
export const partition: FaultAction = async (scene) => {
  const { site, random, begin, hold } = scene;
  const { ids } = site;
  const order = await victims(scene);
  const size = 1 + random.below(order.length - 1);
  const groups = [order.slice(0, size), order.slice(size)].map((group) => group.toSorted((a, b) => a - b));
  const across = linksOf(ids).filter(([a, b]) => groups.some((g) => g.includes(a) !== g.includes(b)));
  site.health.setBadLinks(across);
  begin(`partition ${groups.map((group) => group.join(' ')).join(' | ')}`);
  await tellOfLinks(site, ids, (program) => program.partition(groups));
  await hold();
  await heal(scene);
};

/** A server that is heard and hears nothing, or the other way round; of one other server or of all. */
export const asymmetry: FaultAction = async (scene) => {
  const { site, random, begin } = scene;
  const { ids } = site;
  const [victim = 0, other = 0] = await victims(scene);
  const isDeaf = random.chance(0.5);
  const all = random.chance(0.5);
  const links = linksOf(ids)
    .filter(([from, to]) => (isDeaf ? to : from) === victim)
    .filter(([from, to]) => all || from === other || to === other)
    .map(([from, to]) => ({ from, to, dropRate: 1 }));
  begin(
    `asym ${victim} ${isDeaf ? 'does not hear' : 'is not heard by'} ${all ? 'the others' : `server ${other}`}`,
  );
  await disturb(scene, ids, links);
};

export const loss: FaultAction = async (scene) => {
  const { random, begin } = scene;
  const dropRate = random.between(MIN_LOSS, MAX_LOSS);
  const { ids, links, whose } = await someLinks(scene);
  begin(`loss of ${Math.round(dropRate * 100)} % on ${whose}`);
  await disturb(
    scene,
    ids,
    links.map(([from, to]) => ({ from, to, dropRate })),
  );
};

export const delay: FaultAction = async (scene) => {
  const { random, begin } = scene;
  const mostMs = Math.round(random.between(MIN_DELAY_MS, MAX_DELAY_MS));
  const { ids, links, whose } = await someLinks(scene);
  begin(`delay of up to ${mostMs} ms on ${whose}`);
  await disturb(
    scene,
    ids,
    links.map(([from, to]) => ({ from, to, delayMs: [0, mostMs] as const })),
  );
};

interface DrawnLinks {
  /** The members when they were drawn. */
  readonly ids: readonly number[];
  readonly links: readonly [number, number][];
  readonly whose: string;
}

async function someLinks(scene: Scene): Promise<DrawnLinks> {
  const { site, random } = scene;
  const { ids } = site;
  const [victim = 0] = await victims(scene);
  const links = linksOf(ids);
  if (random.chance(ALL_LINKS_CHANCE)) return { ids, links, whose: 'all links' };
  const some = links.filter((link) => link.includes(victim));
  return { ids, links: some, whose: `the links of server ${victim}` };
}

/** @param ids the members when the links were drawn */
async function disturb(scene: Scene, ids: readonly number[], links: readonly LinkFault[]): Promise<void> {
  const { site, hold } = scene;
  site.health.setBadLinks(links.map(({ from, to }) => [from, to]));
  for (const link of links) await tellOfLinks(site, ids, (program) => program.setLink(link));
  await hold();
  await heal(scene);
}

async function heal({ site }: Scene): Promise<void> {
  await site.tell((program) => program.heal());
  site.health.setBadLinks([]);
}

/**
 * A server that is being removed may be gone: then the fault is not done to it.
 *
 * @param ids the members when the links were drawn
 */
async function tellOfLinks(
  site: Site,
  ids: readonly number[],
  act: (program: Program) => Promise<void>,
): Promise<void> {
  await site.tell(act).catch((error: unknown) => {
    if (ids === site.ids && ids.every((id) => !site.taken.has(id))) throw error;
  });
}

function linksOf(ids: readonly number[]): [number, number][] {
  return ids.flatMap((from) => ids.filter((to) => to !== from).map((to): [number, number] => [from, to]));
}
