/**
 * A cluster in one simulated process: the gateway in the main thread and the servers in theirs, joined as src/cluster
 * joins them. What can happen to it is a method; when it happens is up to others.
 */

import { openChannel } from '../../../src/channel/port-channel.js';
import { MAX_SERVERS } from '../../../src/cluster/cluster-options.js';
import { SlotPorts } from '../../../src/cluster/slot-ports.js';
import type { Doors } from '../../../src/gateway/doorkeeper.js';
import { Gateway } from '../../../src/gateway/gateway.js';
import { Password } from '../../../src/gateway/password.js';
import type { OnFound } from '../../../src/gateway/server-traffic.js';
import { beginLogTime, keepLogTime } from '../../../src/log-time.js';
import type { Invariants, ReadingLeader } from '../../../src/raft/checks/invariants.js';
import { viewOf } from '../../../src/raft/checks/raft-view.js';
import {
  hasVoter,
  idOf,
  initialConfiguration,
  isJoint,
  NO_MEMBERS,
} from '../../../src/raft/configuration.js';
import type { Raft } from '../../../src/raft/raft.js';
import type { RaftOptions } from '../../../src/raft/raft-options.js';
import type { LogIndex, Member, ServerId, SlotId } from '../../../src/raft/types.js';
import { NotLeadingError } from '../../../src/server/backup-sender.js';
import type { Server } from '../../../src/server/server.js';
import { DataDirectoryError } from '../../../src/storage/data-directory-error.js';
import type { Storage } from '../../../src/storage/storage.js';
import type { ClientAddress, LinkFault } from '../../../src/wire/control.js';
import type { Random } from '../../../tools/support/random.js';
import { DoneOnce } from '../checks/done-once.js';
import { EventRecord } from '../checks/events.js';
import { checkTurn } from '../checks/turns.js';
import { PASSWORD } from '../client/admission.js';
import type { Moment, Strike } from '../faults.js';
import type { Loss } from '../world/disk.js';
import type { CallKind } from '../world/disk-calls.js';
import type { SimulatedNetwork } from '../world/network.js';
import { connectThreads, type PortOptions } from '../world/port.js';
import { SimulatedThread } from '../world/thread.js';
import type { World } from '../world/world.js';
import { ApplyPauses } from './apply-pauses.js';
import type { ClusterHome } from './home.js';
import type { Links } from './links.js';
import { type ProcessView, SimulatedMember } from './member.js';
import { MemberChanges } from './member-changes.js';
import { type ServerListener, watchServer } from './watch-server.js';

const DOORS: Doors = {
  password: new Password(Buffer.from(PASSWORD), Buffer.from('salt')),
  onWrongPassword: () => undefined,
};

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
  /** How often an entry takes a server longer than a turn has time for. */
  readonly applyPauseRate: number;
  /** Whether members change. */
  readonly hasChanges: boolean;
  /** Of all servers, but for what is each one's own. */
  readonly raft: Omit<RaftOptions, 'id' | 'configuration' | 'leasesAreOver'>;
  readonly snapshotLogBytes: number;
  readonly trafficCapacity: number;
  /** Whether clients must tell a password. */
  readonly hasPassword: boolean;
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
  readonly endProcess: (how: 'process end' | 'power loss') => void;
  readonly trace: (what: () => string) => void;
}

const MAX_STALL_MS = 250;
/** Pieces of a backup that were not taken yet. */
const BACKUP_CAPACITY = 16;
const HOST = 'simulated';
const FIRST_SERVER_PORT = 9000;
/** Where any server's clients may be told to go: it may be gone meanwhile. */
export const SERVER_PORTS: readonly number[] = Array.from({ length: MAX_SERVERS }, (_, slot) => portOf(slot));
export const ROUTER_PORT = 9100;

/** What a server was when it was last checked. */
type LastSeen = Pick<Raft, 'role' | 'commitIndex' | 'configuration'>;

interface Process extends ProcessView {
  readonly gateway: Gateway;
  readonly changes: MemberChanges;
}

export class SimulatedCluster {
  readonly #options: ClusterOptions;
  /** Those that have directories, by slot and identity: a server that is replaced, and the one in its place, are of one slot. */
  members: readonly SimulatedMember[] = [];
  #process: Process | undefined;
  /** The process has its ports and its directory: then it starts all servers. */
  #hasOpened = false;
  /** Processes that began so far. */
  processCount = 0;
  /** How many callbacks each server's thread had made when it was last checked. */
  readonly #checked = new Map<SimulatedThread, number>();

  readonly #doneOnce = new DoneOnce();
  /** What subscribers are to be told. */
  readonly events = new EventRecord();
  /** What keeps servers from applying entries. */
  readonly applyPauses: ApplyPauses;
  readonly #listener: ServerListener;
  /** What a server was when it was last checked. */
  readonly #lastSeen = new WeakMap<Server, LastSeen>();

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.applyPauses = new ApplyPauses(options.random.split('apply'), options.applyPauseRate);
    this.#listener = this.#newListener();
    for (const member of options.home.members) this.#addMember(member);
  }

  /** Where clients of these connect. */
  get serverPorts(): readonly number[] {
    return [...slotsOf(this.members)].map(portOf);
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
      ({ identity, server }) =>
        this.#options.home.isLost(identity) ||
        (server !== undefined && server.applied.position.index === first?.applied.position.index),
    );
  }

  get isChangingMembers(): boolean {
    return this.#process?.changes.underWay !== 0;
  }

  /** The server whose disk is lost for good, if there is one: no other one may be lost until it is replaced. */
  get lost(): SimulatedMember | undefined {
    return this.members.find(({ identity }) => this.#options.home.isLost(identity));
  }

  /** Whether the others can go on without any one of the members: none is lost, and no change is under way that may need it. */
  get canLoseOne(): boolean {
    return this.members.length >= 3 && this.lost === undefined && this.areMembersSettled;
  }

  /** Loses a server's disk for good, and with it the server. */
  loseDisk(member: SimulatedMember, how: Loss): void {
    this.#options.home.lose(member.identity, how);
    member.crash();
  }

  /** Whether no change of members is under way, nor anything left of one. */
  get areMembersSettled(): boolean {
    if (!this.#options.hasChanges) return true;
    const { raft } = this.leader?.server ?? {};
    if (raft === undefined || this.#process?.changes.underWay !== 0) return false;
    const { configuration } = raft;
    const { voters, learners } = configuration;
    return (
      !isJoint(configuration) &&
      learners.length === 0 &&
      voters.length === this.members.length &&
      this.members.every(({ identity }) => hasVoter(configuration, identity))
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
    const describe = ({ identity: id, state, server }: SimulatedMember) => {
      if (server === undefined) return `${id} ${state}`;
      const { role, currentTerm, commitIndex, lastLog } = server.raft;
      const { index } = server.applied.position;
      return `${id} ${state} ${role} t${currentTerm} a${index} c${commitIndex} l${lastLog.index}`;
    };
    const members = this.members.map(describe).join(', ');
    if (this.areMembersSettled) return members;
    const { voters, outgoing, learners } = this.leader?.server?.raft.configuration ?? NO_MEMBERS;
    const [now, before, next] = [voters, outgoing, learners].map((list) => list.map(idOf).join(' '));
    return `${members}; ${this.#process?.changes.underWay ?? 0} changes, voters ${now}, outgoing ${before}, learners ${next}`;
  }

  /** Starts the process: the gateway, then all servers. */
  startProcess(): void {
    const { world, random, network, raft, home, hasPassword, trace, onViolation } = this.#options;
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
        serverPorts: new Map(this.members.map(({ id }) => [id, portOf(id)])),
        routerPort: ROUTER_PORT,
        electionTimeoutMs: raft.electionTimeoutMs,
        ...(hasPassword ? { doors: DOORS } : {}),
      },
      { environment: main.environment, network: network.of(main) },
    );
    const logTime = beginLogTime(main.environment);
    keepLogTime(main.environment, logTime);
    const ports = new SlotPorts(gateway, (identity) => this.#displace(identity));
    const changes = this.#newChanges({ main, gateway, ports });
    const process: Process = { main, gateway, ports, logTime, changes };
    this.#process = process;
    this.#hasOpened = false;
    this.processCount += 1;
    gateway
      .start()
      .then(() => home.open(main))
      .then(async () => {
        if (process === this.#process) await this.#takeMembers(process);
        if (process !== this.#process) return;
        this.#hasOpened = true;
        for (const member of this.members) this.start(member);
        if (this.#options.hasChanges) process.changes.settleEarlier();
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

  /** As a client in the process looks keys up: in the main thread. It is not told when the process ends meanwhile. */
  lookUp(keys: readonly string[], onFound: OnFound): boolean {
    const process = this.#process;
    process?.main.deliver('lookups', () => {
      if (!process.gateway.lookUp(keys, onFound)) onFound([]);
    });
    return process !== undefined;
  }

  /** Nothing happens when it is not down, or its disk is lost for good. */
  start(member: SimulatedMember): void {
    const process = this.#process;
    const { home, onDown, onViolation } = this.#options;
    const { identity: id } = member;
    if (process === undefined || !this.#hasOpened || member.state !== 'down' || home.isLost(id)) return;
    if (member.staysDown) return;
    if (!this.members.includes(member)) return;
    if (home.placeOf(id) !== undefined) {
      member.startIn(process);
      return;
    }
    home.locate(id).then((isFound) => {
      if (process !== this.#process || member.state !== 'down') return;
      if (isFound) this.start(member);
      else onDown(member);
    }, onViolation);
  }

  /** Changes the voters to those of these slots, while a process runs. */
  changeMembers(slots: readonly SlotId[]): void {
    if (this.#hasOpened) this.#process?.changes.change(slots);
  }

  /** Has a new server take the place of that of this slot, while a process runs. */
  replaceMember(slot: SlotId, where: 'on a new disk' | 'in its place'): void {
    if (this.#hasOpened) this.#process?.changes.replace(slot, where);
  }

  /** Ends what a change that failed has left. */
  settleMembers(): void {
    if (this.#hasOpened) this.#process?.changes.settleEarlier();
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
        const { identity } = member;
        this.#options.trace(() => `server ${identity} ${moment}: ${strike}`);
        if (strike === 'crash at once') links.recall(identity);
        if (strike === 'isolate at once') links.lose(identity);
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
      case 'process end':
      case 'power loss':
        this.#options.endProcess(strike);
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
    if (this.#options.hasUnderWay(member.identity, 'long log write')) moments.push('writing');
    if (this.#options.hasUnderWay(member.identity, 'change')) moments.push('changing files');
    return moments;
  }

  /** What a server has just become or done. */
  #momentOf({ server, identity: id }: SimulatedMember): Moment | undefined {
    if (server === undefined) return undefined;
    const { role, commitIndex, configuration } = server.raft;
    const last = this.#lastSeen.get(server);
    this.#lastSeen.set(server, { role, commitIndex, configuration });
    const { links } = this.#options;
    if (role !== 'leader') {
      if (role === 'candidate' && last?.role !== 'candidate') return 'campaigning';
      if (links.hasSent(id, 'RequestVoteResponse')) return 'voted';
      if (links.hasSent(id, 'InstallSnapshotResponse')) return 'received a chunk';
      return links.hasSent(id, 'AppendEntriesResponse') ? 'acknowledged' : undefined;
    }
    if (last?.role !== 'leader') return 'elected';
    if (links.hasSent(id, 'TimeoutNow')) return 'offered leadership';
    if (configuration !== last.configuration) return 'changing members';
    return commitIndex > last.commitIndex ? 'committed' : undefined;
  }

  #checkMember({ server, isCutOff }: SimulatedMember): void {
    if (server === undefined) return;
    const { raft } = server;
    const leaseEndMs = isCutOff || server.hasStopped ? Number.NEGATIVE_INFINITY : raft.leaseEndMs;
    const { invariants, world } = this.#options;
    const view = viewOf(raft, { nowMs: world.nowMs, leaseEndMs });
    invariants.stepped(view);
    if (view.role === 'leader') invariants.readProofs.leased(view);
    checkTurn(server);
  }

  #addMember({ id, slot }: Member): SimulatedMember {
    const member = this.#newMember(id, slot);
    this.members = [...this.members, member].sort((a, b) => a.id - b.id || a.identity - b.identity);
    return member;
  }

  #removeMember(gone: SimulatedMember): void {
    this.members = this.members.filter((member) => member !== gone);
  }

  /** The directory tells which members there are: the process before may have ended in the midst of a change. */
  async #takeMembers({ gateway }: Process): Promise<void> {
    const { members } = this.#options.home;
    const before = slotsOf(this.members);
    for (const member of this.members)
      if (!members.some(({ id }) => id === member.identity)) this.#removeMember(member);
    for (const member of members)
      if (!this.members.some(({ identity }) => identity === member.id)) this.#addMember(member);
    const slots = slotsOf(this.members);
    for (const slot of before) if (!slots.has(slot)) gateway.remove(slot);
    for (const slot of slots) if (!before.has(slot)) await gateway.add(slot, portOf(slot));
  }

  /** The server must give its port to another one of its slot, which leads. */
  #displace(identity: ServerId): void {
    const server = this.members.find((member) => member.identity === identity);
    server?.kill();
  }

  #newChanges(parts: Pick<Process, 'main' | 'gateway' | 'ports'>): MemberChanges {
    const { home, raft, isFailureExpected, onViolation, trace } = this.#options;
    return new MemberChanges({
      ...parts,
      home,
      electionTimeoutMs: raft.electionTimeoutMs,
      portOf,
      members: () => this.members,
      addMember: (member) => this.#addMember(member),
      removeMember: (member) => this.#removeMember(member),
      onRemoving: (id) => this.#options.invariants.removed(id),
      transfer: ({ identity }) => this.transferLeadership(identity),
      // The place of a server whose disk is lost may be one where nothing can be written.
      isFailureExpected: (error) =>
        isFailureExpected(error) || (home.hasLost && error instanceof DataDirectoryError),
      onViolation,
      trace,
    });
  }

  #newMember(id: ServerId, slot: SlotId): SimulatedMember {
    const configuration = initialConfiguration(this.#options.serverCount);
    const { world, random, ports, links, raft, invariants, trace } = this.#options;
    const { snapshotLogBytes, trafficCapacity } = this.#options;
    return new SimulatedMember({
      slot,
      world,
      random: random.split(`server ${id}`),
      ports,
      raft: { ...raft, id, configuration },
      snapshotLogBytes,
      trafficCapacity,
      replyFilter: links.replyFilter(id),
      addresses: () => new Map(this.members.map((member) => [member.id, addressOf(member)])),
      openStorage: (thread) => this.#options.openStorage(id, thread),
      onRecovered: (server, state) => this.#guarded(() => invariants.recovered(server, state)),
      onPersisted: (server, requests) => this.#guarded(() => invariants.persisted(server, requests)),
      onBegun: (server) => watchServer(server, this.#listener),
      onUp: (member) => this.#join(member),
      startAgain: (member) => this.start(member),
      onCutOff: (member) => {
        this.#guarded(() => this.#checkMember(member));
        for (const peer of this.members) if (peer !== member) peer.tell({ type: 'ended', peer: id });
      },
      onThreadEnd: () => invariants.crashed(id),
      onChange: () => this.#process?.changes.notify(),
      onDown: (member) => {
        if (this.members.includes(member)) this.#options.onDown(member);
      },
      onFailure: (_, error) => {
        trace(() => `server ${id} fails: ${error}`);
        if (!this.#options.isFailureExpected(error)) this.#options.onViolation(error);
      },
      trace: (what) => trace(() => `server ${id} ${what()}`),
    });
  }

  /** The server takes calls: joins it with every other one that does. */
  #join(member: SimulatedMember): void {
    const { links, maxLinkDelayMs, hasChanges } = this.#options;
    const ports = { ...this.#options.ports, maxDelayMs: maxLinkDelayMs };
    for (const peer of this.members) {
      if (peer === member || !peer.isUp || peer.thread === undefined || member.thread === undefined) continue;
      const [here, there] = connectThreads([member.thread, peer.thread], ports);
      here.filter = links.filter(member.identity, peer.identity);
      there.filter = links.filter(peer.identity, member.identity);
      if (hasChanges) {
        member.tell({ type: 'address', slot: peer.id, address: addressOf(peer) });
        peer.tell({ type: 'address', slot: member.id, address: addressOf(member) });
      }
      member.tell({ type: 'joined', peer: peer.identity, port: here });
      peer.tell({ type: 'joined', peer: member.identity, port: there });
    }
  }

  /** Passes on to the invariants what servers do that nobody outside sees. */
  #newListener(): ServerListener {
    const { invariants, world } = this.#options;
    const guarded = (check: () => void) => this.#guarded(check);
    return {
      hasTimeToApply: (id) => this.applyPauses.hasTime(id, world.nowMs),
      persisting: (id, requests) => guarded(() => invariants.persisting(id, requests)),
      asked: ({ raft }, readId) => guarded(() => invariants.asked(readingLeader(raft, world), readId)),
      confirmed: ({ raft }, readId, index) =>
        guarded(() => invariants.confirmed(readingLeader(raft, world), readId, index)),
      answered: ({ raft, applied }) =>
        guarded(() => invariants.answered(readingLeader(raft, world), applied.position.index)),
      restored: (id, index) => {
        this.events.hasSnapshots ||= index > 0;
        guarded(() => invariants.restored(id, index));
      },
      applied: (id, entry, store) =>
        guarded(() => {
          invariants.applied(id, entry);
          this.#doneOnce.applied(entry);
          this.events.note(store);
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

function slotsOf(members: readonly SimulatedMember[]): ReadonlySet<SlotId> {
  return new Set(members.map(({ id }) => id));
}

function portOf(slot: SlotId): number {
  return FIRST_SERVER_PORT + 2 * slot;
}

function addressOf({ id }: SimulatedMember): ClientAddress {
  return { host: HOST, port: portOf(id) };
}

function readingLeader({ id, currentTerm, lastLog, configuration }: Raft, { nowMs }: World): ReadingLeader {
  return { id, currentTerm, lastLog, configuration, nowMs };
}
