/** Clusters for the tests of this room, and what they log. */

import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type Logger, pino } from 'pino';
import { Cluster } from '../../src/cluster/cluster.js';
import type { ClusterOptions } from '../../src/cluster/cluster-options.js';
import { freePorts } from '../../tools/support/free-ports.js';
import { TEST_ELECTION_TIMEOUT_MS } from './cluster.js';

export const FAKE_SERVER = fileURLToPath(new URL('fixtures/fake-server.js', import.meta.url));
export const SERVER_WITH_BAD_DISK = fileURLToPath(
  new URL('fixtures/server-with-bad-disk.js', import.meta.url),
);

/** One log line, parsed, with the fields that tests look at. */
export interface LogLine {
  readonly msg: string;
  readonly level: number;
  readonly server?: number;
  readonly pauseMs?: number;
  readonly dataDir?: string;
  readonly err?: { readonly message: string; readonly code?: string };
  readonly lastIndex?: number;
}

export class LogRecorder {
  readonly lines: LogLine[] = [];
  readonly logger: Logger;

  constructor() {
    const stream = new Writable({
      write: (chunk: Buffer, _, done) => {
        this.lines.push(JSON.parse(chunk.toString()));
        done();
      },
    });
    this.logger = pino({ level: 'debug' }, stream);
  }

  /** The lines with this message, about this server if one is given. */
  find(message: string, server?: number): LogLine[] {
    return this.lines.filter(
      (line) => line.msg === message && (server === undefined || line.server === server),
    );
  }
}

/** A cluster in memory that has not started, on ports of its own, which nobody else is given while its servers are down. */
export async function newCluster(
  options: Partial<ClusterOptions> = {},
  environment: { readonly log?: LogRecorder; readonly serverModule?: string } = {},
): Promise<Cluster> {
  const { log = new LogRecorder(), ...rest } = environment;
  const port = await freePorts();
  return new Cluster(
    {
      servers: 3,
      port,
      routerPort: port + 20,
      memory: true,
      electionTimeoutMs: TEST_ELECTION_TIMEOUT_MS,
      ...options,
    },
    { logger: log.logger, ...rest },
  );
}

/** The code of the error that the promise rejects with; undefined when it resolves. */
export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
}
