/** Which mutants a commit has run: a few, others for each commit, the same each time. */

import { Random } from '../support/random.js';

/** Up to `count` of the names, in an order that the commit's hash alone decides. Throws RangeError for what is no hash. */
export function chooseByHash(names: readonly string[], count: number, hash: string): string[] {
  if (!/^[\da-f]{7,}$/i.test(hash)) throw new RangeError(`${hash} is no hash of a commit`);
  const random = new Random(Number.parseInt(hash.slice(0, 8), 16));
  const left = [...names];
  const chosen: string[] = [];
  while (chosen.length < count && left.length > 0) chosen.push(...left.splice(random.below(left.length), 1));
  return chosen;
}
