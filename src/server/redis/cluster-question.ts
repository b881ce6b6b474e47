/** A CLIENT command that concerns the connections of all servers: its reply is made of what each of them has to say. */

import type { Args } from '../../protocol/command.js';
import type { RespValue } from '../../protocol/resp/value.js';

export class ClusterQuestion {
  /** The arguments after CLIENT; the first in capital letters. */
  readonly args: Args;
  /** Makes the reply of the answers. */
  readonly conclude: (answers: readonly string[]) => RespValue;

  constructor(args: Args, conclude: (answers: readonly string[]) => RespValue) {
    this.args = args;
    this.conclude = conclude;
  }
}
