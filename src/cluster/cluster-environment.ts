/** What a cluster is handed besides its options. */

import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import type { Network } from '../gateway/network.js';

/** What a thread of a server runs. */
export const SERVER_MODULE = fileURLToPath(new URL('../../workers/server.js', import.meta.url));

export interface ClusterEnvironment {
  /** Where elections, deaths and restarts are logged; nowhere unless given. */
  readonly logger?: Logger;
  /**
   * The module that each thread runs in place of the server, for tests: see `ServerEvent` for what it must report.
   * @internal
   */
  readonly serverModule?: string;
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
