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
import type { Member as IdentifiedServer, ServerId, SlotId } from '../raft/types.js';
import { LoopWatch } from '../server/loop-watch.js';
import type { ClusterDirectory } from '../storage/cluster-directory.js';
import { LONG_TURN_MS, STALLED_END_TIMEOUT_MS } from '../time-limits.js';
import type { ClientAddress, ServerStart } from '../wire/control.js';
import { NotRunningError, UnknownServerError, WrongStateError } from './cluster-errors.js';
import { type ClusterOptions, MAX_PORT, MAX_SERVERS, serverPort } from './cluster-options.js';
import type { EventLog } from './event-log.js';
import type { LinkFaults } from './faults.js';
import { Member } from './member.js';
import type { Place } from './member-state.js';
import { ServerThread } from './server-thread.js';
import { openStorageLocation, type StorageLocation, slotsOn } from './storage-location.js';
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
  /** Whether a cluster that is there may be of another size than the options say. */
  readonly isAnySize: boolean;
  /** Called after every change of a server. */
  readonly onChange: () => void;
}

interface Opened {
  readonly gateway: Gateway;
  readonly location: StorageLocation;
}

export class RunningCluster {
  readonly gateway: Gateway;
  /** Watches the main thread's event loop. */
  readonly loopWatch: LoopWatch;
  readonly #options: ClusterOptions;
  readonly #members = new Map<SlotId, Member>();
  readonly #environment: RunningClusterEnvironment;
  readonly #location: StorageLocation;
  readonly #threads: ThreadPool;
  readonly #logTime: SharedArrayBuffer;
  readonly #logTimeKeeper: Timer;
  #isClosing = false;

  private constructor(
    options: ClusterOptions,
    { gateway, location }: Opened,
    environment: RunningClusterEnvironment,
  ) {
    const { serverModule, logger } = environment;
    this.#options = options;
    this.#logTime = beginLogTime(NODE_ENVIRONMENT);
    this.#logTimeKeeper = keepLogTime(NODE_ENVIRONMENT, this.#logTime);
    this.gateway = gateway;
    this.loopWatch = new LoopWatch((blockedMs) => {
      if (blockedMs > LONG_TURN_MS)
        logger.warn({ blockedMs }, 'the event loop of the main thread was blocked');
    });
    this.#environment = environment;
    this.#location = location;
    this.#threads = new ThreadPool(serverModule, 2 * MAX_SERVERS);
  }

  /** Takes the ports and the directory. No server runs yet. Rejects with DataDirectoryError or ListenError. */
  static async open(
    options: ClusterOptions,
    environment: RunningClusterEnvironment,
  ): Promise<RunningCluster> {
    const { host, routerPort, electionTimeoutMs } = options;
    // All clusters of this process share the thread of their gateways: the largest value of any of them counts.
    setMaxValueBytes(Math.max(MAX_VALUE_BYTES, options.maxValueBytes));
    const slots = await slotsOn(options);
    const ports = {
      host,
      serverPorts: new Map(slots.map((slot) => [slot, serverPort(options, slot)])),
      routerPort: routerPort ?? undefined,
      electionTimeoutMs,
    };
    const gateway = new Gateway(ports, { environment: NODE_ENVIRONMENT, network: environment.network });
    try {
      // The ports come first: when one is taken, nothing is left on the disk.
      await gateway.start();
      const location = await openStorageLocation(options, environment);
      const { paths, directory } = location;
      const { clusterId, members } = directory;
      const servers = members.length;
      environment.logger.info({ servers, dataDir: paths.join(', '), clusterId }, 'cluster starts');
      const running = new RunningCluster(options, { gateway, location }, environment);
      for (const member of members) await running.#addMember(member);
      return running;
    } catch (error) {
      await gateway.close(0);
      throw error;
    }
  }

  /** The servers in the order of their ids. */
  get members(): readonly Member[] {
    return [...this.#members.values()].sort((a, b) => a.id - b.id);
  }

  /** The client ports by server id. */
  get ports(): ReadonlyMap<SlotId, number> {
    return new Map(this.members.map(({ id }) => [id, this.gateway.serverAddress(id).port]));
  }

  /** Whether there is such a server. */
  has(id: SlotId): boolean {
    return this.#members.has(id);
  }

  /** Throws UnknownServerError. */
  member(id: SlotId): Member {
    const member = this.#members.get(id);
    if (member === undefined) throw new UnknownServerError(id, this.ports.keys());
    return member;
  }

  /** The id of the server of this identity; undefined when there is none. */
  idOf(identity: ServerId): SlotId | undefined {
    return this.members.find((member) => member.identity === identity)?.id;
  }

  /**
   * Starts a new server, which is a member only once a leader makes it one. Rejects with WrongStateError,
   * ListenError or DataDirectoryError; then there is no new server.
   */
  async add(id: SlotId): Promise<Member> {
    const port = serverPort(this.#options, id);
    if (port > MAX_PORT) throw new WrongStateError(`server ${id} would have port ${port}, over ${MAX_PORT}`);
    await this.gateway.add(id, port);
    try {
      const member = await this.#addMember(await this.#location.directory.add(id));
      if (this.#isClosing) throw new NotRunningError();
      member.start();
      this.#environment.onChange();
      return member;
    } catch (error) {
      this.gateway.remove(id);
      throw error;
    }
  }

  /** Stops a server that is no member, closes its port and removes its directory. */
  async remove(member: Member): Promise<void> {
    await member.stop();
    this.#members.delete(member.id);
    this.gateway.remove(member.id);
    this.#environment.onChange();
    await this.#location.directory.remove(member.identity);
  }

  /** A change is over: there are this many voters. */
  async settle(size: number): Promise<void> {
    await this.#location.directory.settle(size);
  }

  async #addMember({ id: identity, slot }: IdentifiedServer): Promise<Member> {
    const { directory } = this.#location;
    const { logger, eventLog, onChange } = this.#environment;
    const member = new Member(slot, {
      identity,
      logger,
      eventLog,
      gateway: this.gateway,
      place: await placeOf(directory, identity),
      locate: () => placeOf(directory, identity),
      newThread: (dataDir, lives) =>
        new ServerThread(this.#threads, {
          ...this.#startOf(identity, slot),
          dataDir,
          leasesAreOver: lives === 0,
        }),
      onUp: () => this.#join(member),
      onCutOff: () => this.#tellOfEnd(member),
      onChange,
    });
    this.#members.set(slot, member);
    return member;
  }

  #startOf(id: ServerId, slot: SlotId): Omit<ServerStart, 'ports' | 'dataDir' | 'leasesAreOver'> {
    const { electionTimeoutMs, heartbeatMs, snapshotLogBytes, maxValueBytes } = this.#options;
    const { directory, fsync } = this.#location;
    return {
      id,
      slot,
      clusterSize: directory.servers,
      clusterId: directory.clusterId,
      fsync,
      electionTimeoutMs,
      heartbeatMs,
      snapshotLogBytes,
      maxValueBytes,
      logTime: this.#logTime,
      clientAddresses: new Map(this.members.map((member) => [member.id, this.#addressOf(member)])),
    };
  }

  /** What clients are told of where to connect. */
  #addressOf({ id }: Member): ClientAddress {
    const { host, advertiseHost } = this.#options;
    return { host: advertiseHost ?? advertised(host), port: this.gateway.serverAddress(id).port };
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
    this.#isClosing = true;
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
  #join(member: Member): void {
    for (const peer of this.members) {
      if (peer === member || !peer.isUp) continue;
      member.tell({ type: 'address', slot: peer.id, address: this.#addressOf(peer) });
      peer.tell({ type: 'address', slot: member.id, address: this.#addressOf(member) });
      const { port1, port2 } = new MessageChannel();
      member.tell({ type: 'joined', peer: peer.identity, port: port1 });
      peer.tell({ type: 'joined', peer: member.identity, port: port2 });
    }
    void this.#applyFaultsOf(member);
  }

  /**
   * Tells the others that a server no longer serves anybody. They would notice by themselves, but a thread takes tens of
   * milliseconds to end.
   */
  #tellOfEnd(member: Member): void {
    for (const peer of this.members) if (peer !== member) peer.tell({ type: 'ended', peer: member.identity });
  }

  async #applyFaultsOf(member: Member): Promise<void> {
    const peers = this.members.filter((peer) => peer !== member);
    await Promise.all(
      peers.map((peer) => {
        const fault = this.#environment.faults.of(member.id, peer.id);
        return member.instruct((control) => control.setLinkFault(peer.identity, fault));
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
