/**
 * A cluster of servers in this process: starts them, joins them, watches them, and takes their clients in.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MessageChannel } from 'node:worker_threads';
import { type Logger, pino } from 'pino';
import { Piscina } from 'piscina';
import { Gateway } from '../gateway/gateway.js';
import type { ServerId, Term } from '../raft/types.js';
import type { ClientAddress, ServerEvent, ServerStatus } from '../server/control.js';
import { DataDirectory } from '../storage/data-directory.js';
import { ServerGoneError, StartError, UnknownServerError, WrongStateError } from './errors.js';
import { LinkFaults, type LinkRequest } from './faults.js';
import { gatewayChannel } from './gateway-channel.js';
import { type ClusterOptions, checkOptions, DEFAULT_OPTIONS, serverPort } from './options.js';
import { ServerThread, type ThreadEnd } from './server-thread.js';
import { Signal } from './signal.js';

const SERVER_THREAD_FILE = fileURLToPath(new URL('../../workers/server.js', import.meta.url));

/** A server that died by itself is started again after this time, twice as long for each time in a row. */
const FIRST_RESTART_PAUSE_MS = 100;
const LAST_RESTART_PAUSE_MS = 10_000;
/** A server that was up for so long has recovered: the next death is a first one. */
const RECOVERED_AFTER_MS = 30_000;
/** At the end, clients' commands in flight are answered for so long. */
const DRAIN_MS = 500;
/** A transfer of leadership is given so many election timeouts. */
const TRANSFER_TIMEOUTS = 3;

/** What is known of one server. */
interface Member {
  readonly id: ServerId;
  /** Its thread, while it has one. */
  thread: ServerThread | undefined;
  /** When it reported that it takes calls, in ms; undefined while it does not. */
  upSinceMs: number | undefined;
  /** Runs while the server waits to be started again. */
  restartTimer: NodeJS.Timeout | undefined;
  restartPauseMs: number;
  /** What it reported last of its role, while it is up. */
  role: Extract<ServerEvent, { type: 'role' }> | undefined;
  /** The last term in which it served as the leader. */
  servingTerm: Term | undefined;
  /** Why it cannot run. */
  failure: Extract<ServerEvent, { type: 'failed' }> | undefined;
  /** What it said of itself when it was last asked. */
  lastStatus: ServerStatus;
}

/** What is told of one server, whether it runs or not: of a stopped one, what was last known. */
export interface MemberStatus extends Omit<ServerStatus, 'leader'> {
  readonly state: 'running' | 'stopped';
  readonly host: string;
  readonly port: number;
}

export interface ClusterStatus {
  readonly leader: ServerId | null;
  readonly servers: readonly MemberStatus[];
}

export interface ClusterEnvironment {
  /** Where elections, deaths and restarts are logged; nowhere unless given. */
  readonly logger?: Logger;
}

export class Cluster {
  readonly options: ClusterOptions;
  readonly #logger: Logger;
  readonly #members: readonly Member[];
  readonly #faults: LinkFaults;
  readonly #gateway: Gateway;
  readonly #pool: Piscina;
  readonly #changed = new Signal();
  #storage: { readonly directory: DataDirectory; readonly isTemporary: boolean } | undefined;
  #startFailure: unknown;
  #phase: 'new' | 'running' | 'closed' = 'new';

  /** Throws OptionError. Nothing runs before {@link start}. */
  constructor(
    options: Partial<ClusterOptions> = {},
    { logger = pino({ level: 'silent' }) }: ClusterEnvironment = {},
  ) {
    this.options = { ...DEFAULT_OPTIONS, ...options };
    checkOptions(this.options);
    const { servers, host, routerPort, electionTimeoutMs } = this.options;
    const ids = Array.from({ length: servers }, (_, id) => id);
    this.#logger = logger;
    this.#members = ids.map(newMember);
    this.#faults = new LinkFaults(servers);
    this.#gateway = new Gateway({
      host,
      serverPorts: ids.map((id) => serverPort(this.options, id)),
      routerPort,
      electionTimeoutMs,
    });
    this.#pool = new Piscina({
      filename: SERVER_THREAD_FILE,
      minThreads: servers,
      maxThreads: servers,
      idleTimeout: Number.POSITIVE_INFINITY,
      atomics: 'disabled',
    });
  }

  /**
   * Starts every server and resolves once a leader serves clients. Rejects with DataDirectoryError, ListenError or
   * StorageError; nothing runs then.
   */
  async start(): Promise<void> {
    if (this.#phase !== 'new') throw new WrongStateError('a cluster is started once');
    this.#phase = 'running';
    try {
      this.#storage = await openStorage(this.options);
      await this.#gateway.start();
      for (const member of this.#members) this.#startServer(member);
      await this.#until(() => {
        if (this.#startFailure !== undefined) throw this.#startFailure;
        return this.leader;
      });
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** The server that leads and serves clients, if there is one. */
  get leader(): ServerId | undefined {
    const leader = this.#claimant;
    return leader !== undefined && leader.servingTerm === leader.role?.term ? leader.id : undefined;
  }

  /** Where the clients of a server connect. Throws UnknownServerError. */
  serverAddress(id: ServerId): ClientAddress {
    this.#member(id);
    return { host: this.options.host, port: serverPort(this.options, id) };
  }

  /** Where any client can connect; undefined without a router. */
  get routerAddress(): ClientAddress | undefined {
    return this.#gateway.routerAddress;
  }

  /** Resolves to the serving leader. Rejects with WrongStateError when there is none within the time. */
  waitForLeader(timeoutMs: number): Promise<ServerId> {
    return this.#until(() => this.leader, { timeoutMs, otherwise: `no leader within ${timeoutMs} ms` });
  }

  async status(): Promise<ClusterStatus> {
    const servers = await Promise.all(this.#members.map((member) => this.#statusOf(member)));
    return { leader: this.leader ?? null, servers };
  }

  /** Terminates a server's thread at once, as a crash would. It stays down until {@link restart}. */
  async kill(id: ServerId): Promise<void> {
    const member = this.#member(id);
    const { thread } = member;
    if (thread === undefined && member.restartTimer === undefined)
      throw new WrongStateError(`server ${id} is not running`);
    clearTimeout(member.restartTimer);
    member.restartTimer = undefined;
    if (thread === undefined) return;
    this.#gateway.detach(id);
    thread.kill();
    await this.#until(() => member.thread !== thread || undefined);
  }

  /** Starts a server again from what it had written, and resolves once it is up. */
  async restart(id: ServerId): Promise<void> {
    const member = this.#member(id);
    if (member.thread !== undefined) throw new WrongStateError(`server ${id} is running`);
    clearTimeout(member.restartTimer);
    member.restartTimer = undefined;
    const thread = this.#startServer(member);
    await this.#until(() => {
      if (member.thread !== thread)
        throw new WrongStateError(`server ${id} did not start: ${member.failure?.message ?? 'it ended'}`);
      return member.upSinceMs;
    });
  }

  /** Drops messages between servers of different groups; see {@link LinkFaults.partition}. */
  partition(groups: readonly (readonly ServerId[])[]): void {
    this.#faults.partition(groups);
    this.#logger.info({ groups }, 'network partitioned');
    this.#applyFaults();
  }

  /** Makes one direction of a link lossy or slow; see {@link LinkFaults.setLink}. */
  setLink(link: LinkRequest): void {
    this.#faults.setLink(link);
    this.#logger.info({ link }, 'link disturbed');
    this.#applyFaults();
  }

  /** Undoes partitions and link faults. */
  heal(): void {
    this.#faults.heal();
    this.#logger.info('network healed');
    this.#applyFaults();
  }

  /** Hands leadership to a server, and resolves once it leads. Rejects with WrongStateError when it does not in time. */
  async transferLeadership(id: ServerId): Promise<void> {
    const target = this.#member(id);
    if (target.upSinceMs === undefined) throw new WrongStateError(`server ${id} is not running`);
    const leader = this.#claimant;
    if (leader?.thread === undefined) throw new WrongStateError('there is no leader to take over from');
    if (leader === target) return;
    await leader.thread.call((control) => control.transferLeadership(id));
    const timeoutMs = this.options.electionTimeoutMs * TRANSFER_TIMEOUTS;
    const otherwise = `server ${id} did not take over within ${timeoutMs} ms`;
    await this.#until(() => (this.leader === id ? id : undefined), { timeoutMs, otherwise });
  }

  /** Blocks a server's event loop for so long, as a stalled machine would. */
  async block(id: ServerId, durationMs: number): Promise<void> {
    const { thread, upSinceMs } = this.#member(id);
    if (thread === undefined || upSinceMs === undefined)
      throw new WrongStateError(`server ${id} is not running`);
    await thread.call((control) => control.block(durationMs));
  }

  /** Stops cleanly: refuses clients, answers what is committed, closes every server's disk. May be called twice. */
  async close(): Promise<void> {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    for (const member of this.#members) clearTimeout(member.restartTimer);
    await this.#gateway.close(DRAIN_MS);
    await Promise.all(
      this.#members.map(({ thread, upSinceMs }) => endThread(thread, upSinceMs !== undefined)),
    );
    await this.#pool.destroy();
    await this.#storage?.directory.close();
    if (this.#storage?.isTemporary) await rm(this.#storage.directory.path, { recursive: true, force: true });
    this.#changed.notify();
  }

  /** The server that says it leads, in the latest term if there are several. */
  get #claimant(): Member | undefined {
    let claimant: Member | undefined;
    for (const member of this.#members) {
      if (member.role?.role !== 'leader') continue;
      if (claimant?.role === undefined || member.role.term > claimant.role.term) claimant = member;
    }
    return claimant;
  }

  #member(id: ServerId): Member {
    const member = this.#members[id];
    if (member === undefined) throw new UnknownServerError(id);
    return member;
  }

  #startServer(member: Member): ServerThread {
    const { servers, host, advertiseHost = host, fsync, electionTimeoutMs, heartbeatMs } = this.options;
    if (this.#storage === undefined) throw new WrongStateError('the cluster is not running');
    const thread = new ServerThread(this.#pool, {
      id: member.id,
      clusterSize: servers,
      dataDir: this.#storage.directory.serverDirectory(member.id),
      fsync: fsync && !this.#storage.isTemporary,
      electionTimeoutMs,
      heartbeatMs,
      clientAddresses: this.#members.map(({ id }) => ({
        host: advertiseHost,
        port: serverPort(this.options, id),
      })),
    });
    member.thread = thread;
    member.failure = undefined;
    this.#follow(member, thread).catch((error: unknown) => this.#refuseToStart(member, error));
    return thread;
  }

  /** Takes a thread's events as they come, and its end. */
  async #follow(member: Member, thread: ServerThread): Promise<void> {
    for await (const event of thread.events.receiver) await this.#onEvent(member, thread, event);
    this.#onEnd(member, await thread.ended);
  }

  async #onEvent(member: Member, thread: ServerThread, event: ServerEvent): Promise<void> {
    const { id: server } = member;
    switch (event.type) {
      case 'up':
        await this.#gateway.attach(server, gatewayChannel(thread.traffic));
        this.#logger.info({ server, term: event.term, lastIndex: event.lastIndex }, 'server is up');
        this.#join(member);
        break;
      case 'role':
        member.role = event;
        if (event.role === 'leader') this.#gateway.setLeader({ id: server, term: event.term });
        this.#logRole(member, event);
        break;
      case 'serving':
        member.servingTerm = event.term;
        this.#logger.info({ server, term: event.term }, 'leader serves clients');
        break;
      case 'failed':
        member.failure = event;
        break;
    }
    this.#changed.notify();
  }

  /** The server takes calls: joins it with every other one that does. */
  #join(member: Member): void {
    member.upSinceMs = performance.now();
    for (const peer of this.#members) {
      if (peer === member || peer.upSinceMs === undefined) continue;
      const { port1, port2 } = new MessageChannel();
      this.#tell(member, (thread) => thread.connect(peer.id, port1));
      this.#tell(peer, (thread) => thread.connect(member.id, port2));
    }
    this.#applyFaultsOf(member);
  }

  #applyFaults(): void {
    for (const member of this.#members) this.#applyFaultsOf(member);
  }

  #applyFaultsOf(member: Member): void {
    if (member.upSinceMs === undefined) return;
    for (const { id: peer } of this.#members) {
      const fault = this.#faults.of(member.id, peer);
      this.#tell(member, (thread) => thread.call((control) => control.setLinkFault(peer, fault)));
    }
  }

  /** Calls a server that may end before it answers: it then starts anew with whatever the call was about. */
  #tell(member: Member, call: (thread: ServerThread) => Promise<void>): void {
    if (member.thread === undefined) return;
    call(member.thread).catch((error: unknown) => {
      if (!(error instanceof ServerGoneError))
        this.#logger.error({ server: member.id, err: error }, 'call failed');
    });
  }

  #onEnd(member: Member, end: ThreadEnd): void {
    const { id: server, upSinceMs, failure } = member;
    this.#gateway.detach(server);
    member.thread = undefined;
    member.upSinceMs = undefined;
    member.role = undefined;
    member.servingTerm = undefined;
    switch (end.how) {
      case 'stopped':
        this.#logger.info({ server }, 'server stopped');
        break;
      case 'killed':
        this.#logger.warn({ server }, 'server killed; it stays down until it is restarted');
        break;
      case 'died':
        if (failure?.code.startsWith('DISK_')) this.#refuseToStart(member, new StartError(failure));
        else this.#restartLater(member, upSinceMs, failure?.message ?? messageOf(end.error));
        break;
    }
    this.#changed.notify();
  }

  /** A server died for no reason that starting it again could not mend. */
  #restartLater(member: Member, upSinceMs: number | undefined, reason: string): void {
    if (this.#phase === 'closed') return;
    const hadRecovered = upSinceMs !== undefined && performance.now() - upSinceMs > RECOVERED_AFTER_MS;
    const pauseMs = hadRecovered ? FIRST_RESTART_PAUSE_MS : member.restartPauseMs;
    member.restartPauseMs = Math.min(LAST_RESTART_PAUSE_MS, pauseMs * 2);
    this.#logger.error({ server: member.id, reason, pauseMs }, 'server died; it will be restarted');
    member.restartTimer = setTimeout(() => {
      member.restartTimer = undefined;
      this.#startServer(member);
    }, pauseMs);
  }

  /** A server cannot run as things are. At the start of the cluster that ends it; later the server stays down. */
  #refuseToStart(member: Member, error: unknown): void {
    this.#startFailure ??= error;
    this.#logger.error({ server: member.id, reason: messageOf(error) }, 'server cannot run; it stays down');
    member.thread?.kill();
    member.thread = undefined;
    this.#changed.notify();
  }

  #logRole({ id: server }: Member, { role, term, leader }: Extract<ServerEvent, { type: 'role' }>): void {
    if (role === 'leader') this.#logger.info({ server, term }, 'elected leader');
    else if (role === 'candidate') this.#logger.info({ server, term }, 'campaigns');
    else this.#logger.debug({ server, term, role, leader }, 'role changed');
  }

  async #statusOf(member: Member): Promise<MemberStatus> {
    const { id, thread, upSinceMs } = member;
    if (thread !== undefined && upSinceMs !== undefined) {
      const status = thread.call((control) => control.status());
      // A server whose event loop is blocked is running all the same.
      const patience = new Promise<undefined>((resolve) => {
        setTimeout(() => resolve(undefined), STATUS_PATIENCE_MS).unref();
      });
      member.lastStatus =
        (await Promise.race([status.catch(() => undefined), patience])) ?? member.lastStatus;
    }
    const { leader: _, ...status } = member.lastStatus;
    const state = member.upSinceMs === undefined ? 'stopped' : 'running';
    const role = state === 'running' ? status.role : 'follower';
    return { ...status, role, state, ...this.serverAddress(id) };
  }

  /** Resolves to the first value that `look` finds; it looks again after every change. Rejects when `look` throws. */
  async #until<T>(
    look: () => T | undefined,
    { timeoutMs, otherwise }: { timeoutMs: number; otherwise: string } = NO_TIMEOUT,
  ): Promise<T> {
    const giveUpAtMs = performance.now() + timeoutMs;
    while (true) {
      const found = look();
      if (found !== undefined) return found;
      const leftMs = giveUpAtMs - performance.now();
      if (this.#phase === 'closed') throw new WrongStateError('the cluster is closed');
      if (leftMs <= 0) throw new WrongStateError(otherwise);
      await this.#changed.next(leftMs);
    }
  }
}

const STATUS_PATIENCE_MS = 500;
const NO_TIMEOUT = { timeoutMs: Number.POSITIVE_INFINITY, otherwise: '' };

function newMember(id: ServerId): Member {
  return {
    id,
    thread: undefined,
    upSinceMs: undefined,
    restartTimer: undefined,
    restartPauseMs: FIRST_RESTART_PAUSE_MS,
    role: undefined,
    servingTerm: undefined,
    failure: undefined,
    lastStatus: {
      id,
      role: 'follower',
      term: 0,
      votedFor: null,
      leader: null,
      commitIndex: 0,
      lastApplied: 0,
      lastIndex: 0,
    },
  };
}

/** The named data directory, or a temporary one. */
async function openStorage({
  dataDir,
  servers,
}: ClusterOptions): Promise<{ directory: DataDirectory; isTemporary: boolean }> {
  const path = dataDir ?? (await mkdtemp(join(tmpdir(), 'threadraft-')));
  return { directory: await DataDirectory.open(path, { servers }), isTemporary: dataDir === undefined };
}

async function endThread(thread: ServerThread | undefined, isUp: boolean): Promise<void> {
  if (thread === undefined) return;
  // One that is still starting hears no call yet.
  if (!isUp) thread.kill();
  await (isUp ? thread.stop() : thread.ended);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
