/** A deliberate bug for the simulator. */

import type { Edit } from '../../tools/support/mutant-copy.js';

export interface Mutant extends Edit {
  readonly name: string;
  /** It is not found within 60 seeds, so that a sample leaves it out. */
  readonly isRare?: true;
}
