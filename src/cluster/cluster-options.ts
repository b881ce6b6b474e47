/**
 * The options of a cluster, and the one place where they are checked.
 */

import { isIPv4 } from 'node:net';
import { resolve } from 'node:path';
import { closestMatch } from 'leven';
import { MAX_PASSWORD_BYTES } from '../access-limits.js';
import { MAX_CONNECTIONS } from '../connection-limits.js';
import type { TlsMaterial } from '../gateway/node/tls-identity.js';
import { DEFAULT_MAX_VALUE_BYTES, LARGEST_MAX_VALUE_BYTES } from '../limits.js';
import type { SlotId } from '../raft/types.js';
import { DEFAULT_HISTORY_CHANGES, MOST_HISTORY_CHANGES } from '../watch-limits.js';

/** An option that is not given has its value from {@link DEFAULT_OPTIONS}. */
export interface ClusterOptions {
  /** Servers, one worker thread each: 1 to 9. */
  readonly servers: number;
  /** The address that all ports bind to. */
  readonly host: string;
  /** The host that redirects name; null for the value of `host`. */
  readonly advertiseHost: string | null;
  /** The first client port: server i listens on `port + 2 * i`. With 0 every server gets some free port. */
  readonly port: number;
  /** The router's port, which takes any client without redirects. 0 for some free port, null for no router. */
  readonly routerPort: number | null;
  /**
   * Where servers keep log, votes and snapshots: one directory for all, or a list of one for each, so that they can be on disks
   * of their own. The order of the list counts only for new ones. Without effect if `memory` is true.
   */
  readonly dataDir: string | readonly string[];
  /**
   * Keep everything in a temporary directory instead, without fsync, and remove it on close. Writes survive the death of
   * a server, but not that of the process. A process that was killed leaves it to the next one with this option to remove.
   */
  readonly memory: boolean;
  /** Whether a write is acknowledged only once it is on the disks of a majority. */
  readonly fsync: boolean;
  /** T: an election timeout is drawn uniformly from [T, 2T); the first of a new server from [T / 4, T). */
  readonly electionTimeoutMs: number;
  /** The time between two heartbeats of a leader. At most T / 3. */
  readonly heartbeatMs: number;
  /**
   * A server takes a snapshot and drops its log once it has applied this many bytes of the log, or half the size of the
   * last snapshot, whichever is more. An entry counts as 512 bytes more than its payload, which it takes in memory. At
   * least 1 KiB.
   */
  readonly snapshotLogBytes: number;
  /** Clients of all ports together, or as many as descriptors allow; one more is told so and closed. */
  readonly maxConnections: number;
  /** A client that neither sends, nor is sent anything, nor waits, for this long is disconnected; 0 for never. */
  readonly idleTimeoutS: number;
  /** What clients must tell: 1 to 500 bytes without spaces and control characters. Null for nothing. */
  readonly password: string | null;
  /** Has every port speak TLS with this certificate; null for plain text. */
  readonly tls: TlsMaterial | null;
  /** Listen on an address beyond this machine's loopback although there is no password. */
  readonly insecure: boolean;
  /** The largest value in bytes, up to 16 MiB. Above 1 MiB, turns take longer and memory grows: see docs/architecture.md. */
  readonly maxValueBytes: number;
  /** Changes that each server keeps for those who watch, up to a million, and at most 16 MiB of them. */
  readonly watchHistory: number;
}

/** The options without what nobody is to be shown. */
export type ShownOptions = Omit<ClusterOptions, 'password' | 'tls'>;

export const DEFAULT_OPTIONS: ClusterOptions = {
  servers: 3,
  host: '127.0.0.1',
  advertiseHost: null,
  port: 9000,
  routerPort: 9100,
  dataDir: './data',
  memory: false,
  fsync: true,
  electionTimeoutMs: 300,
  heartbeatMs: 50,
  snapshotLogBytes: 64 * 1024 * 1024,
  maxConnections: MAX_CONNECTIONS,
  idleTimeoutS: 0,
  password: null,
  tls: null,
  insecure: false,
  maxValueBytes: DEFAULT_MAX_VALUE_BYTES,
  watchHistory: DEFAULT_HISTORY_CHANGES,
};

const MIN_SNAPSHOT_LOG_BYTES = 1024;
const MAX_SNAPSHOT_LOG_BYTES = 2 ** 40;
export const MAX_SERVERS = 9;
export const MAX_PORT = 65_535;
const MAX_TIMEOUT_MS = 3_600_000;
const MOST_CONNECTIONS = 1_000_000;
const MAX_IDLE_TIMEOUT_S = 86_400;
/** How many heartbeats may be lost or late before a follower takes its leader for dead. */
const MIN_HEARTBEATS_PER_TIMEOUT = 3;

/** An option is wrong. The message is one line that begins with the option's name. */
export class OptionError extends Error {
  readonly code = 'BAD_OPTION';
  /** The option, as {@link ClusterOptions} names it. */
  readonly option: string;
  readonly reason: string;

  constructor(option: string, reason: string) {
    super(`${option}: ${reason}`);
    this.name = 'OptionError';
    this.option = option;
    this.reason = reason;
  }
}

/** The client ports of the servers that a cluster begins with, by id; all of them 0 when any free ports will do. */
export function serverPorts(options: Pick<ClusterOptions, 'port' | 'servers'>): ReadonlyMap<SlotId, number> {
  return new Map(Array.from({ length: options.servers }, (_, id) => [id, serverPort(options, id)]));
}

/** The client port of a server; 0 when any free one will do. */
export function serverPort({ port }: Pick<ClusterOptions, 'port'>, id: SlotId): number {
  return port === 0 ? 0 : port + 2 * id;
}

/** The options with defaults for those that are not given. Throws {@link OptionError} for the first that is wrong. */
export function completeOptions(given: Partial<ClusterOptions>): ClusterOptions {
  checkNames(given);
  const options = { ...DEFAULT_OPTIONS, ...given };
  checkOptions(options, { isAnySize: given.servers === undefined });
  return options;
}

/** Throws {@link OptionError} for an option that does not exist, such as a misspelt one. */
function checkNames(given: object): void {
  const names = Object.keys(DEFAULT_OPTIONS);
  for (const name of Object.keys(given)) {
    if (names.includes(name)) continue;
    const similar = closestMatch(name, names, { maxDistance: Math.ceil(name.length / 3) });
    const hint = similar === undefined ? `there are ${names.join(', ')}` : `did you mean ${similar}?`;
    throw new OptionError(name, `is no option: ${hint}`);
  }
}

/**
 * Checks each value and how they go together. Throws {@link OptionError} for the first that is wrong.
 *
 * @param isAnySize whether a cluster that is there decides how many servers there are
 */
export function checkOptions(options: ClusterOptions, { isAnySize }: { readonly isAnySize: boolean }): void {
  const { servers, host, advertiseHost, port, routerPort, electionTimeoutMs, heartbeatMs } = options;
  checkInteger('servers', servers, [1, MAX_SERVERS]);
  checkHost('host', host);
  if (advertiseHost !== null) checkHost('advertiseHost', advertiseHost);
  if (isAnySize) checkDataDirNames(dataDirsIn(options));
  else checkDataDirs(dataDirsIn(options), servers);
  checkBoolean('memory', options.memory);
  checkBoolean('fsync', options.fsync);
  checkBoolean('insecure', options.insecure);
  if (options.password !== null) checkPassword(options.password);
  else if (!isLoopback(host) && !options.insecure)
    throw new OptionError(
      'host',
      `${host} is reached from other machines: set a password, or say --insecure (insecure: true)`,
    );
  checkInteger('port', port, [0, MAX_PORT]);
  const lastPort = port + 2 * (servers - 1);
  if (lastPort > MAX_PORT)
    throw new OptionError('port', `${port} leaves server ${servers - 1} port ${lastPort}, over ${MAX_PORT}`);
  if (routerPort !== null) checkPort('routerPort', routerPort, options);
  checkInteger('electionTimeoutMs', electionTimeoutMs, [MIN_HEARTBEATS_PER_TIMEOUT, MAX_TIMEOUT_MS]);
  checkInteger('heartbeatMs', heartbeatMs, [1, MAX_TIMEOUT_MS]);
  checkInteger('snapshotLogBytes', options.snapshotLogBytes, [
    MIN_SNAPSHOT_LOG_BYTES,
    MAX_SNAPSHOT_LOG_BYTES,
  ]);
  checkInteger('maxConnections', options.maxConnections, [1, MOST_CONNECTIONS]);
  checkInteger('idleTimeoutS', options.idleTimeoutS, [0, MAX_IDLE_TIMEOUT_S]);
  checkInteger('maxValueBytes', options.maxValueBytes, [1, LARGEST_MAX_VALUE_BYTES]);
  checkInteger('watchHistory', options.watchHistory, [1, MOST_HISTORY_CHANGES]);
  const longestMs = Math.floor(electionTimeoutMs / MIN_HEARTBEATS_PER_TIMEOUT);
  if (heartbeatMs > longestMs) {
    const reason = `${heartbeatMs} is over ${longestMs}, a third of an election timeout of ${electionTimeoutMs} ms`;
    throw new OptionError('heartbeatMs', reason);
  }
}

/** Throws {@link OptionError} unless it is a port that no server's clients connect to. */
export function checkPort(option: string, port: number, options: ClusterOptions): void {
  checkInteger(option, port, [0, MAX_PORT]);
  if (port === 0) return;
  for (const [id, taken] of serverPorts(options))
    if (taken === port) throw new OptionError(option, `${port} is the port of server ${id}`);
}

function checkInteger(option: string, value: number, [min, max]: readonly [number, number]): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new OptionError(option, `${value} is not a whole number from ${min} to ${max}`);
}

/** For callers without types: the string "false" would be taken for true. */
function checkBoolean(option: string, value: unknown): void {
  if (typeof value !== 'boolean')
    throw new OptionError(option, `${JSON.stringify(value)} is neither true nor false`);
}

/** The data directories: one for all servers, or one for each. */
export function dataDirsIn({ dataDir }: Pick<ClusterOptions, 'dataDir'>): readonly string[] {
  return typeof dataDir === 'string' ? [dataDir] : dataDir;
}

/** Throws {@link OptionError} when a path is empty or named twice, or when there are neither one path nor as many as servers. */
export function checkDataDirs(dataDirs: readonly string[], servers: number): void {
  checkDataDirNames(dataDirs);
  const { length } = dataDirs;
  if (length === 1 || length === servers) return;
  const reason = `is given ${length} times for ${servers} servers: give it once, or ${servers} times, or start with -n ${length}`;
  throw new OptionError('dataDir', reason);
}

/** Throws {@link OptionError} when a path is empty or named twice, or when there is none. */
export function checkDataDirNames(dataDirs: readonly string[]): void {
  if (dataDirs.length === 0 || dataDirs.includes(''))
    throw new OptionError('dataDir', 'is empty: name a directory');
  const twice = dataDirs.find((path, place) =>
    dataDirs.slice(0, place).some((other) => resolve(other) === resolve(path)),
  );
  if (twice !== undefined)
    throw new OptionError('dataDir', `${twice} is given twice: name another directory for each server`);
}

/** Throws {@link OptionError} unless it can be told in one word. The message does not show it. */
export function checkPassword(password: string): void {
  const byteLength = Buffer.byteLength(password);
  if (byteLength < 1 || byteLength > MAX_PASSWORD_BYTES)
    throw new OptionError('password', `must have 1 to ${MAX_PASSWORD_BYTES} bytes, and has ${byteLength}`);
  if (/[\s\p{Cc}]/u.test(password))
    throw new OptionError('password', 'must have no spaces and no line breaks');
}

/** Whether only this machine reaches the host. A name but localhost may be any address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/**
 * An empty host would be every address of the machine, and one with a space in it would break up a redirect's line.
 * Throws {@link OptionError}.
 */
export function checkHost(option: string, host: string): void {
  if (/^[^\s\p{Cc}]+$/u.test(host)) return;
  throw new OptionError(option, `"${host}" is neither a name nor an address`);
}
