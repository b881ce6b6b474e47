/** CLIENT REPLY: whether a connection's commands are answered. */

import type { RespState } from '../checkpoint.js';
import type { Args } from '../command.js';

const MODES = ['on', 'off', 'skip'] as const;

/** What CLIENT REPLY asks for, given the arguments of CLIENT; undefined for other subcommands, and for what is no mode. */
export function replyMode(args: Args): RespState['replies'] | undefined {
  const [subcommand = '', given = ''] = args;
  if (subcommand.toUpperCase() !== 'REPLY' || args.length > 2) return undefined;
  return MODES.find((mode) => mode === given.toLowerCase());
}
