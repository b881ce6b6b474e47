/**
 * A cluster of servers in this process: starts them, joins them, and takes their clients in.
 */

import { fileURLToPath } from 'node:url';
import { MessageChannel } from 'node:worker_threads';
import * as Comlink from 'comlink';
import { type Logger, pino } from 'pino';
import { openChannel } from '../channel/port-channel.js';
import { NODE_ENVIRONMENT } from '../environment.js';
import { Gateway, type GatewayMeasurements } from '../gateway/gateway.js';
import type { Network } from '../gateway/network.js';
import { LEADER_WAIT_MS } from '../limits.js';
import type { ServerId } from '../raft/types.js';
import type { ClientAddress, ServerMeasurements, ServerObservation, ServerStatus } from '../wire/control.js';
import { clientNetwork } from './client-network.js';
import {
  NotRunningError,
  ServerGoneError,
  ServerStartError,
  TimeoutError,
  UnknownServerError,
  WrongStateError,
} from './errors.js';
import { type EventListener, EventLog } from './event-log.js';
import { type CurrentFaults, LinkFaults, type LinkRequest } from './faults.js';
import { Member } from './member.js';
import { type ClusterOptions, checkOptions, DEFAULT_OPTIONS, serverPorts } from './options.js';
import { ServerThread } from './server-thread.js';
import { Signal } from './signal.js';
import { openStorageLocation, type StorageLocation } from './storage-location.js';
import { ThreadPool } from './thread-pool.js';

const SERVER_MODULE = fileURLToPath(new URL('../../workers/server.js', import.meta.url));

/** Pieces of a backup that were not taken yet. */
const BACKUP_CAPACITY = 16;
/** At the end, clients' commands in flight are answered for so long. */
const DRAIN_MS = 500;
/** A transfer of leadership is given so many election timeouts. */
const TRANSFER_TIMEOUTS = 3;

/**
 * What is told of one server. Of a stopped one, which is a follower of nobody, it is what was known of it last; 0 and
 * null before anything was.
 */
export interface MemberStatus extends Omit<ServerStatus, 'leader'> {
  /** `running` while it takes calls and clients. */
  readonly state: 'running' | 'stopped';
  /** Where its clients connect. */
  readonly host: string;
  readonly port: number;
}

export interface ClusterStatus {
  /** The server that leads and answers clients. */
  readonly leader: ServerId | null;
  readonly servers: readonly MemberStatus[];
}

/** What a cluster measured since it started. */
export interface ClusterMeasurements {
  /** By server id; undefined for a server that is down, or too busy to tell. */
  readonly servers: readonly (ServerMeasurements | undefined)[];
  readonly gateway: GatewayMeasurements;
}

export interface ClusterEnvironment {
  /** Where elections, deaths and restarts are logged; nowhere unless given. */
  readonly logger?: Logger;
  /** The module that each thread runs, in place of the server. It reports what server/control.ts says, `loaded` first. */
  readonly serverModule?: string;
  /** Where clients come from, in place of the operating system's network. */
  readonly network?: Network;
}

/** What there is from start to close. */
interface Running {
  readonly location: StorageLocation;
  readonly gateway: Gateway;
  readonly threads: ThreadPool;
  readonly members: readonly Member[];
}

export class Cluster {
  readonly options: ClusterOptions;
  readonly #logger: Logger;
  readonly #eventLog: EventLog;
  readonly #serverModule: string;
  readonly #network: Network | undefined;
  readonly #faults: LinkFaults;
  readonly #changed = new Signal();
  /** The client ports by server id, once they are known. */
  #ports: readonly number[];
  #opening: Promise<Running> | undefined;
  #running: Running | undefined;
  #closing: Promise<void> | undefined;

  /** Throws OptionError. Nothing runs before {@link start}. */
  constructor(
    options: Partial<ClusterOptions> = {},
    { logger = pino({ level: 'silent' }), serverModule = SERVER_MODULE, network }: ClusterEnvironment = {},
  ) {
    this.options = { ...DEFAULT_OPTIONS, ...options };
    checkOptions(this.options);
    this.#logger = logger;
    this.#eventLog = new EventLog(logger);
    this.#serverModule = serverModule;
    this.#network = network;
    this.#faults = new LinkFaults(this.options.servers);
    this.#ports = serverPorts(this.options);
  }

  /**
   * Starts every server and resolves once all of them are up and one leads; clients are served as soon as a majority is
   * up. Rejects with DataDirectoryError, ListenError or
   * ServerStartError; nothing runs then.
   */
  async start(): Promise<void> {
    if (this.#opening !== undefined || this.#closing !== undefined)
      throw new WrongStateError('a cluster is started once: make another');
    this.#opening = this.#open();
    try {
      this.#running = await this.#opening;
      for (const member of this.#running.members) member.start();
      await this.#until(() => {
        for (const member of this.#members) throwFailure(member);
        return this.#members.every(({ isUp }) => isUp) ? this.leader : undefined;
      });
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** The server that leads and answers clients, if there is one. */
  get leader(): ServerId | undefined {
    const claimant = this.#claimant;
    return claimant?.isServing ? claimant.id : undefined;
  }

  /** Where the clients of a server connect: with port 0 known once started. Throws UnknownServerError. */
  serverAddress(id: ServerId): ClientAddress {
    const port = this.#ports[id];
    if (port === undefined) throw new UnknownServerError(id, this.options.servers);
    return { host: this.options.host, port };
  }

  /** Where any client can connect; undefined without a router, or before it is started. */
  get routerAddress(): ClientAddress | undefined {
    return this.#running?.gateway.routerAddress;
  }

  /** Resolves to the leader once there is one that answers clients. Rejects with TimeoutError or NotRunningError. */
  waitForLeader(timeoutMs: number): Promise<ServerId> {
    return this.#until(() => this.leader, { what: 'no server leads', timeoutMs });
  }

  /** Rejects with NotRunningError. */
  async status(): Promise<ClusterStatus> {
    const servers = await Promise.all(this.#members.map((member) => this.#statusOf(member)));
    return { leader: this.leader ?? null, servers };
  }

  /** Has everything told to the listener that happens to the cluster, until the returned function is called. */
  listen(listener: EventListener): () => void {
    return this.#eventLog.listen(listener);
  }

  /** What is disturbed between servers. */
  get faults(): CurrentFaults {
    return this.#faults.current;
  }

  /** Whether a server takes calls and clients. False before the start and after the end. */
  isUp(id: ServerId): boolean {
    return this.#running?.members[id]?.isUp ?? false;
  }

  /** How a server looks now; undefined when it is down or too busy to tell. Rejects with UnknownServerError. */
  async observe(id: ServerId): Promise<ServerObservation | undefined> {
    return this.#member(id).observe();
  }

  /** Reads every server's counters. Rejects with NotRunningError. */
  async measure(): Promise<ClusterMeasurements> {
    const { members, gateway } = this.#started;
    const servers = await Promise.all(members.map((member) => member.measure()));
    return { servers, gateway: gateway.measure() };
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
    if (this.#claimant === member) await this.#handOver(id);
    await member.stop();
  }

  /**
   * Starts a server again from what it had written, and resolves once it is up. Rejects with UnknownServerError,
   * WrongStateError when it runs, ServerStartError when it does not come up.
   */
  async restart(id: ServerId): Promise<void> {
    const member = this.#member(id);
    await member.restart();
    await this.#until(() => {
      throwFailure(member);
      if (!member.isUp && !member.isStarting) throw new ServerStartError(id, undefined);
      return member.isUp || undefined;
    });
  }

  /**
   * Drops messages between servers of different groups, and resolves once all servers do; see
   * {@link LinkFaults.partition}.
   */
  async partition(groups: readonly (readonly ServerId[])[]): Promise<void> {
    this.#faults.partition(groups);
    this.#eventLog.record({ type: 'partitioned', groups });
    await this.#applyFaults();
  }

  /** Makes one direction of a link lossy or slow, and resolves once it is; see {@link LinkFaults.setLink}. */
  async setLink(link: LinkRequest): Promise<void> {
    this.#faults.setLink(link);
    this.#eventLog.record({ type: 'link-disturbed', link });
    await this.#applyFaults();
  }

  /** Undoes partitions and link faults, and resolves once they are gone. */
  async heal(): Promise<void> {
    this.#faults.heal();
    this.#eventLog.record({ type: 'healed' });
    await this.#applyFaults();
  }

  /**
   * Hands leadership to a server, and resolves once it leads. Rejects with UnknownServerError, WrongStateError when
   * that cannot be, TimeoutError when it does not come to that.
   */
  async transferLeadership(id: ServerId): Promise<void> {
    const target = this.#member(id);
    if (!target.isUp) throw new WrongStateError(`server ${id} is not running: restart it first`);
    const leader = this.#claimant;
    if (leader === undefined) throw new WrongStateError('no server leads that could hand over: try again');
    if (leader !== target) {
      this.#eventLog.record({ type: 'transfer', leader: leader.id, server: id });
      await leader
        .call((control) => control.transferLeadership(id))
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
   * To be written to a file with writeBackup; what ends early is not a whole one. Rejects with TimeoutError when no
   * server leads, with WrongStateError or ServerGoneError when the leader changes.
   */
  async backup(): Promise<AsyncIterable<Uint8Array>> {
    const leader = this.#member(await this.waitForLeader(LEADER_WAIT_MS));
    const { port1, port2 } = new MessageChannel();
    const { receiver } = openChannel<never, Uint8Array>(port1, { capacity: BACKUP_CAPACITY });
    try {
      await leader.call((control) => control.backup(Comlink.transfer(port2, [port2])));
    } catch (error) {
      port1.close();
      if (error instanceof ServerGoneError) throw error;
      throw new WrongStateError(messageOf(error));
    }
    return receiver;
  }

  /** Blocks a server's event loop for so long, as a stalled machine would. Rejects as {@link kill} does. */
  async block(id: ServerId, durationMs: number): Promise<void> {
    const member = this.#member(id);
    if (!member.isUp) throw new WrongStateError(`server ${id} is not running: restart it first`);
    this.#eventLog.record({ type: 'paused', server: id, durationMs });
    await member.call((control) => control.block(durationMs));
  }

  /**
   * Stops cleanly: refuses clients, answers what is committed, closes every server's disk, and gives the data
   * directory back. May be called at any time, and again.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    // What cannot be opened leaves nothing behind, and start() tells of it.
    const running = await this.#opening?.catch(() => undefined);
    this.#running = undefined;
    this.#changed.notify();
    if (running === undefined) return;
    await running.gateway.close(DRAIN_MS);
    await Promise.all(running.members.map((member) => member.stop()));
    await running.threads.destroy();
    await running.location.release();
    this.#logger.info('cluster closed');
  }

  async #open(): Promise<Running> {
    const { servers, host, routerPort, electionTimeoutMs } = this.options;
    const ports = { host, serverPorts: this.#ports, routerPort: routerPort ?? undefined, electionTimeoutMs };
    const gateway = new Gateway(ports, {
      environment: NODE_ENVIRONMENT,
      network: this.#network ?? clientNetwork(this.#logger),
    });
    try {
      // First the ports: when one is taken, nothing is left on the disk.
      await gateway.start();
      this.#ports = this.#ports.map((_, id) => gateway.serverAddress(id).port);
      const location = await openStorageLocation(this.options);
      const { path, clusterId } = location.directory;
      this.#logger.info({ servers, dataDir: path, clusterId }, 'cluster starts');
      const threads = new ThreadPool(this.#serverModule, servers);
      const members = this.#ports.map((_, id) => this.#newMember(id, { location, gateway, threads }));
      return { location, gateway, threads, members };
    } catch (error) {
      await gateway.close(0);
      throw error;
    }
  }

  #newMember(id: ServerId, { location, gateway, threads }: Omit<Running, 'members'>): Member {
    const { servers, host, advertiseHost, electionTimeoutMs, heartbeatMs, snapshotLogBytes } = this.options;
    const clientAddresses = this.#ports.map((port) => ({ host: advertiseHost ?? host, port }));
    const start = {
      id,
      clusterSize: servers,
      clusterId: location.directory.clusterId,
      dataDir: location.directory.serverDirectory(id),
      fsync: location.fsync,
      electionTimeoutMs,
      heartbeatMs,
      snapshotLogBytes,
      clientAddresses,
    };
    return new Member(id, {
      logger: this.#logger,
      eventLog: this.#eventLog,
      gateway,
      newThread: (lives) => new ServerThread(threads, { ...start, leasesAreOver: lives === 0 }),
      onUp: () => this.#join(id),
      onCutOff: () => this.#cutOff(id),
      onChange: () => this.#changed.notify(),
    });
  }

  /** Has the most advanced other server lead, if that is possible. */
  async #handOver(id: ServerId): Promise<void> {
    const { servers } = await this.status();
    const others = servers.filter((one) => one.id !== id && one.state === 'running');
    const [successor] = others.sort((a, b) => b.lastIndex - a.lastIndex);
    if (successor === undefined) return;
    await this.transferLeadership(successor.id).catch((error: unknown) => {
      this.#logger.warn({ server: id, reason: messageOf(error) }, 'leadership is not handed over');
    });
  }

  /** Throws NotRunningError. */
  get #started(): Running {
    if (this.#running === undefined) throw new NotRunningError();
    return this.#running;
  }

  /** Throws NotRunningError. */
  get #members(): readonly Member[] {
    return this.#started.members;
  }

  #member(id: ServerId): Member {
    const member = this.#members[id];
    if (member === undefined) throw new UnknownServerError(id, this.options.servers);
    return member;
  }

  /** The server that says it leads, in the latest term if there are several. */
  get #claimant(): Member | undefined {
    let claimant: Member | undefined;
    for (const member of this.#running?.members ?? []) {
      if (member.leadsTerm === undefined) continue;
      if (claimant?.leadsTerm === undefined || member.leadsTerm > claimant.leadsTerm) claimant = member;
    }
    return claimant;
  }

  /** The server takes calls: joins it with every other one that does, faults included. */
  #join(id: ServerId): void {
    if (this.#running === undefined) return;
    const member = this.#member(id);
    for (const peer of this.#members) {
      if (peer === member || !peer.isUp) continue;
      const { port1, port2 } = new MessageChannel();
      member.tell({ type: 'joined', peer: peer.id, port: port1 });
      peer.tell({ type: 'joined', peer: id, port: port2 });
    }
    void this.#applyFaultsOf(member);
  }

  /**
   * Tells the others that a server serves nobody any more. They would notice by themselves, but a thread takes tens of
   * milliseconds to come to its end.
   */
  #cutOff(id: ServerId): void {
    for (const peer of this.#running?.members ?? [])
      if (peer.id !== id) peer.tell({ type: 'ended', peer: id });
  }

  async #applyFaults(): Promise<void> {
    await Promise.all(this.#members.map((member) => this.#applyFaultsOf(member)));
  }

  async #applyFaultsOf(member: Member): Promise<void> {
    const peers = this.#members.filter((peer) => peer !== member);
    await Promise.all(
      peers.map((peer) => {
        const fault = this.#faults.of(member.id, peer.id);
        return member.instruct((control) => control.setLinkFault(peer.id, fault));
      }),
    );
  }

  async #statusOf(member: Member): Promise<MemberStatus> {
    const { leader: _, ...status } = await member.status();
    return { ...status, state: member.isUp ? 'running' : 'stopped', ...this.serverAddress(member.id) };
  }

  /**
   * Resolves to the first value that `look` finds; it looks again after every change. Rejects with what `look` throws,
   * with TimeoutError, or with NotRunningError.
   */
  async #until<T>(
    look: () => T | undefined,
    { what, timeoutMs }: { readonly what: string; readonly timeoutMs: number } = NO_TIMEOUT,
  ): Promise<T> {
    const giveUpAtMs = performance.now() + timeoutMs;
    while (true) {
      if (this.#running === undefined) throw new NotRunningError();
      const found = look();
      if (found !== undefined) return found;
      const leftMs = giveUpAtMs - performance.now();
      if (leftMs <= 0) throw new TimeoutError(what, timeoutMs);
      await this.#changed.next(leftMs);
    }
  }
}

const NO_TIMEOUT = { what: '', timeoutMs: Number.POSITIVE_INFINITY };

function throwFailure(member: Member): void {
  if (member.failure !== undefined) throw new ServerStartError(member.id, member.failure);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
