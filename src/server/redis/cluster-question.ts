/**
 * A command that this server cannot answer alone: a CLIENT command that concerns the connections of all servers, whose reply is
 * made of what each of them has to say, or AUTH, of whose password the gateway knows whether it is right.
 */

import type { Args } from '../../protocol/command.js';
import type { RespValue } from '../../protocol/resp/value.js';

export class ClusterQuestion {
  /** The arguments after CLIENT, the first in capital letters; or AUTH, the user and the password. */
  readonly args: Args;
  /** Makes the reply of the answers. */
  readonly conclude: (answers: readonly string[]) => RespValue;

  constructor(args: Args, conclude: (answers: readonly string[]) => RespValue) {
    this.args = args;
    this.conclude = conclude;
  }
}
