/**
 * One simulated run of a cluster, from a seed: the real program, its clients, and everything that can go wrong.
 *
 * The same seed and options make the same run, to the last message. After each step the invariants are checked. At the
 * end the faults stop: then every client has to get on within a bounded time, nothing may be left unanswered, the servers
 * must come to hold the same, and what the clients saw must be linearizable.
 */

import { Invariants } from '../../src/raft/checks/invariants.js';
import { PropertyViolation } from '../../src/raft/checks/property-violation.js';
import { majorityOf } from '../../src/raft/quorum.js';
import type { ServerId } from '../../src/raft/types.js';
import { DataDirectoryError } from '../../src/storage/data-directory-error.js';
import { DiskStorage } from '../../src/storage/disk-storage.js';
import { type Storage, StorageError } from '../../src/storage/storage.js';
import { QUORUM_WAIT_MS } from '../../src/time-limits.js';
import { Random } from '../../tools/support/random.js';
import { isJudged } from './checks/history.js';
import { checkQueues } from './checks/queues.js';
import { checkReplicas } from './checks/replicas.js';
import { checkTallies } from './checks/tallies.js';
import { checkWatcher, wasToldAll } from './checks/watchers.js';
import { SimulatedClient } from './client/client.js';
import type { FleetingKey } from './client/fleeting-keys.js';
import { History } from './client/history.js';
import { KvSimulatedClient } from './client/kv-client.js';
import { SessionClient } from './client/session-client.js';
import { SimulatedSubscriber } from './client/subscriber.js';
import { drawClientTemper, drawReplicaReader } from './client/temper.js';
import { SimulatedWatcher } from './client/watcher.js';
import { ROUTER_PORT, SERVER_PORTS, SimulatedCluster } from './cluster/cluster.js';
import { ClusterHome } from './cluster/home.js';
import { Links } from './cluster/links.js';
import { keepUpLoad } from './cluster/steady-load.js';
import { Nemesis } from './nemesis.js';
import { RunHash } from './run-hash.js';
import {
  diskTemperOf,
  drawTemperament,
  ELECTION_TIMEOUT_MS,
  hasLargeStatesInTime,
  type Temperament,
} from './temperament.js';
import { SimulatedDisk } from './world/disk.js';
import { SimulatedNetwork } from './world/network.js';
import type { SimulatedThread } from './world/thread.js';
import { World } from './world/world.js';

export interface SimulationOptions {
  readonly seed: number;
  /** 1 to 7; drawn from the seed unless given. */
  readonly servers: number | undefined;
  /** How many events to go through before the faults stop. */
  readonly steps: number;
  /** Faults (`f3`), strikes (`s1`), changes of members (`m1`), the loss of a disk (`d1`) and clients (`c2`) that are left out. */
  readonly without: readonly string[];
  /** Takes each line of the transcript. */
  readonly trace: ((line: string) => void) | undefined;
}

export interface Violation {
  readonly property: string;
  readonly message: string;
}

export interface SimulationResult {
  readonly seed: number;
  readonly servers: number;
  readonly clients: number;
  readonly operations: number;
  /** Events in all, and the virtual time that they took. */
  readonly steps: number;
  readonly virtualMs: number;
  /** Two runs with the same are the same. */
  readonly hash: string;
  /** Names of the faults that struck. */
  readonly faults: readonly string[];
  /** False if it was too much work to tell whether what the clients saw is linearizable. */
  readonly isJudged: boolean;
  /** The property that was broken, and how; undefined if none was. */
  readonly violation: Violation | undefined;
}

/**
 * With faults over, every client must have operations acknowledged, and then every server have caught up, within this
 * time: a snapshot in the smallest chunks takes a slow disk seconds.
 */
const PROGRESS_MS = 20_000;
/**
 * The same for all of them while the leader's disk hangs, of clusters that can do without one server. Those that lag may need a
 * snapshot before anything is committed again. A client that stays at the server that hangs may ask for keys in one batch of commands
 * after another, and waits for each.
 */
const HUNG_DISK_MS = 3 * QUORUM_WAIT_MS + 40 * ELECTION_TIMEOUT_MS;
/** A client that has had so many more operations acknowledged waits this long, in ms, while others have had none. */
const FAR_AHEAD = 10;
const REST_MS = 20;
/** Nothing happens any more after this time without clients. */
const QUIET_MS = 5 * ELECTION_TIMEOUT_MS;
/** Queues are measured each time after this many events. */
const MEASURE_EVERY = 32;
const DISK_FAULTS = ['disk errors', 'full disk', 'no descriptors'] as const;
const KEYS = ['a', 'b', 'c'];

/** Runs the simulation. What goes wrong in the cluster is in the result; nothing is thrown for it. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const simulation = new Simulation(options);
  const onRejection = (error: unknown) => simulation.violated(error);
  process.on('unhandledRejection', onRejection);
  try {
    await simulation.run();
  } catch (error) {
    simulation.violated(error);
  } finally {
    process.off('unhandledRejection', onRejection);
  }
  return simulation.result;
}

type OneClient = SimulatedClient | SessionClient | KvSimulatedClient;

class Simulation {
  readonly #options: SimulationOptions;
  readonly #random: Random;
  readonly #world = new World();
  readonly #history = new History();
  readonly #temperament: Temperament;
  readonly #network: SimulatedNetwork;
  readonly #links: Links;
  /** By their numbers. */
  readonly #disks = new Map<number, SimulatedDisk>();
  /** The main thread's. */
  readonly #mainDisk: SimulatedDisk;
  readonly #home: ClusterHome;
  readonly #cluster: SimulatedCluster;
  readonly #nemesis: Nemesis;
  readonly #clients: readonly OneClient[];
  readonly #watchers: readonly SimulatedWatcher[];
  readonly #subscribers: readonly SimulatedSubscriber[];
  #violation: unknown;
  #isJudged = true;
  readonly #hash = new RunHash();
  readonly #trace = (what: () => string) => {
    this.#options.trace?.(`${this.#world.nowMs.toFixed(3).padStart(10)} ${what()}`);
  };

  constructor(options: SimulationOptions) {
    this.#options = options;
    const random = new Random(options.seed);
    const world = this.#world;
    this.#random = random;
    this.#temperament = drawTemperament(random.split('temperament'), options.servers);
    const { network, servers } = this.#temperament;
    this.#network = new SimulatedNetwork({
      world,
      random: random.split('network'),
      maxDelayMs: network.maxSocketDelayMs,
      sendBufferBytes: network.sendBufferBytes,
    });
    this.#links = new Links({ ...network, random: random.split('links'), trace: this.#trace });
    this.#mainDisk = new SimulatedDisk(world, random.split('main disk'));
    this.#home = new ClusterHome({
      mainDisk: this.#mainDisk,
      servers,
      diskNumbered: (number) => this.#diskNumbered(number),
      isApart: this.#temperament.directories.areApart,
    });
    this.#cluster = this.#newCluster();
    this.#nemesis = new Nemesis({
      world,
      random: random.split('nemesis'),
      temperament: this.#temperament,
      cluster: this.#cluster,
      links: this.#links,
      lull: (durationMs) => {
        for (const client of this.#clients) client.rest(durationMs);
      },
      diskOf: (id) => this.#home.diskOf(id),
      disks: () => this.#disks.values(),
      without: new Set(options.without),
      trace: this.#trace,
    });
    this.#clients = this.#newClients();
    this.#watchers = this.#newWatchers();
    this.#subscribers = this.#newSubscribers();
  }

  get result(): SimulationResult {
    const { timeline, nowMs } = this.#world;
    return {
      seed: this.#options.seed,
      servers: this.#temperament.servers,
      clients: this.#clients.length,
      operations: this.#history.size,
      steps: timeline.steps,
      virtualMs: nowMs,
      hash: this.#hash.toString(),
      faults: this.#nemesis.struck,
      isJudged: this.#isJudged,
      violation: this.#violation === undefined ? undefined : asViolation(this.#violation),
    };
  }

  /** Only the first violation counts: what follows may be a consequence. */
  violated(error: unknown): void {
    this.#violation ??= error;
  }

  async run(): Promise<void> {
    this.#cluster.startProcess();
    for (const client of this.#clients) client.start();
    for (const listener of [...this.#watchers, ...this.#subscribers]) listener.start();
    this.#nemesis.start();
    const { timeline } = this.#world;
    await this.#until(() => timeline.steps >= this.#options.steps);
    await this.#checkProgress();
    await this.#checkHungDisk();
    await this.#checkNothingIsLeft();
    this.#isJudged = isJudged(this.#history.operations);
  }

  /** With no more faults, every client gets on. */
  async #checkProgress(): Promise<void> {
    this.#nemesis.end();
    for (const client of this.#clients) client.becomePatient();
    if (await this.#until(getOn(this.#clients), PROGRESS_MS)) return;
    throw new PropertyViolation(
      'progress',
      `a client got nowhere in ${PROGRESS_MS} ms: ${this.#cluster.describe()}`,
    );
  }

  /** With no more faults, each change of members comes to an end: done, or given up. */
  async #checkMembers(): Promise<void> {
    const cluster = this.#cluster;
    const isOver = () => cluster.areMembersSettled || !cluster.isChangingMembers;
    if (await this.#until(isOver, PROGRESS_MS)) {
      // A directory of a server that was removed may be left, where a disk has failed.
      if (!cluster.areMembersSettled) cluster.settleMembers();
      if (await this.#until(() => cluster.areMembersSettled, PROGRESS_MS)) return this.#checkReplacing();
    }
    const what = `a change of members does not end in ${PROGRESS_MS} ms: ${cluster.describe()}`;
    throw new PropertyViolation('members', what);
  }

  /** A member whose disk is lost can be replaced onto another one. A replacement that does not catch up in time is tried again. */
  async #checkReplacing(): Promise<void> {
    const cluster = this.#cluster;
    if (this.#temperament.changes === undefined) return;
    const isReplaced = () => {
      const { lost } = cluster;
      if (lost !== undefined && cluster.areMembersSettled) cluster.replaceMember(lost.id, 'on a new disk');
      return lost === undefined && cluster.areMembersSettled;
    };
    if (await this.#until(isReplaced, PROGRESS_MS)) return;
    throw new PropertyViolation(
      'members',
      `a lost disk is not replaced in ${PROGRESS_MS} ms: ${cluster.describe()}`,
    );
  }

  /**
   * While the leader's disk hangs, another server leads before long, and every client gets on, but for those that read at the very
   * server that hangs. INFO, which tells of keys, is one such read: its client is told only after {@link QUORUM_WAIT_MS}.
   */
  async #checkHungDisk(): Promise<void> {
    // A server that lags far has to catch up first, which takes longer than an election. Under load it may not within this time.
    const { latestCommitIndex } = this.#cluster;
    if (!(await this.#until(() => this.#cluster.haveAllCommitted(latestCommitIndex), PROGRESS_MS))) return;
    // While members change, a server more may be needed.
    if (!this.#cluster.areMembersSettled) return;
    const { leader } = this.#cluster;
    const { members } = this.#cluster;
    const others = members.filter((one) => one !== leader && !this.#home.isLost(one.identity));
    if (leader === undefined || others.length < majorityOf(members.length)) return;
    this.#trace(() => `the disk of server ${leader.identity} hangs`);
    const disk = this.#home.diskOf(leader.identity);
    disk.stall();
    const clients = this.#clients.filter(({ readsAtReplicas }) => !readsAtReplicas);
    const haveGotOn = getOn(clients);
    const isDone = () => {
      if (this.#temperament.isLoadedWhileHung) keepUpLoad(leader.server?.raft);
      return haveGotOn() && this.#cluster.leader !== leader;
    };
    if (!(await this.#until(isDone, HUNG_DISK_MS)))
      throw new PropertyViolation(
        'hung disk',
        `no other leader, or a client got nowhere: ${this.#cluster.describe()}`,
      );
    disk.resume();
  }

  /** With no more clients, everything is answered, and all servers come to hold the same. */
  async #checkNothingIsLeft(): Promise<void> {
    for (const client of this.#clients) client.isActive = false;
    const isAnswered = () => this.#clients.every(({ unanswered }) => unanswered === 0);
    if (!(await this.#until(isAnswered, PROGRESS_MS))) {
      const { unanswered, id } = this.#clients.find((client) => client.unanswered > 0) ?? {
        unanswered: 0,
        id: 0,
      };
      throw new PropertyViolation(
        'answers',
        `client ${id} waits for ${unanswered} replies: ${this.#cluster.describe()}`,
      );
    }
    await this.#checkMembers();
    const quietAtMs = this.#world.nowMs + QUIET_MS;
    const isQuiet = () => this.#world.nowMs >= quietAtMs && this.#cluster.hasSettled;
    if (!(await this.#until(isQuiet, PROGRESS_MS)))
      throw new PropertyViolation(
        'agreement',
        `a server lags for ${PROGRESS_MS} ms: ${this.#cluster.describe()}`,
      );
    checkReplicas(this.#cluster.servers);
    checkTallies(this.#clients, this.#cluster.servers);
    await this.#checkWatchers();
    checkQueues(this.#cluster.servers, this.#limits, 'at rest');
  }

  /** Watchers and subscribers are told of all changes before long, and watchers know the state by them. */
  async #checkWatchers(): Promise<void> {
    const [server] = this.#cluster.servers;
    if (server === undefined) return;
    const { applied } = server;
    const haveAll = () => this.#watchers.every((watcher) => wasToldAll(watcher, applied.store));
    if (!(await this.#until(haveAll, PROGRESS_MS))) {
      const places = this.#watchers.map(({ next }) => next).join(', ');
      throw new PropertyViolation('watch', `of ${applied.store.lastRevision}, watchers are at ${places}`);
    }
    for (const watcher of this.#watchers) checkWatcher(watcher, applied.store);
    const isToldAll = () => this.#subscribers.every(({ wasToldAll }) => wasToldAll);
    if (!(await this.#until(isToldAll, PROGRESS_MS)))
      throw new PropertyViolation('subscribers', 'a subscriber was not told of everything');
  }

  /** Lets events happen until the condition holds, with all checks after each; false if it does not within `withinMs`. */
  async #until(isOver: () => boolean, withinMs = Number.POSITIVE_INFINITY): Promise<boolean> {
    const { timeline } = this.#world;
    return this.#world.run(() => {
      this.#checkStep();
      return isOver();
    }, timeline.nowMs + withinMs);
  }

  /** What queues may hold. What a server has sent that is a member no more may still wait. */
  get #limits(): Pick<Temperament, 'servers' | 'trafficCapacity'> {
    const { servers, changes, trafficCapacity } = this.#temperament;
    return { servers: changes === undefined ? servers : this.#disks.size, trafficCapacity };
  }

  #checkStep(): void {
    if (this.#violation !== undefined) throw this.#violation;
    for (const subscriber of this.#subscribers) subscriber.look();
    this.#cluster.check();
    const { steps, nowMs } = this.#world.timeline;
    this.#hash.add(nowMs);
    if (steps % MEASURE_EVERY === 0) checkQueues(this.#cluster.servers, this.#limits, 'at any time');
  }

  #diskNumbered(number: number): SimulatedDisk {
    let disk = this.#disks.get(number);
    if (disk === undefined) {
      disk = new SimulatedDisk(this.#world, this.#random.split(`disk ${number}`));
      disk.faults = { ...disk.faults, ...diskTemperOf(this.#temperament, number) };
      this.#disks.set(number, disk);
    }
    return disk;
  }

  #newCluster(): SimulatedCluster {
    const { servers, changes, raft, snapshotLogBytes, trafficCapacity, network } = this.#temperament;
    return new SimulatedCluster({
      world: this.#world,
      random: this.#random.split('cluster'),
      network: this.#network,
      links: this.#links,
      invariants: new Invariants(raft),
      ports: {
        world: this.#world,
        random: this.#random.split('ports'),
        maxDelayMs: network.maxPortDelayMs,
        detaches: network.detaches,
      },
      maxLinkDelayMs: this.#temperament.maxLinkDelayMs,
      serverCount: servers,
      applyPauseRate: this.#temperament.applyPauseRate,
      hasChanges: changes !== undefined,
      raft,
      snapshotLogBytes,
      trafficCapacity,
      hasPassword: this.#temperament.hasPassword,
      home: this.#home,
      openStorage: (id, thread) => this.#openStorage(id, thread),
      onProcessEnd: (how) => {
        if (how === 'power lost')
          for (const disk of [this.#mainDisk, ...this.#disks.values()]) disk.losePower();
      },
      onCannotStart: () => this.#nemesis.startProcessAgain(),
      onDown: (member) => this.#nemesis.startAgain(member),
      isFailureExpected: (error) => this.#isFailureExpected(error),
      onViolation: (error) => this.violated(error),
      strike: (moment) => this.#nemesis.strike(moment),
      hasUnderWay: (id, kind) => this.#home.diskOf(id).hasUnderWay(kind),
      isolate: (member) => this.#nemesis.isolate(member),
      endProcess: (how) => this.#nemesis.endProcess(how),
      trace: this.#trace,
    });
  }

  async #openStorage(serverId: ServerId, thread: SimulatedThread): Promise<Storage> {
    const { segmentBytes, disk } = this.#temperament;
    const place = this.#home.placeOf(serverId);
    if (place === undefined) throw new RangeError(`server ${serverId} has no directory`);
    return DiskStorage.open({
      ...place,
      files: this.#home.diskOf(serverId).filesOf(thread),
      fsync: disk.fsync,
      segmentBytes,
    });
  }

  /** A disk that fails may say so; what it kept is never damaged. */
  #isFailureExpected(error: unknown): boolean {
    const { weights } = this.#temperament.harm;
    // Whichever of a disk's faults it was.
    if (error instanceof DataDirectoryError) return DISK_FAULTS.some((fault) => weights[fault] > 0);
    if (!(error instanceof StorageError)) return false;
    // A server waits while a shortage lasts, but not while it opens its disk, nor where a sync failed.
    if (error.code === 'DISK_SHORTAGE') return weights['full disk'] > 0 || weights['no descriptors'] > 0;
    const isDamaged = error.code === 'DISK_CORRUPT' || error.code === 'DISK_MISSING';
    return weights['disk errors'] > 0 && !isDamaged;
  }

  /** In half of the runs, one at the router and one at any server. */
  #newWatchers(): SimulatedWatcher[] {
    const random = this.#random.split('watchers');
    if (random.chance(0.5)) return [];
    const ports = [() => [ROUTER_PORT], () => this.#cluster.serverPorts];
    return ports.map(
      (portsOfOne, id) =>
        new SimulatedWatcher({
          id,
          world: this.#world,
          network: this.#network,
          random: random.split(`${id}`),
          ports: portsOfOne,
          hasPassword: this.#temperament.hasPassword,
          onViolation: (error) => this.violated(error),
          trace: this.#trace,
        }),
    );
  }

  /** In half of the runs, one at the router and one at any server. */
  #newSubscribers(): SimulatedSubscriber[] {
    const random = this.#random.split('subscribers');
    if (random.chance(0.5)) return [];
    const cluster = this.#cluster;
    const ports = [() => [ROUTER_PORT], () => cluster.serverPorts];
    return ports.map(
      (portsOfOne, id) =>
        new SimulatedSubscriber({
          id,
          world: this.#world,
          network: this.#network,
          random: random.split(`${id}`),
          ports: portsOfOne,
          isRouted: id === 0,
          hasPassword: this.#temperament.hasPassword,
          record: cluster.events,
          leadership: () => `${cluster.leader?.identity}`,
          onViolation: (error) => this.violated(error),
          trace: this.#trace,
        }),
    );
  }

  #newClients(): OneClient[] {
    const { clients, replicaReaders, keys } = this.#temperament;
    const others = clients + replicaReaders;
    const withSessions = others + this.#random.split('sessions').below(3);
    const all = withSessions + this.#random.split('kv clients').of([0, 0, 0, 1, 2]);
    const ids = Array.from({ length: all }, (_, id) => id).filter(
      (id) => !this.#options.without.includes(`c${id}`),
    );
    const fleetingKeys: FleetingKey[] = [];
    return ids.map((id) => {
      const random = this.#random.split(`client ${id}`);
      const temper = id < clients ? drawClientTemper(random) : drawReplicaReader(random);
      const options = {
        id,
        world: this.#world,
        network: this.#network,
        random,
        temper: hasLargeStatesInTime(this.#temperament) ? temper : { ...temper, costlyRate: 0 },
        keys: KEYS.slice(0, keys),
        fleetingKeys,
        history: this.#history,
        serverPorts: () => this.#cluster.serverPorts,
        allServerPorts: SERVER_PORTS,
        routerPort: ROUTER_PORT,
        lookUp: this.#cluster.lookUp.bind(this.#cluster),
        hasPassword: this.#temperament.hasPassword,
        process: () => this.#cluster.processCount,
        onViolation: (error: unknown) => this.violated(error),
        trace: this.#trace,
      };
      if (id < others) return new SimulatedClient(options);
      return id < withSessions ? new SessionClient(options) : new KvSimulatedClient(options);
    });
  }
}

/**
 * Whether each has had two more operations acknowledged since now, to be asked after each event. A client that is far ahead of
 * those that have not leaves the servers to them: the same traffic over and over finds nothing.
 */
function getOn(clients: readonly OneClient[]): () => boolean {
  const starts = clients.map(({ acknowledged }) => acknowledged);
  return () => {
    let haveAll = true;
    for (const [i, client] of clients.entries()) {
      const count = client.acknowledged - (starts[i] ?? 0);
      if (count < 2) haveAll = false;
      if (count >= FAR_AHEAD) client.rest(REST_MS);
    }
    return haveAll;
  };
}

function asViolation(error: unknown): Violation {
  if (!(error instanceof Error)) return { property: 'error', message: String(error) };
  if (error instanceof PropertyViolation) return { property: error.property, message: error.message };
  return { property: error.name, message: error.stack ?? error.message };
}
