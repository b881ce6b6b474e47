/**
 * What a cluster can be told, and the one place where it is checked.
 */

export interface ClusterOptions {
  /** Servers, one worker thread each: 1 to 9. */
  readonly servers: number;
  /** The address that all ports bind to. */
  readonly host: string;
  /** The host that redirects name; `host` unless given. */
  readonly advertiseHost?: string;
  /** The first client port: server i listens on `port + 2 * i`. */
  readonly port: number;
  /** The router's port; undefined for no router. */
  readonly routerPort: number | undefined;
  /** Where servers keep their logs; undefined for a temporary directory that goes with the process, without fsync. */
  readonly dataDir: string | undefined;
  /** Whether a write is acknowledged only once it is on the disks of a majority. */
  readonly fsync: boolean;
  /** T: election timeouts are drawn uniformly from [T, 2T). At least 3 heartbeats. */
  readonly electionTimeoutMs: number;
  readonly heartbeatMs: number;
}

export const DEFAULT_OPTIONS: ClusterOptions = {
  servers: 3,
  host: '127.0.0.1',
  port: 9000,
  routerPort: 9100,
  dataDir: './data',
  fsync: true,
  electionTimeoutMs: 300,
  heartbeatMs: 50,
};

const MAX_SERVERS = 9;
const MAX_PORT = 65_535;
const MIN_HEARTBEATS_PER_TIMEOUT = 3;

/** An option is wrong. The message is one line that begins with the option's name. */
export class OptionError extends Error {
  readonly code = 'BAD_OPTION';
  /** As the command line calls it. */
  readonly option: string;

  constructor(option: string, reason: string) {
    super(`${option}: ${reason}`);
    this.name = 'OptionError';
    this.option = option;
  }
}

/** Where the clients of server `id` connect. */
export function serverPort({ port }: Pick<ClusterOptions, 'port'>, id: number): number {
  return port + 2 * id;
}

/** Checks values and contradictions. Throws {@link OptionError} for the first that is wrong. */
export function checkOptions(options: ClusterOptions): void {
  const { servers, port, routerPort, electionTimeoutMs, heartbeatMs } = options;
  checkInteger('--servers', servers, 1, MAX_SERVERS);
  checkInteger('--port', port, 1, MAX_PORT - 2 * (servers - 1));
  checkInteger('--election-timeout', electionTimeoutMs, 1, 3_600_000);
  checkInteger('--heartbeat', heartbeatMs, 1, 3_600_000);
  if (heartbeatMs * MIN_HEARTBEATS_PER_TIMEOUT > electionTimeoutMs) {
    const most = Math.floor(electionTimeoutMs / MIN_HEARTBEATS_PER_TIMEOUT);
    throw new OptionError(
      '--heartbeat',
      `${heartbeatMs} ms is too long for --election-timeout ${electionTimeoutMs}: at most ${most}`,
    );
  }
  if (routerPort === undefined) return;
  checkInteger('--router-port', routerPort, 1, MAX_PORT);
  checkPortIsFree('--router-port', routerPort, options);
}

/** Throws {@link OptionError} when a server's clients connect to this port. */
export function checkPortIsFree(option: string, port: number, options: ClusterOptions): void {
  for (let id = 0; id < options.servers; id += 1) {
    if (serverPort(options, id) === port)
      throw new OptionError(option, `${port} is the port of server ${id}`);
  }
}

/** Throws {@link OptionError} unless the value is a whole number in [min, max]. */
export function checkInteger(option: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new OptionError(option, `${value} is not a whole number from ${min} to ${max}`);
}
