/** Commands whose first argument names what they do: CLIENT LIST and the like. */

import type { Args } from '../../protocol/command.js';
import type { PushReply } from '../../protocol/reply.js';
import { unknownSubcommand, wrongArity } from '../../protocol/resp/error-replies.js';
import type { RedisStream } from '../../protocol/resp/redis-stream.js';
import { type RespValue, SimpleString } from '../../protocol/resp/value.js';
import type { ClusterQuestion } from './cluster-question.js';
import type { RedisContext } from './context.js';

/** A command with the arguments after its name. */
export type LocalCommand = (
  args: Args,
  stream: RedisStream,
  context: RedisContext,
) => RespValue | PushReply | ClusterQuestion;

export interface Subcommand {
  /** The number of arguments, both names included; if negative, the least number of them. */
  readonly arity: number;
  /** How it is written, and what it does: the lines of HELP. */
  readonly help: readonly [usage: string, ...explanation: string[]];
  readonly run: LocalCommand;
}

/** @param subcommands by name, in small letters */
export function container(name: string, subcommands: ReadonlyMap<string, Subcommand>): LocalCommand {
  const capitals = name.toUpperCase();
  return (all, stream, context) => {
    const [given = ''] = all;
    // Not by destructuring: that goes through very many arguments one by one.
    const args = all.slice(1);
    const lower = given.toLowerCase();
    if (lower === 'help' && args.length === 0) return helpOf(capitals, subcommands);
    const subcommand = subcommands.get(lower);
    if (subcommand === undefined) return unknownSubcommand(capitals, given);
    const count = args.length + 2;
    const { arity } = subcommand;
    if (arity < 0 ? count < -arity : count !== arity) return wrongArity(`${name}|${lower}`);
    return subcommand.run(args, stream, context);
  };
}

function helpOf(name: string, subcommands: ReadonlyMap<string, Subcommand>): RespValue {
  const lines = [`${name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`];
  for (const { help } of subcommands.values()) {
    const [usage, ...explanation] = help;
    lines.push(usage, ...explanation.map((line) => `    ${line}`));
  }
  lines.push('HELP', '    Print this help.');
  return lines.map((line) => new SimpleString(line));
}
