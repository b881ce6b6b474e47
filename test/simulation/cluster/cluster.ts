/**
 * A cluster in one simulated process: the gateway in the main thread and the servers in theirs, joined as src/cluster
 * joins them. What can happen to it is a method; when it happens is up to others.
 */

import { openChannel } from '../../../src/channel/port-channel.js';
import { Gateway } from '../../../src/gateway/gateway.js';
import { beginLogTime, keepLogTime } from '../../../src/log-time.js';
import type { Invariants, ReadingLeader } from '../../../src/raft/checks/invariants.js';
import { viewOf } from '../../../src/raft/checks/raft-view.js';
import { initialConfiguration } from '../../../src/raft/configuration.js';
import type { Raft } from '../../../src/raft/raft.js';
import type { RaftOptions } from '../../../src/raft/raft-options.js';
import type { LogIndex, RoleName, ServerId, SlotId } from '../../../src/raft/types.js';
import { NotLeadingError } from '../../../src/server/backup-sender.js';
import type { Server } from '../../../src/server/server.js';
import type { Storage } from '../../../src/storage/storage.js';
import type { ClientAddress, LinkFault } from '../../../src/wire/control.js';
import type { Random } from '../../../tools/support/random.js';
import { DoneOnce } from '../checks/done-once.js';
import type { Moment, Strike } from '../faults.js';
import type { CallKind } from '../world/disk-calls.js';
import type { SimulatedNetwork } from '../world/network.js';
import { connectThreads, type PortOptions } from '../world/port.js';
import { SimulatedThread } from '../world/thread.js';
import type { World } from '../world/world.js';
import type { ClusterHome } from './home.js';
import type { Links } from './links.js';
import { type ProcessView, SimulatedMember } from './member.js';
import { type ServerListener, watchServer } from './watch-server.js';

export interface ClusterOptions {
  readonly world: World;
  readonly random: Random;
  readonly network: SimulatedNetwork;
  readonly links: Links;
  readonly invariants: Invariants;
  readonly ports: PortOptions;
  /** In ms, of the ports between two servers. */
  readonly maxLinkDelayMs: number;
  readonly serverCount: number;
  /** Of all servers, but for what is each one's own. */
  readonly raft: Omit<RaftOptions, 'id' | 'configuration' | 'leasesAreOver'>;
  readonly snapshotLogBytes: number;
  readonly trafficCapacity: number;
  readonly home: ClusterHome;
  readonly openStorage: (id: ServerId, thread: SimulatedThread) => Promise<Storage>;
  /** Has the disks forget what they have of calls under way, and of what was not synced if the machine ends. */
  readonly onProcessEnd: (how: 'killed' | 'power lost') => void;
  /** The process has ended, since it could not take its directories. */
  readonly onCannotStart: () => void;
  /** A server is down, by whatever way, and the process goes on. */
  readonly onDown: (member: SimulatedMember) => void;
  /** Whether a server may fail like this. Else it is a violation. */
  readonly isFailureExpected: (error: unknown) => boolean;
  readonly onViolation: (error: unknown) => void;
  /** Whether a server is harmed at such a moment, and how. */
  readonly strike: (moment: Moment) => Strike | undefined;
  /** Whether a call of this kind is under way on a server's disk. */
  readonly hasUnderWay: (id: ServerId, kind: CallKind) => boolean;
  readonly isolate: (member: SimulatedMember) => void;
  readonly losePower: () => void;
  readonly trace: (what: () => string) => void;
}

const MAX_STALL_MS = 250;
/** Pieces of a backup that were not taken yet. */
const BACKUP_CAPACITY = 16;
const HOST = 'simulated';
const FIRST_SERVER_PORT = 9000;
export const ROUTER_PORT = 9100;

export class SimulatedCluster {
  readonly members: readonly SimulatedMember[];
  readonly serverPorts: readonly number[];
  readonly #options: ClusterOptions;
  #process: ProcessView | undefined;
  /** The process has its ports and its directory: then it starts all servers. */
  #hasOpened = false;
  /** Processes that began so far. */
  processCount = 0;
  /** How many callbacks each server's thread had made when it was last checked. */
  readonly #checked = new Map<SimulatedThread, number>();

  readonly #doneOnce = new DoneOnce();
  readonly #listener: ServerListener;
  /** What a server was when it was last checked. */
  readonly #lastSeen = new WeakMap<Server, { readonly role: RoleName; readonly commitIndex: LogIndex }>();

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#listener = this.#newListener();
    const ids = Array.from({ length: options.serverCount }, (_, id) => id);
    this.serverPorts = ids.map((id) => FIRST_SERVER_PORT + 2 * id);
    const addresses = new Map(this.serverPorts.map((port, slot) => [slot, { host: HOST, port }]));
    this.members = ids.map((id) => this.#newMember(id, addresses));
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  /** Whether a process has come up. */
  get isMade(): boolean {
    return this.#options.home.isMade;
  }

  /** The main thread, while the process runs. */
  get main(): SimulatedThread | undefined {
    return this.#process?.main;
  }

  /** The server that leads in the latest term. */
  get leader(): SimulatedMember | undefined {
    let leader: SimulatedMember | undefined;
    for (const member of this.members) {
      const { raft } = member.server ?? {};
      if (raft?.role !== 'leader') continue;
      if (leader === undefined || raft.currentTerm > (leader.server?.raft.currentTerm ?? 0)) leader = member;
    }
    return leader;
  }

  /** Those that run. */
  get servers(): readonly Server[] {
    return this.members.flatMap(({ server }) => server ?? []);
  }

  /** Whether all servers run, but for those whose disks are lost, and have applied the same. */
  get hasSettled(): boolean {
    const [first] = this.servers;
    return this.members.every(
      ({ id, server }) =>
        this.#options.home.isLost(id) ||
        (server !== undefined && server.applied.position.index === first?.applied.position.index),
    );
  }

  get latestCommitIndex(): LogIndex {
    return Math.max(0, ...this.servers.map(({ raft }) => raft.commitIndex));
  }

  /** Whether all that run have committed that much. */
  haveAllCommitted(index: LogIndex): boolean {
    return this.servers.every(({ raft }) => raft.commitIndex >= index);
  }

  /** One line about all servers. */
  describe(): string {
    const describe = ({ id, state, server }: SimulatedMember) => {
      if (server === undefined) return `${id} ${state}`;
      const { role, currentTerm, commitIndex, lastLog } = server.raft;
      const { index } = server.applied.position;
      return `${id} ${state} ${role} t${currentTerm} a${index} c${commitIndex} l${lastLog.index}`;
    };
    return this.members.map(describe).join(', ');
  }

  /** Starts the process: the gateway, then all servers. */
  startProcess(): void {
    const { world, random, network, raft, home, trace, onViolation } = this.#options;
    trace(() => 'process starts');
    const main = new SimulatedThread({
      name: 'main',
      world,
      random: random.split(`main ${world.nowMs}`),
      onError: onViolation,
    });
    const gateway = new Gateway(
      {
        host: HOST,
        serverPorts: new Map(this.serverPorts.entries()),
        routerPort: ROUTER_PORT,
        electionTimeoutMs: raft.electionTimeoutMs,
      },
      { environment: main.environment, network: network.of(main) },
    );
    const logTime = beginLogTime(main.environment);
    keepLogTime(main.environment, logTime);
    const process = { main, gateway, logTime };
    this.#process = process;
    this.#hasOpened = false;
    this.processCount += 1;
    gateway
      .start()
      .then(() => home.open(main))
      .then(() => {
        if (process !== this.#process) return;
        this.#hasOpened = true;
        for (const member of this.members) this.start(member);
      })
      .catch((error: unknown) => {
        if (process !== this.#process || !this.#options.isFailureExpected(error)) return onViolation(error);
        trace(() => `the process cannot start: ${error}`);
        this.endProcess('killed');
        this.#options.onCannotStart();
      });
  }

  /** Ends all threads at once. */
  endProcess(how: 'killed' | 'power lost'): void {
    if (this.#process === undefined) return;
    this.#options.trace(() => `process is ${how}`);
    // Before the threads end: a write that is under way is torn by the end of the machine, and not by theirs.
    this.#options.onProcessEnd(how);
    this.#process.main.end();
    this.#process = undefined;
    for (const member of this.members) member.dieWithProcess();
    this.#checked.clear();
  }

  /** Nothing happens when it is not down, or its disk is lost for good. */
  start(member: SimulatedMember): void {
    const process = this.#process;
    const { home, onDown, onViolation } = this.#options;
    const { id } = member;
    if (process === undefined || !this.#hasOpened || member.state !== 'down' || home.isLost(id)) return;
    if (home.placeOf(id) !== undefined) {
      member.start(process);
      return;
    }
    home.locate(id).then((isFound) => {
      if (process !== this.#process || member.state !== 'down') return;
      if (isFound) this.start(member);
      else onDown(member);
    }, onViolation);
  }

  /** Has the leader send a backup to the main thread, which writes it to a file, and a directory is made of that. */
  backup(): void {
    const { leader } = this;
    const thread = leader?.thread;
    if (this.#process === undefined || thread === undefined) return;
    const [here, there] = connectThreads([this.#process.main, thread], this.#options.ports);
    const { receiver } = openChannel<never, Uint8Array>(here, { capacity: BACKUP_CAPACITY });
    leader?.control((server) => {
      server.backup(there).catch((error: unknown) => {
        if (!(error instanceof NotLeadingError)) this.#options.onViolation(error);
      });
    });
    const { home, trace, onViolation } = this.#options;
    home
      .backup(this.#process.main, receiver)
      .then((outcome) => trace(() => `backup: ${outcome}`))
      .catch(onViolation);
  }

  setLinkFault(from: SimulatedMember, to: ServerId, fault: LinkFault): void {
    from.control((server) => server.setLinkFault(to, fault));
  }

  transferLeadership(to: ServerId): void {
    this.leader?.control((server) => {
      try {
        server.transferLeadership(to);
      } catch (error) {
        if (!(error instanceof Error && error.name === 'TransferError')) throw error;
      }
    });
  }

  /**
   * Checks the invariants of those servers that have done something since, and harms those that have come to a moment of
   * interest. Throws PropertyViolation.
   */
  check(): void {
    const { invariants, links } = this.#options;
    const strikes: (() => void)[] = [];
    for (const member of this.members) {
      const { thread } = member;
      if (thread === undefined || thread.hasEnded || this.#checked.get(thread) === thread.calls) continue;
      this.#checked.set(thread, thread.calls);
      this.#checkMember(member);
      for (const moment of this.#momentsOf(member)) {
        const strike = this.#options.strike(moment);
        if (strike === undefined) continue;
        this.#options.trace(() => `server ${member.id} ${moment}: ${strike}`);
        if (strike === 'crash at once') links.recall(member.id);
        if (strike === 'isolate at once') links.lose(member.id);
        strikes.push(() => this.#do(strike, member));
        break;
      }
    }
    for (const message of links.takeSent()) invariants.sent(message);
    for (const strike of strikes) strike();
  }

  #do(strike: Strike, member: SimulatedMember): void {
    switch (strike) {
      case 'crash at once':
      case 'crash afterwards':
        member.crash();
        return;
      case 'isolate at once':
      case 'isolate afterwards':
        this.#options.isolate(member);
        return;
      case 'power loss':
        this.#options.losePower();
        return;
      case 'stall afterwards':
        member.thread?.stall(this.#options.random.between(1, MAX_STALL_MS));
        return;
    }
  }

  /** What a server has just become or done, and what its disk is doing for it. */
  #momentsOf(member: SimulatedMember): readonly Moment[] {
    const moments: Moment[] = [];
    const moment = this.#momentOf(member);
    if (moment !== undefined) moments.push(moment);
    if (this.#options.hasUnderWay(member.id, 'long log write')) moments.push('writing');
    if (this.#options.hasUnderWay(member.id, 'change')) moments.push('changing files');
    return moments;
  }

  /** What a server has just become or done. */
  #momentOf({ server, id }: SimulatedMember): Moment | undefined {
    if (server === undefined) return undefined;
    const { role, commitIndex } = server.raft;
    const last = this.#lastSeen.get(server);
    this.#lastSeen.set(server, { role, commitIndex });
    const { links } = this.#options;
    if (role !== 'leader') {
      if (role === 'candidate' && last?.role !== 'candidate') return 'campaigning';
      if (links.hasSent(id, 'RequestVoteResponse')) return 'voted';
      if (links.hasSent(id, 'InstallSnapshotResponse')) return 'received a chunk';
      return links.hasSent(id, 'AppendEntriesResponse') ? 'acknowledged' : undefined;
    }
    if (last?.role !== 'leader') return 'elected';
    if (links.hasSent(id, 'TimeoutNow')) return 'offered leadership';
    return commitIndex > last.commitIndex ? 'committed' : undefined;
  }

  #checkMember({ server, isCutOff }: SimulatedMember): void {
    if (server === undefined) return;
    const { raft } = server;
    const leaseEndMs = isCutOff || server.hasStopped ? Number.NEGATIVE_INFINITY : raft.leaseEndMs;
    this.#options.invariants.stepped(viewOf(raft, { nowMs: this.#options.world.nowMs, leaseEndMs }));
  }

  #newMember(id: ServerId, addresses: ReadonlyMap<SlotId, ClientAddress>): SimulatedMember {
    const configuration = initialConfiguration(this.#options.serverCount);
    const { world, random, ports, links, raft, invariants, trace } = this.#options;
    const { snapshotLogBytes, trafficCapacity } = this.#options;
    return new SimulatedMember({
      id,
      world,
      random: random.split(`server ${id}`),
      ports,
      raft: { ...raft, id, configuration },
      snapshotLogBytes,
      trafficCapacity,
      replyFilter: links.replyFilter(id),
      addresses,
      openStorage: (thread) => this.#options.openStorage(id, thread),
      onRecovered: (server, state) => this.#guarded(() => invariants.recovered(server, state)),
      onPersisted: (server, requests) => this.#guarded(() => invariants.persisted(server, requests)),
      onBegun: (server) => watchServer(server, this.#listener),
      onUp: (member) => this.#join(member),
      onCutOff: (member) => {
        this.#guarded(() => this.#checkMember(member));
        for (const peer of this.members) if (peer !== member) peer.tell({ type: 'ended', peer: id });
      },
      onThreadEnd: () => invariants.crashed(id),
      onDown: (member) => this.#options.onDown(member),
      onFailure: (_, error) => {
        trace(() => `server ${id} fails: ${error}`);
        if (!this.#options.isFailureExpected(error)) this.#options.onViolation(error);
      },
      trace: (what) => trace(() => `server ${id} ${what()}`),
    });
  }

  /** The server takes calls: joins it with every other one that does. */
  #join(member: SimulatedMember): void {
    const { links, maxLinkDelayMs } = this.#options;
    const ports = { ...this.#options.ports, maxDelayMs: maxLinkDelayMs };
    for (const peer of this.members) {
      if (peer === member || !peer.isUp || peer.thread === undefined || member.thread === undefined) continue;
      const [here, there] = connectThreads([member.thread, peer.thread], ports);
      here.filter = links.filter(member.id, peer.id);
      there.filter = links.filter(peer.id, member.id);
      member.tell({ type: 'joined', peer: peer.id, port: here });
      peer.tell({ type: 'joined', peer: member.id, port: there });
    }
  }

  /** Passes on to the invariants what servers do that nobody outside sees. */
  #newListener(): ServerListener {
    const { invariants, world } = this.#options;
    const guarded = (check: () => void) => this.#guarded(check);
    return {
      persisting: (id, requests) => guarded(() => invariants.persisting(id, requests)),
      asked: ({ raft }, readId) => guarded(() => invariants.asked(readingLeader(raft, world), readId)),
      confirmed: ({ raft }, readId, index) =>
        guarded(() => invariants.confirmed(readingLeader(raft, world), readId, index)),
      answered: ({ raft, applied }) =>
        guarded(() => invariants.answered(readingLeader(raft, world), applied.position.index)),
      restored: (id, index) => guarded(() => invariants.restored(id, index)),
      applied: (id, entry) =>
        guarded(() => {
          invariants.applied(id, entry);
          this.#doneOnce.applied(entry);
        }),
    };
  }

  #guarded(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#options.onViolation(error);
      throw error;
    }
  }
}

function readingLeader({ id, currentTerm, lastLog, configuration }: Raft, { nowMs }: World): ReadingLeader {
  return { id, currentTerm, lastLog, configuration, nowMs };
}
