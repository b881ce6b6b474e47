/**
 * One simulated run of a cluster, from a seed: servers, clients, and everything that can go wrong between them.
 *
 * The same seed and options make the same run, to the last message. After each step the invariants are checked. At the
 * end the faults stop: then the cluster has to get on within a bounded time, the servers must come to hold the same, and
 * what the clients saw must be linearizable.
 */

import { Invariants } from '../../src/raft/invariants.js';
import type { RaftOptions } from '../../src/raft/options.js';
import { PropertyViolation } from '../../src/raft/property-violation.js';
import type { Message, ServerId } from '../../src/raft/types.js';
import { checkLinearizability } from '../../tools/linearizability/checker.js';
import type { Operation } from '../../tools/linearizability/history.js';
import { Random } from '../../tools/support/random.js';
import { describe } from './describe.js';
import { SimulatedClient } from './simulated-client.js';
import { SimulatedServer } from './simulated-server.js';
import {
  drawTemperament,
  FAULTS,
  type Fault,
  type Moment,
  type Strike,
  type Temperament,
} from './temperament.js';
import { Timeline } from './timeline.js';

export interface SimulationOptions {
  readonly seed: number;
  /** 1 to 7; drawn from the seed unless given. */
  readonly servers: number | undefined;
  /** How many events to go through before the faults stop. */
  readonly steps: number;
  /** Takes each line of the transcript. */
  readonly trace: ((line: string) => void) | undefined;
}

export interface SimulationResult {
  readonly seed: number;
  readonly servers: number;
  readonly operations: number;
  /** The property that was broken, and how; undefined if none was. */
  readonly violation: { readonly property: string; readonly message: string } | undefined;
}

const ELECTION_TIMEOUT_MS = 100;
/**
 * With faults over, every client must have operations acknowledged, and then every server have caught up, within this
 * time: a snapshot in the smallest chunks, which overtake each other, takes a slow disk seconds.
 */
const PROGRESS_MS = 15_000;
/** Raft gets on when messages are much quicker than the election timeout (§5.6): without faults they are. */
const HEALTHY_DELAY_MS = 5;
/** A leader that has offered its leadership is no longer needed: it is of interest what it still does. */
const STRIKES: Readonly<Record<Moment, readonly Strike[]>> = {
  elected: ['crash afterwards', 'isolate at once', 'isolate at once', 'isolate afterwards'],
  committed: ['crash at once', 'isolate at once', 'isolate at once', 'crash afterwards'],
  'offered leadership': ['isolate afterwards', 'stall afterwards', 'stall afterwards'],
};
/** A server that was hardly gone. */
const BLIP_MS = 5;
const KEYS = ['a', 'b', 'c'];

/** Runs the simulation. What goes wrong in the cluster is in the result; nothing is thrown for it. */
export function simulate(options: SimulationOptions): SimulationResult {
  const simulation = new Simulation(options);
  let violation: SimulationResult['violation'];
  try {
    simulation.run();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const property = error instanceof PropertyViolation ? error.property : error.name;
    violation = { property, message: error.message };
  }
  return {
    seed: options.seed,
    servers: simulation.serverCount,
    operations: simulation.history.size,
    violation,
  };
}

class Simulation {
  /** By the stamps of their batches. */
  readonly history = new Map<number, Operation>();
  readonly serverCount: number;
  readonly #random: Random;
  readonly #timeline = new Timeline();
  readonly #servers: readonly SimulatedServer[];
  readonly #clients: readonly SimulatedClient[];
  readonly #temperament: Temperament;
  readonly #trace: SimulationOptions['trace'];
  readonly #steps: number;
  /** Directions that carry nothing, as `from>to`. */
  #cuts = new Set<string>();
  #isFaulty = true;

  constructor({ seed, servers, steps, trace }: SimulationOptions) {
    const random = new Random(seed);
    this.#random = random;
    this.#steps = steps;
    this.#trace = trace;
    this.#temperament = drawTemperament(random, ELECTION_TIMEOUT_MS, servers);
    this.serverCount = this.#temperament.servers;
    this.#servers = this.#newServers();
    const { clients: temper } = this.#temperament;
    this.#clients = Array.from({ length: temper.count }, (_, id) => {
      const world = { timeline: this.#timeline, random, temper };
      return new SimulatedClient(id, this.#servers, world, {
        keys: KEYS.slice(0, temper.keys),
        history: this.history,
      });
    });
  }

  run(): void {
    for (const server of this.#servers) this.#start(server);
    for (const client of this.#clients) client.start();
    this.#timeline.after(ELECTION_TIMEOUT_MS, () => this.#disturb());
    for (let step = 0; step < this.#steps; step += 1) {
      if (!this.#timeline.step(Number.POSITIVE_INFINITY)) break;
    }
    this.#heal();
    this.#checkProgress();
    this.#checkAgreement();
    this.#checkHistory();
  }

  #newServers(): SimulatedServer[] {
    const random = this.#random;
    const { servers: count, drift, disks, snapshotEvery } = this.#temperament;
    const servers: SimulatedServer[] = [];
    const ids = Array.from({ length: count }, (_, id) => id);
    const invariants = new Invariants({ serverCount: count });
    const surroundings = {
      timeline: this.#timeline,
      random,
      invariants,
      send: (message: Message) => this.#send(message),
      trace: (id: ServerId, what: () => string) => this.#note(id, what),
      strike: (moment: Moment) => this.#strike(moment),
      isolate: (server: SimulatedServer) => this.#isolate(server),
      pause: (server: SimulatedServer) => this.#stall(server),
      crash: (server: SimulatedServer) => this.#crashFor(server, this.#temperament.maxDownMs),
      snapshotEvery,
    };
    for (const [id, disk] of disks.entries()) {
      const rate = drift === 0 ? 1 : random.between(1 - drift / 2, 1 + drift / 2);
      servers.push(new SimulatedServer(this.#raftOptions(id, ids), { rate, disk }, surroundings));
    }
    return servers;
  }

  #raftOptions(id: ServerId, servers: readonly ServerId[]): RaftOptions {
    const { hasLease, drift, heartbeatMs, maxAppendBytes, snapshotChunkBytes } = this.#temperament;
    return {
      id,
      servers,
      electionTimeoutMs: ELECTION_TIMEOUT_MS,
      leaseMs: hasLease ? ELECTION_TIMEOUT_MS * (1 - 2 * drift) : 0,
      heartbeatMs,
      maxAppendBytes,
      maxInflightMessages: 3,
      maxInflightBytes: Math.max(300, maxAppendBytes),
      snapshotChunkBytes,
      maxInflightChunks: 3,
      maxUncommittedBytes: 1_000,
    };
  }

  /** Starts a server and joins it with all that are up. */
  #start(server: SimulatedServer): void {
    server.start();
    for (const peer of this.#servers) {
      if (peer === server || !peer.isUp) continue;
      peer.turn(`server ${server.id}`, (raft, nowMs) => raft.linkOpened(server.id, nowMs));
      server.turn(`server ${peer.id}`, (raft, nowMs) => raft.linkOpened(peer.id, nowMs));
    }
  }

  /** Crashes a server; the others notice after a moment that their links to it have closed. */
  #crash(server: SimulatedServer): void {
    const { life } = server;
    server.crash();
    for (const peer of this.#servers) {
      if (peer === server || !peer.isUp) continue;
      this.#timeline.after(this.#random.between(0, 4), () => {
        peer.turn(`server ${server.id}`, (raft, nowMs) => {
          if (server.life === life) raft.linkClosed(server.id, nowMs);
        });
      });
    }
  }

  /** Crashes a server and starts it again within a time. */
  #crashFor(server: SimulatedServer, maxDownMs: number): void {
    this.#crash(server);
    this.#timeline.after(this.#random.between(0, maxDownMs), () => {
      if (!server.isUp) this.#start(server);
    });
  }

  /** A leader has come to such a moment: whether it is harmed, and how. */
  #strike(moment: Moment): Strike | undefined {
    const isStruck = this.#isFaulty && this.#random.chance(this.#temperament.momentRates[moment]);
    return isStruck ? this.#random.of(STRIKES[moment]) : undefined;
  }

  #stall(server: SimulatedServer): void {
    server.stall(this.#random.between(1, 2.5 * ELECTION_TIMEOUT_MS));
  }

  #isolate({ id }: SimulatedServer): void {
    this.#cuts = new Set();
    this.#cutWhere((from, to) => from === id || to === id);
  }

  #send(message: Message): void {
    const { lossRate, duplicationRate, maxDuplicateDelayMs } = this.#temperament.network;
    if (this.#cuts.has(`${message.from}>${message.to}`)) return;
    if (this.#isFaulty && this.#random.chance(lossRate)) return;
    this.#deliver(message, this.#delayMs(message));
    if (this.#isFaulty && this.#random.chance(duplicationRate))
      this.#deliver(message, this.#random.between(0.05, maxDuplicateDelayMs));
  }

  #delayMs({ from, to }: Message): number {
    const { slow, maxDelayMs } = this.#temperament.network;
    if (!this.#isFaulty) return this.#random.between(0.05, HEALTHY_DELAY_MS);
    const isSlow = (slow?.server === from && slow.outbound) || (slow?.server === to && slow.inbound);
    if (isSlow) return this.#random.between(0.2, 0.9) * ELECTION_TIMEOUT_MS;
    return this.#random.between(0.05, maxDelayMs);
  }

  #deliver(message: Message, delayMs: number): void {
    const from = this.#servers[message.from];
    const to = this.#servers[message.to];
    if (from === undefined || to === undefined || !to.isUp) return;
    const lives = [from.life, to.life];
    this.#timeline.after(delayMs, () => {
      to.turn(`server ${from.id}`, (raft, nowMs) => {
        // A link does not outlive either of its ends.
        if (from.life !== lives[0] || to.life !== lives[1]) return;
        this.#note(to.id, () => `<- ${describe(message)}`);
        raft.step(message, nowMs);
      });
    });
  }

  /** Does some harm, and again after a while. */
  #disturb(): void {
    if (!this.#isFaulty) return;
    const { weights, burstRate, faultPauseMs } = this.#temperament;
    do this.#harm(this.#random.weighted(FAULTS, weights), this.#victim());
    while (this.#random.chance(burstRate));
    this.#timeline.after(this.#random.between(0, 2 * faultPauseMs), () => this.#disturb());
  }

  #victim(): SimulatedServer {
    const isLeader = this.#random.chance(this.#temperament.leaderRate);
    return (isLeader ? this.#leader : undefined) ?? this.#random.of(this.#servers);
  }

  get #leader(): SimulatedServer | undefined {
    return this.#servers.find((server) => server.raft?.role === 'leader');
  }

  #harm(fault: Fault, victim: SimulatedServer): void {
    const random = this.#random;
    switch (fault) {
      case 'crash':
        this.#crashFor(victim, this.#temperament.maxDownMs);
        return;
      case 'outage':
        for (const server of this.#servers) {
          this.#crashFor(server, this.#temperament.maxDownMs);
          server.leasesAreOver = true;
        }
        return;
      case 'blip':
        this.#crashFor(victim, BLIP_MS);
        // Not all reach it again.
        this.#cutWhere((_from, to) => to === victim.id && random.chance(0.5));
        return;
      case 'cut some':
        this.#cut(() => random.chance(0.4));
        return;
      case 'cut one way': {
        const isFrom = random.chance(0.5);
        this.#cut((from, to) => (isFrom ? from : to) === victim.id && random.chance(0.7));
        return;
      }
      case 'cut a pair': {
        // Others still reach both: who is up is not the same for everybody.
        const { id: other } = random.of(this.#servers);
        this.#cut((from, to) => [from, to].includes(victim.id) && [from, to].includes(other));
        return;
      }
      case 'partition': {
        const side = this.#servers.map(() => random.chance(0.5));
        this.#cut((from, to) => side[from] !== side[to]);
        return;
      }
      case 'fade':
        this.#fade(this.#leader ?? victim);
        return;
      case 'heal':
        this.#cuts = new Set();
        return;
      case 'stall':
        this.#stall(victim);
        return;
      case 'transfer':
        this.#transfer(random.of(this.#servers).id);
        return;
    }
  }

  /** A server loses the others one after another, and some of them were restarting when it did. */
  #fade(victim: SimulatedServer): void {
    const random = this.#random;
    let delayMs = 0;
    for (const server of this.#servers) {
      if (server === victim) continue;
      const restarts = random.chance(0.5);
      this.#timeline.after(delayMs, () => {
        if (!this.#isFaulty) return;
        this.#cutWhere((from, to) => [from, to].includes(victim.id) && [from, to].includes(server.id));
        if (restarts) this.#crashFor(server, BLIP_MS);
      });
      delayMs += random.between(0, 2 * ELECTION_TIMEOUT_MS);
    }
  }

  /** What is cut already stays so as often as not. */
  #cut(isCut: (from: ServerId, to: ServerId) => boolean): void {
    if (this.#random.chance(0.5)) this.#cuts = new Set();
    this.#cutWhere(isCut);
  }

  #cutWhere(isCut: (from: ServerId, to: ServerId) => boolean): void {
    for (const { id: from } of this.#servers) {
      for (const { id: to } of this.#servers) {
        if (from !== to && isCut(from, to)) this.#cuts.add(`${from}>${to}`);
      }
    }
  }

  #transfer(target: ServerId): void {
    for (const server of this.#servers) {
      server.turn('control', (raft, nowMs) => {
        if (raft.role === 'leader') raft.transferLeadership(target, nowMs);
      });
    }
  }

  /** From now on nothing goes wrong any more. */
  #heal(): void {
    this.#isFaulty = false;
    this.#cuts = new Set();
    for (const client of this.#clients) client.isPatient = true;
    for (const server of this.#servers) if (!server.isUp) this.#start(server);
    this.#trace?.(`${this.#time()} the faults are over`);
  }

  #checkProgress(): void {
    const goals = this.#clients.map(({ acknowledged }) => acknowledged + 2);
    const endMs = this.#timeline.nowMs + PROGRESS_MS;
    const isDone = () => this.#clients.every(({ acknowledged }, i) => acknowledged >= (goals[i] ?? 0));
    while (!isDone()) {
      if (this.#timeline.step(endMs)) continue;
      throw new PropertyViolation('progress', `a client got nowhere in ${PROGRESS_MS} ms: ${this.#roles()}`);
    }
  }

  /** With no more clients, all servers come to hold the same. */
  #checkAgreement(): void {
    for (const client of this.#clients) client.isActive = false;
    const endMs = this.#timeline.nowMs + PROGRESS_MS;
    const [first] = this.#servers;
    const isSame = () => this.#servers.every((server) => server.appliedIndex === first?.appliedIndex);
    const quietMs = this.#timeline.nowMs + 5 * ELECTION_TIMEOUT_MS;
    while (this.#timeline.nowMs < quietMs || !isSame()) {
      if (this.#timeline.step(endMs)) continue;
      throw new PropertyViolation(
        'agreement',
        `a server stays behind for ${PROGRESS_MS} ms: ${this.#roles()}`,
      );
    }
    for (const { id, state } of this.#servers) {
      if (state !== first?.state)
        throw new PropertyViolation('agreement', `server ${id} holds ${state}, not ${first?.state}`);
    }
  }

  #checkHistory(): void {
    // All servers hold the same log by now: what is not in it never took effect, unless a client was told that it did.
    const positions = this.#servers[0]?.appliedStamps() ?? new Map();
    const operations = [...this.history]
      .map(([stamp, operation]) => ({ ...operation, position: positions.get(stamp) }))
      .filter(({ outcome, position }) => outcome.type !== 'unknown' || position !== undefined);
    const [violation] = checkLinearizability(operations);
    if (violation === undefined) return;
    const [stuck] = violation.stuck;
    const what = `key ${violation.key}: ${JSON.stringify(stuck)} fits nowhere behind ${violation.ordered.length} others`;
    throw new PropertyViolation('linearizability', what);
  }

  #note(id: ServerId, what: () => string): void {
    if (this.#trace === undefined) return;
    const { raft } = this.#servers[id] ?? {};
    const state =
      raft === undefined
        ? 'down'
        : `${raft.role} t${raft.currentTerm} c${raft.commitIndex} l${raft.lastLog.index}`;
    this.#trace(`${this.#time()} server ${id} (${state}) ${what()}`);
  }

  #time(): string {
    return this.#timeline.nowMs.toFixed(2).padStart(10);
  }

  #roles(): string {
    return this.#servers
      .map(
        ({ id, raft }) =>
          `${id} ${raft?.role} t${raft?.currentTerm} c${raft?.commitIndex} l${raft?.lastLog.index}`,
      )
      .join(', ');
  }
}
