/** A deliberate bug for the simulator. */

import type { Edit } from '../../tools/support/mutant-copy.js';

export interface Mutant extends Edit {
  readonly name: string;
  /** The test that fails with it, below `test/` and without `.test.js`: random runs find it within 60 seeds by luck alone. */
  readonly foundBy?: string;
}
