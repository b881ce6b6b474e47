/**
 * A cluster between its start and its end: opens its ports, its directory and its threads, adds and removes servers, and closes
 * everything in the opposite order.
 */

import type { Logger } from 'pino';
import { NODE_ENVIRONMENT, type Timer } from '../environment.js';
import { messageOf } from '../error-message.js';
import type { Doors } from '../gateway/doorkeeper.js';
import { Gateway } from '../gateway/gateway.js';
import type { Network } from '../gateway/network.js';
import { beginLogTime, keepLogTime } from '../log-time.js';
import { majorityOf } from '../raft/quorum.js';
import type { Member as IdentifiedServer, ServerId, SlotId } from '../raft/types.js';
import { LoopWatch } from '../server/loop-watch.js';
import type { ClusterDirectory } from '../storage/cluster-directory.js';
import { DRAIN_MS, LONG_TURN_MS, STALLED_END_TIMEOUT_MS } from '../time-limits.js';
import type { ClientAddress, EtcdAccess, ServerStart } from '../wire/control.js';
import { advertised } from './advertised-host.js';
import { checkServerModule } from './cluster-environment.js';
import { NotRunningError, throwFailure, UnknownServerError, WrongStateError } from './cluster-errors.js';
import { MAX_PORT, MAX_SERVERS, type ShownOptions, serverPort } from './cluster-options.js';
import type { EventLog } from './event-log.js';
import type { LinkFaults } from './faults.js';
import { FrontPorts } from './front-ports.js';
import { Member } from './member.js';
import type { Place } from './member-state.js';
import { ServerLinks } from './server-links.js';
import { ServerThread } from './server-thread.js';
import { type Ports, SlotPorts } from './slot-ports.js';
import type { MemberStatus } from './status.js';
import { openStorageLocation, type StorageLocation, slotsOn } from './storage-location.js';
import { ThreadPool } from './thread-pool.js';
import { isFulfilledWithin } from './within.js';

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
  /** How long new servers may take to catch up. */
  readonly catchUpTimeoutMs: number;
  /** Where keys are kept; in the servers themselves if undefined. */
  readonly etcd: EtcdAccess | undefined;
  /** What clients must tell; nothing if undefined. */
  readonly doors: Doors | undefined;
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
  readonly #options: ShownOptions;
  /** By slot and identity. A server that is replaced, and the one in its place, are of one slot. */
  #servers: readonly Member[] = [];
  readonly #ports: Ports;
  readonly #links: ServerLinks;
  /** Servers that are being removed, and those whose disks did not answer then. */
  readonly #removed = new Set<Member>();
  readonly #environment: RunningClusterEnvironment;
  readonly #location: StorageLocation;
  readonly #threads: ThreadPool;
  readonly #logTime: SharedArrayBuffer;
  readonly #logTimeKeeper: Timer;
  #isClosing = false;

  private constructor(
    options: ShownOptions,
    { gateway, location }: Opened,
    environment: RunningClusterEnvironment,
  ) {
    const { serverModule, logger } = environment;
    this.#options = options;
    this.#logTime = beginLogTime(NODE_ENVIRONMENT);
    this.#logTimeKeeper = keepLogTime(NODE_ENVIRONMENT, this.#logTime);
    this.gateway = gateway;
    this.#ports =
      environment.etcd === undefined
        ? new SlotPorts(gateway, (identity) => this.#displace(identity))
        : new FrontPorts(gateway);
    this.loopWatch = new LoopWatch((blockedMs) => {
      if (blockedMs > LONG_TURN_MS)
        logger.warn({ blockedMs }, 'the event loop of the main thread was blocked');
    });
    this.#links = new ServerLinks({
      faults: environment.faults,
      servers: () => this.#servers,
      addressOf: (member) => this.#addressOf(member),
    });
    this.#environment = environment;
    this.#location = location;
    this.#threads = new ThreadPool(serverModule, 2 * MAX_SERVERS);
  }

  /** Takes the ports and the directory. No server runs yet. Rejects with DataDirectoryError or ListenError. */
  static async open(options: ShownOptions, environment: RunningClusterEnvironment): Promise<RunningCluster> {
    const { host, routerPort, electionTimeoutMs, maxValueBytes, idleTimeoutS } = options;
    checkServerModule(environment.serverModule);
    const slots = await slotsOn(options);
    const ports = {
      host,
      serverPorts: new Map(slots.map((slot) => [slot, serverPort(options, slot)])),
      routerPort: routerPort ?? undefined,
      electionTimeoutMs,
      maxValueBytes,
      ...(idleTimeoutS === 0 ? {} : { idleTimeoutMs: 1000 * idleTimeoutS }),
      ...(environment.doors === undefined ? {} : { doors: environment.doors }),
    };
    const gateway = new Gateway(ports, { environment: NODE_ENVIRONMENT, network: environment.network });
    try {
      // The ports come first: when one is taken, nothing is left on the disk.
      await gateway.start();
      const location = await openStorageLocation(options, environment);
      const { paths, directory } = location;
      const { clusterId, members, leftOut } = directory;
      for (const line of leftOut) environment.logger.warn(line);
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

  /** Those that are to be replaced, or were, among them: in the order of their ids. */
  get servers(): readonly Member[] {
    return this.#servers;
  }

  /** The servers in the order of their ids, one of each: of two that are up it is the one that has the port. */
  get members(): readonly Member[] {
    const shown = new Map<SlotId, Member>();
    for (const server of this.#servers) {
      const other = shown.get(server.id);
      if (other === undefined || this.#ports.holderOf(server.id) !== other.identity)
        shown.set(server.id, server);
    }
    return [...shown.values()];
  }

  /** The client ports by server id. */
  get ports(): ReadonlyMap<SlotId, number> {
    return new Map(this.members.map(({ id }) => [id, this.gateway.serverAddress(id).port]));
  }

  /** Whether there is such a server. */
  has(id: SlotId): boolean {
    return this.#servers.some((server) => server.id === id);
  }

  /** Throws UnknownServerError. */
  member(id: SlotId): Member {
    const member = this.members.find((one) => one.id === id);
    if (member === undefined) throw new UnknownServerError(id, this.ports.keys());
    return member;
  }

  /** The id of the server of this identity; undefined when there is none. */
  idOf(identity: ServerId): SlotId | undefined {
    return this.#servers.find((member) => member.identity === identity)?.id;
  }

  /**
   * Takes the ports of servers that are to be added. Rejects with WrongStateError or ListenError; then it takes none. Those of
   * servers that are there already are left as they are.
   */
  async takePorts(ids: readonly SlotId[]): Promise<void> {
    const added = ids.filter((id) => !this.has(id));
    const { routerPort } = this.#options;
    for (const id of added) {
      const port = serverPort(this.#options, id);
      if (port > MAX_PORT)
        throw new WrongStateError(`server ${id} would have port ${port}, over ${MAX_PORT}`);
      if (port !== 0 && port === routerPort)
        throw new WrongStateError(`server ${id} would have port ${port}, which is the router's`);
    }
    const taken: SlotId[] = [];
    try {
      for (const id of added) {
        await this.gateway.add(id, serverPort(this.#options, id));
        taken.push(id);
      }
    } catch (error) {
      this.givePorts(taken);
      throw error;
    }
  }

  /** Gives back the ports of those that are no servers. */
  givePorts(ids: readonly SlotId[]): void {
    for (const id of ids) if (!this.has(id)) this.gateway.remove(id);
  }

  /**
   * Makes a new server, which is a member only once a leader makes it one. Its slot has a port. Rejects with DataDirectoryError;
   * then there is no new server.
   *
   * @param dataDir where it keeps its data; chosen unless told
   */
  async add(id: SlotId, dataDir?: string): Promise<Member> {
    const member = await this.#addMember(await this.#location.directory.add(id, dataDir));
    if (this.#isClosing) throw new NotRunningError();
    this.#environment.onChange();
    return member;
  }

  /** Stops a server that is no member, closes its port unless another has it, and removes its directory. */
  async remove(member: Member): Promise<void> {
    await member.stop();
    this.#servers = this.#servers.filter((server) => server !== member);
    this.#removed.add(member);
    this.givePorts([member.id]);
    this.#environment.onChange();
    await this.#location.directory.remove(member.identity);
    if (!member.isEnding && !this.#location.hasHungDisk) this.#removed.delete(member);
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
      port: this.#ports.of({ id: identity, slot }),
      place: await placeOf(directory, identity),
      locate: () => placeOf(directory, identity),
      isClosing: () => this.#isClosing,
      newThread: (dataDir, lives) =>
        new ServerThread(this.#threads, {
          ...this.#startOf(identity, slot),
          dataDir,
          leasesAreOver: lives === 0,
        }),
      onUp: () => {
        if (this.#environment.etcd === undefined) this.#links.join(member);
      },
      onCutOff: () => this.#links.tellOfEnd(member),
      onChange,
    });
    this.#servers = [...this.#servers, member].sort((a, b) => a.id - b.id || a.identity - b.identity);
    return member;
  }

  #startOf(id: ServerId, slot: SlotId): Omit<ServerStart, 'ports' | 'dataDir' | 'leasesAreOver'> {
    const { electionTimeoutMs, heartbeatMs, snapshotLogBytes, maxValueBytes, watchHistory } = this.#options;
    const { directory, fsync } = this.#location;
    return {
      id,
      slot,
      clusterSize: directory.servers,
      clusterId: directory.clusterId,
      fsync,
      electionTimeoutMs,
      heartbeatMs,
      catchUpTimeoutMs: this.#environment.catchUpTimeoutMs,
      snapshotLogBytes,
      maxValueBytes,
      watchHistory,
      logTime: this.#logTime,
      etcd: this.#environment.etcd,
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
    for (const member of this.#servers) {
      if (member.leadsTerm === undefined) continue;
      if (claimant?.leadsTerm === undefined || member.leadsTerm > claimant.leadsTerm) claimant = member;
    }
    return claimant;
  }

  /** Whether all are up whose disks can be used. Throws ServerStartError when one of them has ended, or too few disks can. */
  areAllUp(): boolean {
    const able = this.#servers.filter(({ diskFailure }) => diskFailure === undefined);
    const ids = new Set(able.map(({ id }) => id));
    const isEnough = ids.size >= majorityOf(this.members.length);
    for (const server of isEnough ? able : this.#servers) throwFailure(server);
    return able.every(({ isUp }) => isUp);
  }

  /** The servers in the order of their ids. */
  status(): Promise<readonly MemberStatus[]> {
    return Promise.all(
      this.members.map(async (member) => {
        const { leader: _, disk: __, ...status } = await member.status();
        const votedFor = status.votedFor === null ? null : (this.idOf(status.votedFor) ?? null);
        const { id, isUp, trouble: reason = null } = member;
        const { port } = this.gateway.serverAddress(id);
        const state = isUp ? 'running' : 'stopped';
        return { ...status, id, votedFor, state, reason, host: this.#options.host, port };
      }),
    );
  }

  /** Has every server disturb its links as was asked for, and resolves once all that are up do. */
  async applyFaults(): Promise<void> {
    await this.#links.applyFaults();
  }

  /** Answers what is in flight, stops every server, and gives the directory back. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.loopWatch.stop();
    await this.gateway.close(DRAIN_MS);
    await Promise.all(this.#servers.map((member) => member.stop()));
    this.#logTimeKeeper.cancel();
    const closed = this.#threads.destroy().then(() => this.#location.release());
    // For the end of a thread that is stuck in a call of its disk was waited above.
    if (this.#servers.some(({ isEnding }) => isEnding)) await isFulfilledWithin(closed, 0);
    else if (this.notEnded.length > 0) await isFulfilledWithin(closed, STALLED_END_TIMEOUT_MS);
    else await closed;
  }

  /** Servers that were told to end and have not yet, and those whose disks hang since the start. */
  get notEnded(): readonly SlotId[] {
    const { hasHungDisk } = this.#location;
    const isHung = (member: Member) => member.diskFailure !== undefined || this.#removed.has(member);
    return [...this.#servers, ...this.#removed]
      .filter((member) => member.isEnding || (hasHungDisk && isHung(member)))
      .map(({ id }) => id);
  }

  /** Another server of its slot leads: starts it again, so that this one has the port. */
  #displace(identity: ServerId): void {
    const server = this.#servers.find((one) => one.identity === identity);
    const restarted = server?.kill().then(() => server.restart());
    // Somebody else has ended it, or its disk does not answer: then it has no port either.
    restarted?.catch((error: unknown) => {
      this.#environment.logger.debug({ reason: messageOf(error) }, 'a server is not started again');
    });
  }
}

/** Where a server keeps its data, or why it has no place for it. */
function placeOf(directory: ClusterDirectory, id: ServerId): Promise<Place> {
  return directory.locate(id).then(
    (path) => ({ path }),
    (error: unknown) => ({ lost: error }),
  );
}
