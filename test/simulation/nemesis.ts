/**
 * Does harm to a cluster, as its temperament has it. Each fault has a number and draws from a sequence of its own, so that
 * a run without it is the same up to there.
 */

import { majorityOf } from '../../src/raft/quorum.js';
import type { ServerId, SlotId } from '../../src/raft/types.js';
import { NO_FAULT } from '../../src/wire/control.js';
import type { Random } from '../../tools/support/random.js';
import type { SimulatedCluster } from './cluster/cluster.js';
import type { Links } from './cluster/links.js';
import type { SimulatedMember } from './cluster/member.js';
import { FAULTS, type Fault, type Moment, STRIKES, type Strike } from './faults.js';
import { type Changes, diskTemperOf, ELECTION_TIMEOUT_MS, type Temperament } from './temperament.js';
import type { SimulatedDisk } from './world/disk.js';
import { type DiskFaults, HEALTHY_DISK } from './world/disk-calls.js';
import type { World } from './world/world.js';

export interface NemesisOptions {
  readonly world: World;
  readonly random: Random;
  readonly temperament: Temperament;
  readonly cluster: SimulatedCluster;
  readonly links: Links;
  /** Has the clients send nothing for this time. */
  readonly lull: (durationMs: number) => void;
  readonly diskOf: (id: ServerId) => SimulatedDisk;
  /** All of servers, those that were removed included. */
  readonly disks: () => Iterable<SimulatedDisk>;
  /** Faults that are left out, by their names. */
  readonly without: ReadonlySet<string>;
  readonly trace: (what: () => string) => void;
}

/** How often it is looked at whether a fault has come to what it is for. */
const LOOK_MS = 2;
/** A server that was hardly gone. */
const BLIP_MS = 5;
const MAX_STALL_MS = 2.5 * ELECTION_TIMEOUT_MS;
/** Faults of a disk last up to this long. */
const MAX_DISK_FAULT_MS = 5 * ELECTION_TIMEOUT_MS;
/** What a disk that is slow to read takes for it at most. */
const MAX_READ_DELAY_MS = 4 * ELECTION_TIMEOUT_MS;
const MAX_CLOCK_STEP_MS = 10_000;
/** Where servers may be, and how many there are at most, so that a seed takes no longer. */
const SLOTS: readonly SlotId[] = [0, 1, 2, 3, 4, 5, 6];
const MAX_MEMBERS = 5;
/** A server whose disk is lost is mostly the next one to be replaced. */
const REPLACE_LOST_RATE = 0.7;

export class Nemesis {
  readonly #options: NemesisOptions;
  /** Names of the faults that struck, in their order. */
  readonly struck: string[] = [];
  #faults = 0;
  #strikes = 0;
  #changes = 0;
  #losses = 0;
  #isOver = false;
  /** Crashed, and to be started again as soon as that is noticed. */
  readonly #blips = new Set<SimulatedMember>();
  /** There is one fault of several steps at a time. */
  #longFaultEndsAtMs = 0;

  constructor(options: NemesisOptions) {
    this.#options = options;
  }

  start(): void {
    const { world, temperament } = this.#options;
    world.timeline.after(ELECTION_TIMEOUT_MS, () => this.#disturb());
    const { changes, directories } = temperament;
    const { loss } = directories;
    if (changes !== undefined)
      world.timeline.after(2 * ELECTION_TIMEOUT_MS, () => this.#changeMembers(changes));
    if (loss !== undefined) world.timeline.after(loss.afterMs, () => this.#loseDisk(loss));
  }

  /** A server has come to such a moment: whether it is harmed, and how. */
  strike(moment: Moment): Strike | undefined {
    const { only, momentRates } = this.#options.temperament.harm;
    const rate = momentRates[moment];
    if (this.#isOver || only !== undefined || rate === 0) return undefined;
    this.#strikes += 1;
    const random = this.#options.random.split(`strike ${this.#strikes}`);
    const isStruck = random.chance(rate);
    if (!isStruck || !this.#counts(`s${this.#strikes}`)) return undefined;
    return random.of(STRIKES[moment]);
  }

  isolate({ identity: id }: SimulatedMember): void {
    this.#options.links.heal();
    this.#cutWhere((from, to) => from === id || to === id);
  }

  /** A server is down: starts it again, sooner or later. */
  startAgain(member: SimulatedMember): void {
    const { world, random, temperament, cluster } = this.#options;
    const maxMs = this.#blips.delete(member) ? BLIP_MS : temperament.harm.maxDownMs;
    const downMs = this.#isOver ? 0 : random.between(0, maxMs);
    world.timeline.after(downMs, () => cluster.start(member));
  }

  /** The process could not start: starts it again, sooner or later. */
  startProcessAgain(): void {
    const { world, random, temperament, cluster } = this.#options;
    const downMs = this.#isOver ? 1 : random.between(1, temperament.harm.maxDownMs);
    world.timeline.after(downMs, () => {
      if (!cluster.isRunning) cluster.startProcess();
    });
  }

  /** From now on nothing goes wrong any more. */
  end(): void {
    const { cluster, links, disks, trace } = this.#options;
    trace(() => 'the faults are over');
    this.#isOver = true;
    links.heal();
    links.isHealthy = true;
    cluster.applyPauses.isOver = true;
    // Also those of servers that are removed: that ends once their directories are.
    for (const disk of disks()) {
      disk.faults = HEALTHY_DISK;
      disk.resume();
    }
    for (const member of cluster.members) this.#undisturb(member);
    if (!cluster.isRunning) cluster.startProcess();
    for (const member of cluster.members) cluster.start(member);
  }

  #disturb(): void {
    if (this.#isOver) return;
    const { world, temperament, random } = this.#options;
    const { only, weights, burstRate, pauseMs } = temperament.harm;
    let own: Random;
    do {
      this.#faults += 1;
      own = random.split(`fault ${this.#faults}`);
      const fault = only === undefined ? own.weighted(FAULTS, weights) : own.of<Fault>([only, only, 'heal']);
      if (this.#counts(`f${this.#faults}`)) this.#harm(fault, own);
    } while (own.chance(burstRate));
    world.timeline.after(own.between(0, 2 * pauseMs), () => this.#disturb());
  }

  /** Whether the fault of this name is not left out. */
  #counts(name: string): boolean {
    if (this.#options.without.has(name)) return false;
    this.struck.push(name);
    return true;
  }

  #harm(fault: Fault, random: Random): void {
    const { cluster, links, world, trace } = this.#options;
    const { members } = cluster;
    const isLeader = random.chance(this.#options.temperament.harm.leaderRate);
    const victim = (isLeader ? cluster.leader : undefined) ?? random.of(members);
    trace(() => `fault ${this.#faults}: ${fault}, server ${victim.identity}`);
    switch (fault) {
      case 'kill':
        victim.kill();
        return;
      case 'crash':
        victim.crash();
        return;
      case 'blip':
        this.#blip(victim);
        this.#cutWhere((_from, to) => to === victim.identity && random.chance(0.5));
        return;
      case 'stop':
        victim.stopCleanly();
        return;
      case 'crash a majority':
        for (const member of random.shuffled(members).slice(0, majorityOf(members.length))) member.crash();
        return;
      case 'process end':
      case 'power loss':
        this.#endProcess(fault, random);
        return;
      case 'cut some':
        this.#cut(random, () => random.chance(0.4));
        return;
      case 'cut one way': {
        const isFrom = random.chance(0.5);
        this.#cut(random, (from, to) => (isFrom ? from : to) === victim.identity && random.chance(0.7));
        return;
      }
      case 'cut a pair': {
        // Others still reach both: who is up is not the same for everybody.
        const { identity } = victim;
        const { identity: other } = random.of(members);
        this.#cut(random, (from, to) => [from, to].includes(identity) && [from, to].includes(other));
        return;
      }
      case 'partition': {
        const side = new Map(members.map(({ identity }) => [identity, random.chance(0.5)]));
        this.#cut(random, (from, to) => side.get(from) !== side.get(to));
        return;
      }
      case 'fade':
        this.#fade(cluster.leader ?? victim, random);
        return;
      case 'deaf':
      case 'lag':
      case 'strand':
        if (world.nowMs < this.#longFaultEndsAtMs) return;
        if (fault === 'deaf') this.#deafen(random);
        else if (fault === 'lag') this.#holdBack(random);
        else this.#strand(random);
        return;
      case 'heal':
        links.heal();
        for (const member of members) this.#undisturb(member);
        return;
      case 'disturb link': {
        const dropRate = random.of([0, 0, 0.1, 0.5]);
        const maxMs = random.of([0, 2, 20, 150]);
        cluster.setLinkFault(victim, random.of(members).identity, { dropRate, delayMs: [0, maxMs] });
        return;
      }
      case 'stall':
        victim.thread?.stall(random.between(1, MAX_STALL_MS));
        return;
      case 'stall gateway':
        cluster.main?.stall(random.between(1, MAX_STALL_MS));
        return;
      case 'transfer':
        cluster.transferLeadership(random.of(members).identity);
        return;
      case 'set clock':
        world.moveWallClock(random.between(-MAX_CLOCK_STEP_MS, MAX_CLOCK_STEP_MS));
        return;
      case 'slow disk':
      case 'stalled disk':
      case 'disk errors':
      case 'full disk':
      case 'no descriptors':
        this.#harmDisk(fault, victim, random);
        return;
      case 'backup':
        cluster.backup();
        return;
      case 'measure':
        victim.control((server) => {
          server.view.measure();
          server.view.observe();
        });
        return;
    }
  }

  /** The process or the machine ends at a moment of interest. */
  endProcess(how: 'process end' | 'power loss'): void {
    this.#endProcess(how, this.#options.random.split(`power ${this.#strikes}`));
  }

  #endProcess(fault: 'process end' | 'power loss', random: Random): void {
    const { cluster, world, temperament } = this.#options;
    // Without fsync nothing is promised for the end of the machine.
    cluster.endProcess(fault === 'power loss' && temperament.disk.fsync ? 'power lost' : 'killed');
    world.timeline.after(random.between(0, temperament.harm.maxDownMs), () => {
      if (!cluster.isRunning) cluster.startProcess();
    });
  }

  #changeMembers(changes: Changes): void {
    if (this.#isOver) return;
    const { world, cluster } = this.#options;
    this.#changes += 1;
    const random = this.#options.random.split(`change ${this.#changes}`);
    // Another one is refused meanwhile.
    const isInTime = !cluster.isChangingMembers || random.chance(0.1);
    if (isInTime && this.#counts(`m${this.#changes}`)) {
      const { lost } = cluster;
      const isDue = lost !== undefined && random.chance(REPLACE_LOST_RATE);
      const where = random.of(['on a new disk', 'in its place'] as const);
      if (isDue) cluster.replaceMember(lost.id, where);
      else if (random.chance(0.25)) cluster.replaceMember(this.#replaced(changes, random), where);
      else cluster.changeMembers(this.#nextMembers(changes, random));
    }
    world.timeline.after(random.between(0, 2 * changes.pauseMs), () => this.#changeMembers(changes));
  }

  #replaced({ leaderRate }: Changes, random: Random): SlotId {
    const { members, leader } = this.#options.cluster;
    const isLeader = random.chance(leaderRate);
    return ((isLeader ? leader : undefined) ?? random.of(members)).id;
  }

  /** Some go, and some come into slots that nobody has. At least one stays or comes, and there are {@link MAX_MEMBERS} at most. */
  #nextMembers({ leaderRate }: Changes, random: Random): readonly SlotId[] {
    const { members, leader, lost } = this.#options.cluster;
    const goes = (member: SimulatedMember) =>
      random.chance(member === leader ? leaderRate : random.of([0, 0.3, 0.6]));
    const staying = members.filter((member) => !goes(member)).map(({ id }) => id);
    const free = SLOTS.filter((slot) => members.every(({ id }) => id !== slot));
    const room = Math.min(free.length, MAX_MEMBERS - staying.length);
    const coming = random.shuffled(free).slice(0, Math.min(room, random.of([0, 1, 1, 2, 3])));
    // A server that is replaced, and the one in its place, are of one slot.
    const next = [...new Set([...staying, ...coming])];
    // One whose disk is lost stays only where the others are enough.
    const able = next.filter((id) => id !== lost?.id);
    if (able.length > 0) return able.length >= majorityOf(next.length) ? next : able;
    return members.filter((member) => member !== lost).map(({ id }) => id);
  }

  /**
   * A disk is lost for good once a process has come up on it, and with it its server. Where members change, others are lost after
   * it, each once the one before was replaced.
   */
  #loseDisk(loss: NonNullable<Temperament['directories']['loss']>): void {
    const { world, cluster, temperament, trace } = this.#options;
    if (this.#isOver) return;
    const victim = this.#loser(loss.server);
    if (victim === undefined || (temperament.changes !== undefined && !cluster.canLoseOne)) {
      if (this.#losses === 0 || temperament.changes !== undefined)
        world.timeline.after(ELECTION_TIMEOUT_MS, () => this.#loseDisk(loss));
      return;
    }
    this.#losses += 1;
    const name = `d${this.#losses}`;
    const random = this.#options.random.split(name);
    if (this.#counts(name)) {
      trace(() => `the disk of server ${victim.identity} is ${loss.how}`);
      cluster.loseDisk(victim, loss.how);
      // As often as not it was the reason to start everything anew, or had the same one.
      if (random.chance(0.5)) this.#endProcess(random.of(['process end', 'power loss']), random);
    }
    if (temperament.changes !== undefined)
      world.timeline.after(random.between(0, 2 * loss.afterMs), () => this.#loseDisk(loss));
  }

  /** Who loses its disk: one of the first servers, or later anybody. */
  #loser(first: ServerId): SimulatedMember | undefined {
    const { cluster, random } = this.#options;
    if (!cluster.isMade) return undefined;
    if (this.#losses > 0) return random.split(`loser ${this.#losses}`).of(cluster.members);
    return cluster.members.find(({ identity }) => identity === first) ?? cluster.members.at(-1);
  }

  #harmDisk(fault: Fault, { identity: id }: SimulatedMember, random: Random): void {
    const { diskOf, world } = this.#options;
    const disk = diskOf(id);
    const healthy = disk.faults;
    if (fault === 'stalled disk') disk.stall();
    if (fault === 'slow disk') disk.faults = { ...healthy, maxLatencyMs: ELECTION_TIMEOUT_MS };
    if (fault === 'full disk') {
      // One that is nearly full takes a first part of what is written.
      const shortWrites = random.of([0, 0.1, 0.5]);
      disk.faults = { ...healthy, isFull: shortWrites === 0, shortWrites };
    }
    if (fault === 'no descriptors') disk.faults = { ...healthy, isOutOfDescriptors: true };
    if (fault === 'disk errors') {
      const rate = random.of([0.01, 0.1, 0.5]);
      disk.faults = {
        ...healthy,
        readErrors: random.of([0, rate]),
        writeErrors: random.of([0, rate]),
        syncErrors: random.of([0, rate]),
      };
    }
    world.timeline.after(random.between(1, MAX_DISK_FAULT_MS), () => {
      if (this.#isOver) return;
      const { maxReadDelayMs } = disk.faults;
      disk.faults = { ...this.#ordinary(id), maxReadDelayMs };
      disk.resume();
    });
  }

  /** As its disk is without faults. */
  #ordinary(id: ServerId): DiskFaults {
    return { ...HEALTHY_DISK, ...diskTemperOf(this.#options.temperament, id) };
  }

  #anyFollower(random: Random): SimulatedMember | undefined {
    const { members, leader } = this.#options.cluster;
    const followers = members.filter((member) => member !== leader);
    return followers.length === 0 ? undefined : random.of(followers);
  }

  /**
   * For some time a server does not hear the leader, until it campaigns. Shortly before that some of the others are hardly gone,
   * and do not hear the leader either when they are back.
   */
  #deafen(random: Random): void {
    const { cluster, world, links, lull } = this.#options;
    const { leader, members } = cluster;
    const deaf = this.#anyFollower(random);
    if (leader === undefined || deaf === undefined) return;
    const after = (timeouts: number, what: () => void) =>
      world.timeline.after(timeouts * ELECTION_TIMEOUT_MS, () => {
        if (!this.#isOver) what();
      });
    // What is written meanwhile it misses, and then nobody votes for it.
    if (random.chance(0.8)) lull(3 * ELECTION_TIMEOUT_MS);
    const deafAfter = 0.3;
    after(deafAfter, () => links.cut(leader.identity, deaf.identity));
    // What was on its way has come by then: it is known when it campaigns.
    after(deafAfter + 0.4, () => {
      const deadlineMs = deaf.server?.raft.deadlineMs ?? world.nowMs;
      for (const member of members) {
        if (member === leader || member === deaf || random.chance(0.2)) continue;
        world.timeline.at(deadlineMs - random.between(0.3, 0.8) * ELECTION_TIMEOUT_MS, () => {
          if (this.#isOver) return;
          this.#blip(member);
          if (random.chance(0.8)) links.cut(leader.identity, member.identity);
        });
      }
    });
    const durationMs = random.between(2.5, 4) * ELECTION_TIMEOUT_MS;
    this.#longFaultEndsAtMs = world.nowMs + durationMs;
    world.timeline.after(durationMs, () => links.heal());
  }

  /** A follower is cut off twice, with a moment in between, and is slow to read. */
  #holdBack(random: Random): void {
    const { world, links, diskOf } = this.#options;
    const follower = this.#anyFollower(random);
    if (follower === undefined) return;
    const { identity: id } = follower;
    const slowReads = (maxReadDelayMs: number) => {
      const disk = diskOf(id);
      if (!this.#isOver) disk.faults = { ...disk.faults, maxReadDelayMs };
    };
    const cutOff = () => {
      if (!this.#isOver) this.#cutWhere((from, to) => from === id || to === id);
    };
    slowReads(MAX_READ_DELAY_MS);
    cutOff();
    let atMs = 0;
    const later = (timeouts: readonly [number, number], what: () => void) => {
      atMs += random.between(...timeouts) * ELECTION_TIMEOUT_MS;
      world.timeline.after(atMs, what);
    };
    later([1, 3], () => links.join(id));
    later([0.1, 1], cutOff);
    later([1, 3], () => links.join(id));
    later([1, 3], () => slowReads(0));
    this.#longFaultEndsAtMs = world.nowMs + atMs;
  }

  /**
   * The leader is cut off, which its clients do not know. The others elect another one and go on, at least until their log begins
   * after what the first one knows to be committed.
   */
  #strand(random: Random): void {
    const { world, links, cluster } = this.#options;
    const { leader: stranded } = cluster;
    if (stranded === undefined) return;
    const { identity: id } = stranded;
    this.#cutWhere((from, to) => from === id || to === id);
    const endMs = world.nowMs + random.between(3, 8) * ELECTION_TIMEOUT_MS;
    this.#longFaultEndsAtMs = endMs + ELECTION_TIMEOUT_MS;
    const isSoon = random.chance(0.8);
    const look = () => {
      const { leader } = cluster;
      const logStart = leader === stranded ? undefined : leader?.server?.raft.logStart.index;
      const hasLeft = (logStart ?? 0) > (stranded.server?.raft.commitIndex ?? 0);
      if (this.#isOver || world.nowMs >= endMs || (isSoon && hasLeft)) links.join(id);
      else world.timeline.after(LOOK_MS, look);
    };
    look();
  }

  #blip(member: SimulatedMember): void {
    this.#blips.add(member);
    member.crash();
  }

  /** A server loses the others one after another, and some of them were restarting when it did. */
  #fade(victim: SimulatedMember, random: Random): void {
    const { world, cluster } = this.#options;
    let delayMs = 0;
    for (const member of cluster.members) {
      if (member === victim) continue;
      const restarts = random.chance(0.5);
      world.timeline.after(delayMs, () => {
        if (this.#isOver) return;
        this.#cutWhere(
          (from, to) => [from, to].includes(victim.identity) && [from, to].includes(member.identity),
        );
        if (restarts) this.#blip(member);
      });
      delayMs += random.between(0, 2 * ELECTION_TIMEOUT_MS);
    }
  }

  /** What is cut already stays so as often as not. */
  #cut(random: Random, isCut: (from: ServerId, to: ServerId) => boolean): void {
    if (random.chance(0.5)) this.#options.links.heal();
    this.#cutWhere(isCut);
  }

  #cutWhere(isCut: (from: ServerId, to: ServerId) => boolean): void {
    const { cluster, links } = this.#options;
    for (const { identity: from } of cluster.members) {
      for (const { identity: to } of cluster.members) if (from !== to && isCut(from, to)) links.cut(from, to);
    }
  }

  #undisturb(member: SimulatedMember): void {
    const { cluster } = this.#options;
    for (const { identity } of cluster.members)
      if (identity !== member.identity) cluster.setLinkFault(member, identity, NO_FAULT);
  }
}
