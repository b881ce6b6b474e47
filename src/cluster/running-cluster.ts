/**
 * A cluster between its start and its end: opens its ports, its directory and its threads, joins the servers with each
 * other, and closes everything in the opposite order.
 */

import { MessageChannel } from 'node:worker_threads';
import type { Logger } from 'pino';
import { NODE_ENVIRONMENT, type Timer } from '../environment.js';
import { Gateway } from '../gateway/gateway.js';
import type { Network } from '../gateway/network.js';
import { MAX_VALUE_BYTES, setMaxValueBytes } from '../limits.js';
import { beginLogTime, keepLogTime } from '../log-time.js';
import type { ServerId } from '../raft/types.js';
import { LoopWatch } from '../server/loop-watch.js';
import type { ClusterDirectory } from '../storage/cluster-directory.js';
import { LONG_TURN_MS, STALLED_END_TIMEOUT_MS } from '../time-limits.js';
import { UnknownServerError } from './errors.js';
import type { EventLog } from './event-log.js';
import type { LinkFaults } from './faults.js';
import { Member } from './member.js';
import type { Place } from './member-state.js';
import { type ClusterOptions, serverPorts } from './options.js';
import { ServerThread } from './server-thread.js';
import { openStorageLocation, type StorageLocation } from './storage-location.js';
import { ThreadPool } from './thread-pool.js';
import { isFulfilledWithin } from './within.js';

/** While a cluster closes, commands in flight are answered for this long. */
const DRAIN_MS = 500;

export interface RunningClusterEnvironment {
  readonly logger: Logger;
  readonly eventLog: EventLog;
  readonly faults: LinkFaults;
  /** The module that each thread runs. */
  readonly serverModule: string;
  /** Where clients come from. */
  readonly network: Network;
  /** Called after every change of a server. */
  readonly onChange: () => void;
}

interface Opened {
  readonly gateway: Gateway;
  readonly location: StorageLocation;
  readonly places: ReadonlyMap<ServerId, Place>;
}

export class RunningCluster {
  readonly gateway: Gateway;
  /** The client ports by server id. */
  readonly ports: ReadonlyMap<ServerId, number>;
  readonly #members: ReadonlyMap<ServerId, Member>;
  /** Watches the main thread's event loop. */
  readonly loopWatch: LoopWatch;
  readonly #environment: RunningClusterEnvironment;
  readonly #location: StorageLocation;
  readonly #threads: ThreadPool;
  readonly #logTimeKeeper: Timer;

  private constructor(
    options: ClusterOptions,
    { gateway, location, places }: Opened,
    environment: RunningClusterEnvironment,
  ) {
    const { servers, host, advertiseHost, electionTimeoutMs, heartbeatMs, snapshotLogBytes, maxValueBytes } =
      options;
    const { serverModule, logger, eventLog, onChange } = environment;
    const { directory, fsync } = location;
    const ports = new Map([...places.keys()].map((id) => [id, gateway.serverAddress(id).port]));
    const threads = new ThreadPool(serverModule, servers);
    const logTime = beginLogTime(NODE_ENVIRONMENT);
    this.#logTimeKeeper = keepLogTime(NODE_ENVIRONMENT, logTime);
    const common = {
      clusterSize: servers,
      clusterId: directory.clusterId,
      fsync,
      electionTimeoutMs,
      heartbeatMs,
      snapshotLogBytes,
      maxValueBytes,
      logTime,
      clientAddresses: new Map(
        [...ports].map(([id, port]) => [id, { host: advertiseHost ?? advertised(host), port }]),
      ),
    };
    this.gateway = gateway;
    this.ports = ports;
    this.loopWatch = new LoopWatch((blockedMs) => {
      if (blockedMs > LONG_TURN_MS)
        logger.warn({ blockedMs }, 'the event loop of the main thread was blocked');
    });
    this.#environment = environment;
    this.#location = location;
    this.#threads = threads;
    const memberOf = (id: ServerId, place: Place) => {
      const start = { ...common, id };
      return new Member(id, {
        logger,
        eventLog,
        gateway,
        place,
        locate: () => placeOf(directory, id),
        newThread: (dataDir, lives) =>
          new ServerThread(threads, { ...start, dataDir, leasesAreOver: lives === 0 }),
        onUp: () => this.#join(id),
        onCutOff: () => this.#tellOfEnd(id),
        onChange,
      });
    };
    this.#members = new Map([...places].map(([id, place]) => [id, memberOf(id, place)]));
  }

  /** Takes the ports and the directory. No server runs yet. Rejects with DataDirectoryError or ListenError. */
  static async open(
    options: ClusterOptions,
    environment: RunningClusterEnvironment,
  ): Promise<RunningCluster> {
    const { servers, host, routerPort, electionTimeoutMs } = options;
    // All clusters of this process share the thread of their gateways: the largest value of any of them counts.
    setMaxValueBytes(Math.max(MAX_VALUE_BYTES, options.maxValueBytes));
    const ports = {
      host,
      serverPorts: serverPorts(options),
      routerPort: routerPort ?? undefined,
      electionTimeoutMs,
    };
    const gateway = new Gateway(ports, { environment: NODE_ENVIRONMENT, network: environment.network });
    try {
      // The ports come first: when one is taken, nothing is left on the disk.
      await gateway.start();
      const location = await openStorageLocation(options);
      const { paths, directory } = location;
      const { clusterId } = directory;
      environment.logger.info({ servers, dataDir: paths.join(', '), clusterId }, 'cluster starts');
      const ids = [...ports.serverPorts.keys()];
      const places = await Promise.all(ids.map(async (id) => [id, await placeOf(directory, id)] as const));
      return new RunningCluster(options, { gateway, location, places: new Map(places) }, environment);
    } catch (error) {
      await gateway.close(0);
      throw error;
    }
  }

  /** The servers in the order of their ids. */
  get members(): readonly Member[] {
    return [...this.#members.values()];
  }

  /** Whether there is such a server. */
  has(id: ServerId): boolean {
    return this.#members.has(id);
  }

  /** Throws UnknownServerError. */
  member(id: ServerId): Member {
    const member = this.#members.get(id);
    if (member === undefined) throw new UnknownServerError(id, this.#members.keys());
    return member;
  }

  /** The server that says it leads, in the latest term if there are several. */
  get claimant(): Member | undefined {
    let claimant: Member | undefined;
    for (const member of this.members) {
      if (member.leadsTerm === undefined) continue;
      if (claimant?.leadsTerm === undefined || member.leadsTerm > claimant.leadsTerm) claimant = member;
    }
    return claimant;
  }

  /** Has every server disturb its links as was asked for, and resolves once all that are up do. */
  async applyFaults(): Promise<void> {
    await Promise.all(this.members.map((member) => this.#applyFaultsOf(member)));
  }

  /** Answers what is in flight, stops every server, and gives the directory back. */
  async close(): Promise<void> {
    this.loopWatch.stop();
    await this.gateway.close(DRAIN_MS);
    await Promise.all(this.members.map((member) => member.stop()));
    this.#logTimeKeeper.cancel();
    const closed = this.#threads.destroy().then(() => this.#location.release());
    if (this.members.some(({ isEnding }) => isEnding))
      await isFulfilledWithin(closed, STALLED_END_TIMEOUT_MS);
    else await closed;
  }

  /** The server takes calls: joins it with every other one that does, faults included. */
  #join(id: ServerId): void {
    const member = this.member(id);
    for (const peer of this.members) {
      if (peer === member || !peer.isUp) continue;
      const { port1, port2 } = new MessageChannel();
      member.tell({ type: 'joined', peer: peer.id, port: port1 });
      peer.tell({ type: 'joined', peer: id, port: port2 });
    }
    void this.#applyFaultsOf(member);
  }

  /**
   * Tells the others that a server no longer serves anybody. They would notice by themselves, but a thread takes tens of
   * milliseconds to end.
   */
  #tellOfEnd(id: ServerId): void {
    for (const peer of this.members) if (peer.id !== id) peer.tell({ type: 'ended', peer: id });
  }

  async #applyFaultsOf(member: Member): Promise<void> {
    const peers = this.members.filter((peer) => peer !== member);
    await Promise.all(
      peers.map((peer) => {
        const fault = this.#environment.faults.of(member.id, peer.id);
        return member.instruct((control) => control.setLinkFault(peer.id, fault));
      }),
    );
  }
}

/** Where a server keeps its data, or why it has no place for it. */
function placeOf(directory: ClusterDirectory, id: ServerId): Promise<Place> {
  return directory.locate(id).then(
    (path) => ({ path }),
    (error: unknown) => ({ lost: error }),
  );
}

/** The host that redirects name: '' stands for the address by which the client has reached the redirecting server. */
function advertised(host: string): string {
  return isEveryAddress(host) ? '' : host;
}

/** Whether the host is 0.0.0.0 or ::, in any spelling: no client can connect to that. */
function isEveryAddress(host: string): boolean {
  return /^[0.:]+$/.test(host);
}
