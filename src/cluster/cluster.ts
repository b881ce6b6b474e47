/**
 * A cluster of servers in this process, as its user sees it: started, watched, disturbed and closed through this class.
 */

import { setTimeout } from 'node:timers/promises';
import { type Logger, pino } from 'pino';
import type { KeyValueClient } from '../client/key-value-client.js';
import { NODE_ENVIRONMENT } from '../environment.js';
import { messageOf } from '../error-message.js';
import type { ServerId } from '../raft/types.js';
import { measureThread } from '../server/thread-measurements.js';
import { CATCH_UP_TIMEOUT_MS, LEADER_WAIT_MS, TRANSFER_TIMEOUTS } from '../time-limits.js';
import type { ClientAddress, ServerObservation } from '../wire/control.js';
import { clientNetwork } from './client-network.js';
import { type Security, securityOf } from './cluster-access.js';
import { type ClusterEnvironment, SERVER_MODULE } from './cluster-environment.js';
import {
  FaultError,
  NotRunningError,
  throwFailure,
  UnknownServerError,
  WrongStateError,
} from './cluster-errors.js';
import { type ClusterOptions, completeOptions, type ShownOptions, serverPorts } from './cluster-options.js';
import { type ClusterEvent, type ClusterEventOf, type EventListener, EventLog } from './event-log.js';
import { type CurrentFaults, LinkFaults, type LinkRequest } from './faults.js';
import { handOver } from './hand-over.js';
import { type InProcessClientOptions, InProcessClients } from './in-process-client.js';
import { backupOf } from './live-backup.js';
import type { Member } from './member.js';
import type { Members } from './members-view.js';
import { type AddedServer, Membership, type ServerPlace } from './membership.js';
import { RunningCluster } from './running-cluster.js';
import { Signal, type Timeout } from './signal.js';
import { type ClusterMeasurements, type ClusterStatus, withIds } from './status.js';

export class Cluster {
  readonly options: ShownOptions;
  /** @internal */ readonly security: Security;
  readonly #logger: Logger;
  readonly #eventLog: EventLog;
  readonly #environment: ClusterEnvironment;
  readonly #isAnySize: boolean;
  readonly #faults: LinkFaults;
  readonly #changed = new Signal(NODE_ENVIRONMENT);
  /** @internal */ readonly inProcess = new InProcessClients(() => this.#running?.gateway);
  #ports: ReadonlyMap<ServerId, number>;
  #opening: Promise<RunningCluster> | undefined;
  #membership: Membership | undefined;
  #running: RunningCluster | undefined;
  #closing: Promise<void> | undefined;
  #leftBehind: readonly ServerId[] = [];

  /** Throws OptionError. Nothing runs before {@link start}. */
  constructor(options: Partial<ClusterOptions> = {}, environment: ClusterEnvironment = {}) {
    const { logger = pino({ level: 'silent' }) } = environment;
    this.#environment = environment;
    const { password, tls, ...shown } = completeOptions(options);
    [this.options, this.security] = [shown, securityOf({ password, tls }, logger)];
    this.#isAnySize = options.servers === undefined;
    this.#logger = logger;
    this.#eventLog = new EventLog(logger);
    this.#faults = new LinkFaults((id) => this.#knownPorts.has(id));
    this.#ports = serverPorts(this.options);
  }

  /**
   * Starts every server, and resolves once all of them are up and one leads, but for a minority whose disks are lost or fail:
   * see {@link withoutDisk}. Clients are served as soon as a majority is up. Rejects with DataDirectoryError, ListenError or
   * ServerStartError; then nothing runs.
   */
  async start(): Promise<void> {
    if (this.#opening !== undefined || this.#closing !== undefined)
      throw new WrongStateError('a cluster is started once: make another');
    const { network, serverModule, catchUpTimeoutMs } = this.#environment;
    const room = { ...this.options, servers: () => this.ids.length };
    this.#opening = RunningCluster.open(this.options, {
      logger: this.#logger,
      eventLog: this.#eventLog,
      faults: this.#faults,
      serverModule: serverModule ?? SERVER_MODULE,
      network: network ?? clientNetwork(this.#logger, room, this.security.tls),
      catchUpTimeoutMs: catchUpTimeoutMs ?? CATCH_UP_TIMEOUT_MS,
      isAnySize: this.#isAnySize,
      doors: this.security.access,
      etcd: this.#environment.etcd,
      onChange: () => this.#changed.notify(),
    });
    try {
      this.#running = await this.#opening;
      const running = this.#running;
      this.#membership = new Membership({
        running,
        eventLog: this.#eventLog,
        electionTimeoutMs: this.options.electionTimeoutMs,
        until: (look, timeout) => this.#until(look, timeout),
        // Servers keep the process from ending, and nothing does once they are closed.
        pause: (delayMs) => setTimeout(delayMs, undefined, { ref: false }),
        handOver: (id) => handOver(this, id, this.#logger),
      });
      for (const server of running.servers) server.start();
      await this.#until(() => (running.areAllUp() && this.engine.isServing) || undefined);
      // What it waits for may take long, and it ends with the cluster.
      this.#membership.settle().catch((error: unknown) => {
        this.#logger.debug({ reason: messageOf(error) }, 'members are not settled');
      });
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Rejects with NotRunningError. */
  members(): Promise<Members> {
    return this.#startedMembership.members();
  }

  /**
   * Changes the members to exactly these, in one step of joint consensus (thesis 4.3): new servers are started, and vote once
   * they have caught up. Resolves to those that were added. Rejects with WrongStateError when another change is under way, with
   * ListenError when a port is taken, and with MembersError when it was given up; then the old members serve on.
   */
  async changeMembers(ids: readonly ServerId[]): Promise<readonly AddedServer[]> {
    return this.#startedMembership.change(ids);
  }

  /** Adds a server of the lowest free id. Rejects as {@link changeMembers} does. */
  async addServer(place: ServerPlace = {}): Promise<readonly AddedServer[]> {
    return this.#startedMembership.add(place);
  }

  /** Removes a server. Rejects as {@link changeMembers} does, and with UnknownServerError. */
  async removeServer(id: ServerId): Promise<void> {
    this.#member(id);
    await this.#startedMembership.remove(id);
  }

  /**
   * Has another server, with an empty directory, take a server's place: of one whose disk is lost, or that is to have another.
   * It is stopped first, and started again when that is given up. Rejects as {@link changeMembers} does, and with
   * UnknownServerError.
   */
  async replaceServer(id: ServerId, place: ServerPlace = {}): Promise<readonly AddedServer[]> {
    this.#member(id);
    return this.#startedMembership.replace(id, place);
  }

  /** The server that leads and answers clients, if there is one. */
  get leader(): ServerId | undefined {
    const claimant = this.#running?.claimant;
    return claimant?.isServing ? claimant.id : undefined;
  }

  /** What keeps the keys, and whether it answers. */
  get engine(): { readonly name: 'raft' | 'etcd'; readonly isServing: boolean } {
    return { name: 'raft', isServing: this.leader !== undefined };
  }

  /** Where the clients of a server connect. A port given as 0 is known once started. Throws UnknownServerError. */
  serverAddress(id: ServerId): ClientAddress {
    const port = this.#knownPorts.get(id);
    if (port === undefined) throw new UnknownServerError(id, this.ids);
    return { host: this.options.host, port };
  }

  /** Where any client can connect; undefined without a router, or before it is started. */
  get routerAddress(): ClientAddress | undefined {
    return this.#running?.gateway.routerAddress;
  }

  /** A client that needs no socket, router or password, and is closed with the cluster. Throws ArgumentError. */
  client(options: InProcessClientOptions = {}): KeyValueClient {
    return this.inProcess.open(options);
  }

  /** Resolves to the leader once there is one that answers clients. Rejects with TimeoutError or NotRunningError. */
  waitForLeader(timeoutMs: number): Promise<ServerId> {
    return this.#until(() => this.leader, { what: 'no server leads', timeoutMs });
  }

  /** Rejects with NotRunningError. */
  async status(): Promise<ClusterStatus> {
    const servers = await this.#started.status();
    return { leader: this.leader ?? null, servers };
  }

  /** As {@link listen}, for events of one type, such as `serving` of a new leader. */
  on<T extends ClusterEvent['type']>(type: T, listener: (event: ClusterEventOf<T>) => void): () => void {
    return this.#eventLog.on(type, listener);
  }

  /** Calls the listener for each event of the cluster, until the returned function is called. */
  listen(listener: EventListener): () => void {
    return this.#eventLog.listen(listener);
  }

  /** Faults of the network between servers, as they were asked for. */
  get faults(): CurrentFaults {
    return this.#faults.current;
  }

  /** Whether a server takes calls and clients. False before the start and after the end. */
  isUp(id: ServerId): boolean {
    return this.#running?.has(id) === true && this.#running.member(id).isUp;
  }

  get #knownPorts(): ReadonlyMap<ServerId, number> {
    return this.#running?.ports ?? this.#ports;
  }

  /** The ids of all servers. */
  get ids(): readonly ServerId[] {
    return [...this.#knownPorts.keys()];
  }

  /** Servers that are down because their disks are lost or have failed. */
  get withoutDisk(): readonly ServerId[] {
    const lost = this.#running?.members.filter(({ diskFailure }) => diskFailure !== undefined);
    return lost?.map(({ id }) => id) ?? [];
  }

  /** What is wrong with a server, in one line; undefined when nothing is, before the start and after the end. */
  troubleOf(id: ServerId): string | undefined {
    return this.#running?.has(id) === true ? this.#running.member(id).trouble : undefined;
  }

  /** How a server looks now; undefined when it is down or too busy to answer. Rejects with UnknownServerError. */
  async observe(id: ServerId): Promise<ServerObservation | undefined> {
    const seen = await this.#member(id).observe();
    return seen && withIds(seen, (identity) => this.#started.idOf(identity));
  }

  /** Reads every server's counters. Rejects with NotRunningError. */
  async measure(): Promise<ClusterMeasurements> {
    const { members, gateway, loopWatch } = this.#started;
    const measured = members.map(async (member) => [member.id, await member.measure()] as const);
    const servers = new Map(await Promise.all(measured));
    const { withoutDisk } = this;
    return { main: measureThread(loopWatch), servers, withoutDisk, gateway: gateway.measure() };
  }

  /**
   * Terminates a server's thread, as a crash would, and resolves once it has ended. The server stays down
   * until {@link restart}. Rejects with UnknownServerError, or with WrongStateError when it is down.
   */
  async kill(id: ServerId): Promise<void> {
    await this.#member(id).kill();
  }

  /**
   * Stops one server cleanly, and resolves once it is down: it hands leadership over if it leads, answers what is
   * pending, and closes its disk. It stays down until {@link restart}. Rejects with UnknownServerError, or with
   * WrongStateError when it is down.
   */
  async stop(id: ServerId): Promise<void> {
    const member = this.#member(id);
    if (!member.isUp) throw new WrongStateError(`server ${id} is not running: restart it first`);
    if (this.#started.claimant === member) await handOver(this, id, this.#logger);
    await member.stop();
  }

  /**
   * Starts a server again from what it had written, and resolves once it is up. Rejects with UnknownServerError,
   * WrongStateError when it runs or is killed meanwhile, ServerStartError when it does not come up.
   */
  async restart(id: ServerId): Promise<void> {
    const member = this.#member(id);
    await member.restart();
    await this.#until(() => {
      throwFailure(member);
      if (!member.isUp && !member.isStarting)
        throw new WrongStateError(`server ${id} was killed while it started: restart it again`);
      return member.isUp || undefined;
    });
  }

  /**
   * Drops messages between servers of different groups, in place of an earlier partition, and resolves once all servers
   * do. Servers in no group are together in one more. Rejects with FaultError.
   */
  async partition(groups: readonly (readonly ServerId[])[]): Promise<void> {
    this.#faults.partition(groups);
    this.#eventLog.record({ type: 'partitioned', groups });
    await this.#started.applyFaults();
  }

  /** Makes one direction of a link lossy or slow, and resolves once it is. Rejects with FaultError. */
  async setLink(link: LinkRequest): Promise<void> {
    this.#faults.setLink(link);
    this.#eventLog.record({ type: 'link-disturbed', link });
    await this.#started.applyFaults();
  }

  /** Undoes partitions and link faults, and resolves once they are gone. */
  async heal(): Promise<void> {
    this.#faults.heal();
    this.#eventLog.record({ type: 'healed' });
    await this.#started.applyFaults();
  }

  /**
   * Hands leadership to a server, and resolves once it leads. Rejects with UnknownServerError, with WrongStateError when
   * no server can hand over to it, and with TimeoutError when it has not taken over within three election timeouts.
   */
  async transferLeadership(id: ServerId): Promise<void> {
    const target = this.#member(id);
    if (!target.isUp) throw new WrongStateError(`server ${id} is not running: restart it first`);
    const leader = this.#started.claimant;
    if (leader === undefined) throw new WrongStateError('no server leads that could hand over: try again');
    if (leader !== target) {
      this.#eventLog.record({ type: 'transfer', leader: leader.id, server: id });
      await leader
        .call((control) => control.transferLeadership(target.identity))
        .catch((error: unknown) => {
          throw new WrongStateError(`server ${leader.id} does not hand over: ${messageOf(error)}`);
        });
    }
    const timeoutMs = this.options.electionTimeoutMs * TRANSFER_TIMEOUTS;
    const what = `server ${id} did not take over`;
    await this.#until(() => (this.leader === id ? id : undefined), { what, timeoutMs });
  }

  /**
   * A snapshot of all keys that holds every write acknowledged before this call, in pieces, while the cluster goes on.
   * Write it to a file with writeBackup, which notices when the pieces end early. Rejects with TimeoutError when no server
   * leads, with WrongStateError or ServerGoneError when the leader changes.
   */
  async backup(): Promise<AsyncIterable<Uint8Array>> {
    return backupOf(this.#member(await this.waitForLeader(LEADER_WAIT_MS)));
  }

  /** Blocks a server's event loop, as a stalled machine would. Rejects as {@link kill} does, and with FaultError. */
  async block(id: ServerId, durationMs: number): Promise<void> {
    if (!Number.isFinite(durationMs) || durationMs < 0)
      throw new FaultError(`${durationMs} is no number of ms`);
    const member = this.#member(id);
    if (!member.isUp) throw new WrongStateError(`server ${id} is not running: restart it first`);
    this.#eventLog.record({ type: 'paused', server: id, durationMs });
    await member.call((control) => control.block(durationMs));
  }

  /**
   * Stops cleanly: refuses clients, answers what is committed, closes every server's disk, and gives the data
   * directory back. May be called at any time, and again. A server whose disk does not answer is left behind, and so are its
   * thread and its files: see {@link leftBehind}.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Servers that could not end when the cluster was closed. The process cannot exit by itself while their disks hang. */
  get leftBehind(): readonly ServerId[] {
    return this.#leftBehind;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    // What cannot be opened leaves nothing open, and start() rejects.
    const running = await this.#opening?.catch(() => undefined);
    // While there are servers that know of them.
    if (this.leader !== undefined) await this.inProcess.releaseLocks();
    this.#ports = this.#knownPorts;
    this.#running = undefined;
    this.#changed.notify();
    await running?.close();
    await this.inProcess.closeAll();
    if (running === undefined) return;
    this.#leftBehind = running.notEnded;
    this.#logger.info('cluster closed');
  }

  get #started(): RunningCluster {
    if (this.#running === undefined) throw new NotRunningError();
    return this.#running;
  }

  get #startedMembership(): Membership {
    if (this.#membership === undefined || this.#running === undefined) throw new NotRunningError();
    return this.#membership;
  }

  #member(id: ServerId): Member {
    return this.#started.member(id);
  }

  /**
   * Resolves to the first value that `look` finds; it looks again after every change. Rejects with what `look` throws,
   * with TimeoutError, or with NotRunningError.
   */
  #until<T>(look: () => T | undefined, timeout?: Timeout): Promise<T> {
    return this.#changed.until(() => {
      if (this.#running === undefined) throw new NotRunningError();
      return look();
    }, timeout);
  }
}
