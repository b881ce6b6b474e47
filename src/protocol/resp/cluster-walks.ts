/** Subcommands of CLUSTER that go through all keys. */

import type { Args } from '../command.js';
import type { RedisFixedRequest, RedisWalkRequest } from '../request.js';
import { wrongArity } from './error-replies.js';
import { fixed } from './requests.js';

const WALKS: ReadonlyMap<string, { readonly name: string; readonly argCount: number }> = new Map([
  ['COUNTKEYSINSLOT', { name: 'countkeysinslot', argCount: 1 }],
  ['GETKEYSINSLOT', { name: 'getkeysinslot', argCount: 2 }],
]);

/** The walk through all keys that CLUSTER with these arguments is, or its error; undefined for other subcommands. */
export function clusterWalk([subcommand = '', ...args]: Args):
  | RedisWalkRequest
  | RedisFixedRequest
  | undefined {
  const walk = WALKS.get(subcommand.toUpperCase());
  if (walk === undefined) return undefined;
  const { name, argCount } = walk;
  return args.length === argCount ? { type: 'redis-walk', name, args } : fixed(wrongArity(`cluster|${name}`));
}
