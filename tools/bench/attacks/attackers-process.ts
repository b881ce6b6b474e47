/** The process of those who attack: begins and ends what its parent says. */

import { ALL_ATTACKS, type Victim } from './attacks.js';

/** From the parent: an attack to begin, after the end of the one before, or none. */
export interface Order {
  readonly attack?: string;
  readonly victim?: Victim;
}

let over = new AbortController();
let attacking: Promise<void> = Promise.resolve();

process.on('message', async ({ attack, victim }: Order) => {
  over.abort();
  await attacking;
  over = new AbortController();
  if (attack !== undefined && victim !== undefined)
    attacking = ALL_ATTACKS.get(attack)?.(victim, over.signal) ?? Promise.resolve();
  process.send?.('done');
});

process.once('disconnect', () => process.exit());
