/** What a cluster is handed besides its options. */

import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import type { Network } from '../gateway/network.js';
import type { EtcdAccess } from '../wire/control.js';
import { WrongStateError } from './cluster-errors.js';

/** What a thread of a server runs. In a bundle of CommonJS nothing says where this file is. */
export const SERVER_MODULE =
  import.meta.url === undefined
    ? 'workers/server.js'
    : serverModuleIn(fileURLToPath(new URL('../..', import.meta.url)));

export interface ClusterEnvironment {
  /** Where elections, deaths and restarts are logged; nowhere unless given. */
  readonly logger?: Logger;
  /**
   * The module that each thread runs in place of the server, for tests: see `ServerEvent` for what it must report.
   * @internal
   */
  readonly serverModule?: string;
  /**
   * Where keys are kept, if not in this process: see etcd-cluster.ts.
   * @internal
   */
  readonly etcd?: EtcdAccess;
  /**
   * Where clients come from, in place of the operating system's network.
   * @internal
   */
  readonly network?: Network;
  /**
   * How long new servers may take to catch up; a minute unless given.
   * @internal
   */
  readonly catchUpTimeoutMs?: number;
}

/** Throws WrongStateError when there is no such file: a bundler that makes one file of all leaves it behind. */
export function checkServerModule(path: string): void {
  if (existsSync(path)) return;
  throw new WrongStateError(
    `${path}, which servers run, is missing: have your bundler leave the package threadraft out (external)`,
  );
}

/**
 * The module of a server's thread in the directory of the built program: all of it in one file, unless that was made before the
 * last change was built, or not at all.
 */
export function serverModuleIn(directory: string): string {
  const bundle = join(directory, 'bundle/server.js');
  // tsc writes it with each change that it builds. The package has none.
  const builtMs = modifiedMs(join(directory, '.tsbuildinfo')) ?? 0;
  const bundledMs = modifiedMs(bundle);
  if (bundledMs !== undefined && bundledMs >= builtMs) return bundle;
  return join(directory, 'workers/server.js');
}

function modifiedMs(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}
