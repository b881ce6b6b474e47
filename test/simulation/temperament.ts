/**
 * What kind of run it is: how large, how bad its network and its disks, which faults strike and how often. Drawn from the
 * seed, and drawn to differ: a history that needs two rare things at once is found in runs where the one is common (swarm
 * testing, Groce et al. 2012).
 */

import type { RaftOptions } from '../../src/raft/raft-options.js';
import type { ServerId } from '../../src/raft/types.js';
import type { Random } from '../../tools/support/random.js';
import type { Fault, Moment } from './faults.js';
import type { Loss } from './world/disk.js';
import { type DiskFaults, HEALTHY_DISK } from './world/disk-calls.js';

export const ELECTION_TIMEOUT_MS = 100;

const PASSWORD_RATE = 0.3;

export interface Temperament {
  readonly servers: number;
  readonly clients: number;
  /** How many more clients read at any server, by READONLY. */
  readonly replicaReaders: number;
  /** How long a message between two servers takes at most: as between other threads, or longer. */
  readonly maxLinkDelayMs: number;
  /** How many keys they share. */
  readonly keys: number;
  readonly raft: Omit<RaftOptions, 'id' | 'configuration' | 'leasesAreOver'>;
  readonly snapshotLogBytes: number;
  readonly segmentBytes: number;
  /** Batches between gateway and a server that wait. */
  readonly trafficCapacity: number;
  readonly network: Network;
  readonly disk: Disk;
  readonly directories: Directories;
  /** Undefined where the members stay the same. */
  readonly changes: Changes | undefined;
  /** How often an entry takes a server longer than a turn has time for. */
  readonly applyPauseRate: number;
  /** Whether clients must tell a password. */
  readonly hasPassword: boolean;
  /** Whether there is more load than the clients' while the leader's disk hangs at the end. */
  readonly isLoadedWhileHung: boolean;
  readonly harm: Harm;
}

export interface Network {
  /** Of messages between servers. */
  readonly lossRate: number;
  readonly duplicationRate: number;
  /** How long a message between threads takes at most, and bytes from and to clients. */
  readonly maxPortDelayMs: number;
  readonly maxSocketDelayMs: number;
  /** Bytes that the operating system takes for a client that does not read. */
  readonly sendBufferBytes: number;
  /** Whether what was transferred is of no use to its sender, as in Node. */
  readonly detaches: boolean;
}

export interface Disk {
  /** Of each server. */
  readonly maxLatencyMs: readonly number[];
  /** How often a call takes much longer than others. */
  readonly hiccups: number;
  readonly fsync: boolean;
}

/** Where the servers have their data. */
export interface Directories {
  /** Whether each server has a data directory to itself. */
  readonly areApart: boolean;
  /** The disk that is lost for good, if one is; where members change, others are later, by what this tells of the first. */
  readonly loss: { readonly server: ServerId; readonly afterMs: number; readonly how: Loss } | undefined;
}

/** How the members change. */
export interface Changes {
  /** The mean pause between changes. */
  readonly pauseMs: number;
  /** How often the leader is among the removed. */
  readonly leaderRate: number;
  /** How often a server is harmed when it has appended a configuration. */
  readonly strikeRate: number;
  /** When a change is given up: later than a server catches up to whom each entry is read from a slow disk. */
  readonly catchUpTimeoutMs: number;
}

export interface Harm {
  /** Nothing but this fault happens, again and again. */
  readonly only: Fault | undefined;
  /** The mean pause between faults. */
  readonly pauseMs: number;
  /** How often another fault strikes at the same time. */
  readonly burstRate: number;
  /** How often the leader is the victim, and not just any server. */
  readonly leaderRate: number;
  readonly weights: Readonly<Record<Fault, number>>;
  /** How often a server is harmed at such a moment. */
  readonly momentRates: Readonly<Record<Moment, number>>;
  /** A server that is down is started again within this time. */
  readonly maxDownMs: number;
}

/** Draws a temperament for a cluster; the number of its servers is drawn, too, unless it is given. */
export function drawTemperament(random: Random, givenServers: number | undefined): Temperament {
  const servers = givenServers ?? random.of([1, 2, 3, 3, 3, 3, 4, 5, 5, 7]);
  // As in figure 8, hardly a leader lives long enough to replicate what it has.
  const isFragile = random.chance(0.3);
  const directories = drawDirectories(random.split('directories'), servers);
  const changes = drawChanges(random.split('changes'));
  const temperament = {
    servers,
    clients: isFragile ? 2 : drawClients(random, changes),
    keys: random.of([1, 2, 3]),
    raft: drawRaft(random, changes),
    snapshotLogBytes: random.of([3_000, 10_000, 40_000, 1_000_000]),
    segmentBytes: random.of([4_096, 8_192, 65_536]),
    trafficCapacity: random.of([1, 2, 8, 64]),
    network: drawNetwork(random),
    disk: drawDisk(random, servers),
    directories,
    changes,
    applyPauseRate: random.split('apply pauses').of([0, 0, 0, 0.02, 0.2]),
    hasPassword: random.split('password').chance(PASSWORD_RATE),
    isLoadedWhileHung: random.split('load while hung').chance(0.5),
    harm: drawHarm(random, isFragile, changes),
    replicaReaders: random.of([0, 2, 3]),
  };
  const { maxPortDelayMs } = temperament.network;
  const maxLinkDelayMs = Math.max(maxPortDelayMs, random.of([0, 0, 15]));
  return withoutEndlessSnapshots(suited({ ...temperament, maxLinkDelayMs }));
}

/** A fault that happens again and again alone comes to what it can only under some conditions. */
function suited(temperament: Temperament): Temperament {
  switch (temperament.harm.only) {
    case 'deaf':
      return quickened(temperament);
    case 'strand':
      // A snapshot follows almost every entry, of which clients make many that nobody gets.
      return { ...temperament, clients: 4, snapshotLogBytes: 300 };
    default:
      return temperament;
  }
}

/**
 * A server must be back while the leader still relies on its answer of before, so it must be quick. As it takes time until a
 * server that is deaf campaigns, there are few clients.
 */
function quickened({ network, disk, raft, ...rest }: Temperament): Temperament {
  return {
    ...rest,
    clients: 2,
    replicaReaders: 0,
    raft: { ...raft, leaseMs: ELECTION_TIMEOUT_MS },
    network: { ...network, maxPortDelayMs: 1 },
    maxLinkDelayMs: 1,
    disk: { ...disk, maxLatencyMs: disk.maxLatencyMs.map(() => 0.3), hiccups: 0 },
  };
}

/** Where time must pass rather than much be done, there are few. */
function drawClients(random: Random, changes: Changes | undefined): number {
  const clients = random.of([2, 4, 6]);
  return changes === undefined ? clients : 2;
}

/** What a disk is like without faults. One that comes later is like one of the first. */
export function diskTemperOf(
  { disk: { maxLatencyMs, hiccups } }: Temperament,
  number: number,
): Pick<DiskFaults, 'maxLatencyMs' | 'hiccups'> {
  return { maxLatencyMs: maxLatencyMs[number % maxLatencyMs.length] ?? HEALTHY_DISK.maxLatencyMs, hiccups };
}

/** What client/costly-commands.ts makes of the state, and how long a snapshot of it may be under way. */
const LARGE_STATE_BYTES = 2_400_000;
const MAX_LARGE_SNAPSHOT_MS = 2_000;

/** What the results of long values, which are kept for the router, make of any state, and how long a snapshot of that may take. */
const STATE_BYTES = 1_500_000;
const MAX_SNAPSHOT_MS = 10_000;

/** Whether a server that lacks a large state gets it before it is expected to have caught up. */
export function hasLargeStatesInTime(temperament: Temperament): boolean {
  return snapshotMs(temperament, LARGE_STATE_BYTES) <= MAX_LARGE_SNAPSHOT_MS;
}

/** A server that lacks the state is to get it before it is expected to have caught up. */
function withoutEndlessSnapshots(temperament: Temperament): Temperament {
  if (snapshotMs(temperament, STATE_BYTES) <= MAX_SNAPSHOT_MS) return temperament;
  return { ...temperament, raft: { ...temperament.raft, snapshotChunkBytes: LARGEST_CHUNK_BYTES } };
}

/** The most that a snapshot of so many bytes may be under way. */
function snapshotMs({ raft, maxLinkDelayMs, disk }: Temperament, byteCount: number): number {
  const rounds = byteCount / raft.snapshotChunkBytes / raft.maxInflightChunks;
  return rounds * (maxLinkDelayMs + Math.max(...disk.maxLatencyMs));
}

/** With one chunk of that length at a time, a snapshot takes longer than the log takes to make the next one due, and the next. */
const TINY_CHUNK_BYTES = 200;
const LARGEST_CHUNK_BYTES = 4_096;

function drawRaft(random: Random, changes: Changes | undefined): Temperament['raft'] {
  const maxAppendBytes = random.of([1, 100, 1_000, 100_000]);
  return {
    electionTimeoutMs: ELECTION_TIMEOUT_MS,
    heartbeatMs: random.of([0.1, 0.2, 0.33]) * ELECTION_TIMEOUT_MS,
    leaseMs: random.chance(0.8) ? ELECTION_TIMEOUT_MS : 0,
    maxAppendBytes,
    maxInflightMessages: random.of([1, 3, 64]),
    maxInflightBytes: Math.max(maxAppendBytes, random.of([300, 3_000, 1_000_000])),
    maxUncommittedBytes: random.of([2_000, 1_000_000]),
    catchUpTimeoutMs: changes?.catchUpTimeoutMs ?? 60_000,
    maxLogCacheBytes: random.split('log cache').of([1, 2_000, 5_000, 1_000_000]),
    ...drawChunks(random),
  };
}

function drawChunks(random: Random): Pick<Temperament['raft'], 'snapshotChunkBytes' | 'maxInflightChunks'> {
  const snapshotChunkBytes = random.of([TINY_CHUNK_BYTES, 512, LARGEST_CHUNK_BYTES]);
  const maxInflightChunks = random.of([1, 3]);
  return {
    snapshotChunkBytes,
    maxInflightChunks: snapshotChunkBytes === TINY_CHUNK_BYTES ? 3 : maxInflightChunks,
  };
}

function drawNetwork(random: Random): Network {
  return {
    lossRate: random.chance(0.5) ? random.between(0, 0.2) : 0,
    duplicationRate: random.chance(0.4) ? random.between(0, 0.4) : 0,
    maxPortDelayMs: random.of([0.2, 1, 1, 5, 40]),
    maxSocketDelayMs: random.of([0.2, 2]),
    sendBufferBytes: random.of([500, 20_000, 200_000]),
    detaches: random.chance(0.25),
  };
}

function drawDisk(random: Random, servers: number): Disk {
  const maxMs = random.of([0.3, 1, 4, 15]);
  const slow = random.chance(0.4) ? random.below(servers) : undefined;
  return {
    maxLatencyMs: Array.from({ length: servers }, (_, id) => (id === slow ? 30 : maxMs)),
    hiccups: random.of([0, 0, 0.03, 0.2]),
    fsync: random.chance(0.8),
  };
}

function drawDirectories(random: Random, servers: number): Directories {
  if (random.chance(0.6)) return { areApart: false, loss: undefined };
  const isOneLost = servers >= 3 && random.chance(0.6);
  if (!isOneLost) return { areApart: true, loss: undefined };
  const afterMs = random.between(1, 15) * ELECTION_TIMEOUT_MS;
  return {
    areApart: true,
    loss: { server: random.below(servers), afterMs, how: random.of(['emptied', 'broken'] as const) },
  };
}

function drawChanges(random: Random): Changes | undefined {
  if (random.chance(0.5)) return undefined;
  return {
    pauseMs: random.of([1, 4, 10]) * ELECTION_TIMEOUT_MS,
    leaderRate: random.of([0, 0.3, 0.7]),
    strikeRate: random.chance(0.5) ? 0 : random.between(0, 0.5),
    catchUpTimeoutMs: random.of([40, 80]) * ELECTION_TIMEOUT_MS,
  };
}

/** Faults of several steps, which others mostly cut short. */
const LONG_FAULTS = ['deaf', 'fade', 'lag', 'strand'] as const;

function drawHarm(random: Random, isFragile: boolean, changes: Changes | undefined): Harm {
  const only = random.chance(0.25) ? random.of(LONG_FAULTS) : undefined;
  return {
    only,
    // A leader needs some time in between.
    pauseMs: isFragile || only !== undefined ? 300 : random.of([40, 150, 300, 600]),
    burstRate: only === undefined ? random.of([0, 0.3, 0.6]) : 0,
    leaderRate: random.of([0, 0.3, 0.7]),
    weights: drawWeights(random),
    momentRates: { ...drawMomentRates(random, isFragile), 'changing members': changes?.strikeRate ?? 0 },
    maxDownMs: (isFragile ? 4 : random.of([0.2, 1, 4])) * ELECTION_TIMEOUT_MS,
  };
}

function drawMomentRates(random: Random, isFragile: boolean): Omit<Harm['momentRates'], 'changing members'> {
  const sometimes = (maxRate: number) => (random.chance(0.6) ? 0 : random.between(0, maxRate));
  return {
    elected: isFragile ? random.between(0.2, 0.9) : sometimes(0.5),
    committed: isFragile ? random.between(0, 0.5) : 0,
    'offered leadership': random.between(0, 0.9),
    campaigning: sometimes(0.6),
    voted: sometimes(0.8),
    // It comes with each heartbeat.
    acknowledged: sometimes(0.06),
    'received a chunk': sometimes(0.2),
    // They last for several events.
    writing: sometimes(0.1),
    'changing files': sometimes(0.05),
  };
}

/** Some faults do not occur at all, some often; what was cut always heals. */
function drawWeights(random: Random): Record<Fault, number> {
  const weight = () => (random.chance(0.6) ? 0 : random.next());
  const rare = () => (random.chance(0.8) ? 0 : 0.5 * random.next());
  return {
    kill: weight(),
    crash: weight(),
    blip: Math.max(weight(), weight()),
    stop: weight(),
    'crash a majority': rare(),
    'process end': rare(),
    'power loss': 0.5 * weight(),
    'cut some': weight(),
    'cut one way': weight(),
    'cut a pair': weight(),
    partition: weight(),
    fade: Math.max(weight(), weight()),
    deaf: Math.max(weight(), weight()),
    lag: Math.max(weight(), weight()),
    strand: weight(),
    heal: random.between(0.2, 1),
    'disturb link': weight(),
    stall: weight(),
    'stall gateway': rare(),
    transfer: Math.max(weight(), weight()),
    'set clock': 0.5 * weight(),
    'slow disk': rare(),
    'stalled disk': rare(),
    'disk errors': rare(),
    'full disk': rare(),
    'no descriptors': rare(),
    backup: rare(),
    measure: 0.1,
  };
}
