/**
 * One simulated run of a cluster, from a seed: servers, clients, and everything that can go wrong between them.
 *
 * The same seed and options make the same run, to the last message. After each step the invariants are checked. At the
 * end the faults stop: then the cluster has to get on within a bounded time, the servers must come to hold the same, and
 * what the clients saw must be linearizable.
 */

import type { Message, RaftOptions, ServerId } from '../../src/raft/types.js';
import { checkLinearizability } from '../linearizability/checker.js';
import type { Operation } from '../linearizability/history.js';
import { Invariants, PropertyViolation } from './invariants.js';
import { Random } from './random.js';
import { SimulatedClient } from './simulated-client.js';
import { SimulatedServer } from './simulated-server.js';
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
/** With faults over, every client must have an operation acknowledged within this time. */
const PROGRESS_MS = 5_000;
/** Raft gets on when messages are much quicker than the election timeout (§5.6): without faults they are. */
const HEALTHY_DELAY_MS = 5;
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
    operations: simulation.history.length,
    violation,
  };
}

/** How bad the network of a run is. */
interface Network {
  readonly lossRate: number;
  readonly duplicationRate: number;
  readonly maxDelayMs: number;
}

class Simulation {
  readonly history: Operation[] = [];
  readonly serverCount: number;
  readonly #random: Random;
  readonly #timeline = new Timeline();
  readonly #servers: readonly SimulatedServer[];
  readonly #clients: readonly SimulatedClient[];
  readonly #network: Network;
  readonly #trace: SimulationOptions['trace'];
  readonly #steps: number;
  readonly #faultPauseMs: number;
  /** Whether hardly a leader lives long enough to replicate what it has, as in figure 8. */
  readonly #isStormy: boolean;
  /** Directions that carry nothing, as `from>to`. */
  #cuts = new Set<string>();
  #isFaulty = true;

  constructor({ seed, servers, steps, trace }: SimulationOptions) {
    const random = new Random(seed);
    this.#random = random;
    this.#steps = steps;
    this.#trace = trace;
    this.serverCount = servers ?? random.of([1, 2, 3, 3, 3, 4, 5, 5, 5, 7]);
    this.#network = {
      lossRate: random.chance(0.6) ? random.between(0, 0.2) : 0,
      duplicationRate: random.chance(0.3) ? 0.1 : 0,
      maxDelayMs: random.chance(0.3) ? random.between(5, 80) : random.between(1, 5),
    };
    this.#isStormy = random.chance(0.2);
    this.#faultPauseMs = this.#isStormy ? random.between(3, 15) : random.between(20, 150);
    this.#servers = this.#newServers();
    this.#clients = Array.from({ length: 4 }, (_, id) => {
      const world = { timeline: this.#timeline, random };
      return new SimulatedClient(id, this.#servers, world, { keys: KEYS, history: this.history });
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
    const servers: SimulatedServer[] = [];
    const ids = Array.from({ length: this.serverCount }, (_, id) => id);
    // Clocks that differ by up to 10 % leave a lease of 80 %; equal ones leave all of it.
    const drift = random.chance(0.5) ? 0.1 : 0;
    const diskMs = [0.1, random.chance(0.2) ? 25 : 4] as const;
    const maxAppendBytes = random.of([1, 100, 1_000]);
    const snapshotEvery = random.chance(0.5) ? 5 + random.below(40) : Number.POSITIVE_INFINITY;
    const invariants = new Invariants(
      ids.map((id) => ({
        get hardState() {
          return servers[id]?.disk.hardState ?? { currentTerm: 0, votedFor: undefined };
        },
        get lastIndex() {
          return servers[id]?.disk.lastIndex ?? 0;
        },
        holds: (position) => servers[id]?.disk.holds(position) ?? false,
      })),
    );
    const surroundings = {
      timeline: this.#timeline,
      random,
      invariants,
      send: (message: Message) => this.#send(message),
      trace: (id: ServerId, what: () => string) => this.#note(id, what),
      diskMs,
      snapshotEvery,
    };
    for (const id of ids) {
      const rate = drift === 0 ? 1 : random.between(1 - drift / 2, 1 + drift / 2);
      servers.push(
        new SimulatedServer(this.#raftOptions(id, ids, { drift, maxAppendBytes }), rate, surroundings),
      );
    }
    return servers;
  }

  #raftOptions(
    id: ServerId,
    servers: readonly ServerId[],
    { drift, maxAppendBytes }: { readonly drift: number; readonly maxAppendBytes: number },
  ): RaftOptions {
    const hasLease = this.#random.chance(0.8) || id > 0;
    return {
      id,
      servers,
      electionTimeoutMs: ELECTION_TIMEOUT_MS,
      leaseMs: hasLease ? ELECTION_TIMEOUT_MS * (1 - 2 * drift) : 0,
      heartbeatMs: 20,
      maxAppendBytes,
      maxInflightMessages: 3,
      maxInflightBytes: 300,
      snapshotChunkBytes: 512,
      maxInflightChunks: 3,
    };
  }

  /** Starts a server and joins it with all that are up. */
  #start(server: SimulatedServer): void {
    server.start();
    for (const peer of this.#servers) {
      if (peer === server || !peer.isUp) continue;
      peer.turn((raft, nowMs) => raft.linkOpened(server.id, nowMs));
      server.turn((raft, nowMs) => raft.linkOpened(peer.id, nowMs));
    }
  }

  /** Crashes a server; the others notice after a moment that their links to it have closed. */
  #crash(server: SimulatedServer): void {
    const { life } = server;
    server.crash();
    for (const peer of this.#servers) {
      if (peer === server || !peer.isUp) continue;
      const peerLife = peer.life;
      this.#timeline.after(this.#random.between(0, 4), () => {
        if (peer.life !== peerLife || server.life !== life) return;
        peer.turn((raft, nowMs) => raft.linkClosed(server.id, nowMs));
      });
    }
  }

  #send(message: Message): void {
    const { lossRate, duplicationRate } = this.#network;
    if (this.#cuts.has(`${message.from}>${message.to}`)) return;
    if (this.#isFaulty && this.#random.chance(lossRate)) return;
    this.#deliverLater(message);
    if (this.#isFaulty && this.#random.chance(duplicationRate)) this.#deliverLater(message);
  }

  #deliverLater(message: Message): void {
    const from = this.#servers[message.from];
    const to = this.#servers[message.to];
    if (from === undefined || to === undefined || !to.isUp) return;
    const lives = [from.life, to.life];
    this.#timeline.after(
      this.#random.between(0.05, this.#isFaulty ? this.#network.maxDelayMs : HEALTHY_DELAY_MS),
      () => {
        // A link does not outlive either of its ends.
        if (from.life !== lives[0] || to.life !== lives[1]) return;
        this.#note(to.id, () => `<- ${describe(message)}`);
        to.turn((raft, nowMs) => raft.step(message, nowMs));
      },
    );
  }

  /** Does some harm, and again after a while. */
  #disturb(): void {
    if (!this.#isFaulty) return;
    const random = this.#random;
    const server = random.of(this.#servers);
    const dice = random.next();
    if (this.#isStormy && random.chance(0.7)) this.#crashLeader();
    else if (dice < 0.3) this.#crashOrStart(server);
    else if (dice < 0.4) this.#cut(() => random.chance(0.4));
    else if (dice < 0.5) this.#partition();
    else if (dice < 0.6) this.#crashLeader();
    else if (dice < 0.75) this.#cuts = new Set();
    else if (dice < 0.87) server.stall(random.between(1, 2.5 * ELECTION_TIMEOUT_MS));
    else this.#transfer(server.id);
    this.#timeline.after(random.between(0, 2 * this.#faultPauseMs), () => this.#disturb());
  }

  #crashOrStart(server: SimulatedServer): void {
    if (server.isUp) this.#crash(server);
    else this.#start(server);
  }

  #crashLeader(): void {
    for (const server of this.#servers) {
      if (server.raft?.role !== 'leader') continue;
      this.#crash(server);
      this.#timeline.after(this.#random.between(0, (this.#isStormy ? 5 : 1) * ELECTION_TIMEOUT_MS), () => {
        if (!server.isUp) this.#start(server);
      });
    }
  }

  #partition(): void {
    const side = this.#servers.map(() => this.#random.chance(0.5));
    this.#cut((from, to) => side[from] !== side[to]);
  }

  #cut(isCut: (from: ServerId, to: ServerId) => boolean): void {
    this.#cuts = new Set();
    for (const { id: from } of this.#servers) {
      for (const { id: to } of this.#servers) {
        if (from !== to && isCut(from, to)) this.#cuts.add(`${from}>${to}`);
      }
    }
  }

  #transfer(target: ServerId): void {
    for (const server of this.#servers) {
      if (server.raft?.role !== 'leader') continue;
      server.turn((raft, nowMs) => {
        if (raft.role === 'leader') raft.transferLeadership(target, nowMs);
      });
    }
  }

  /** From now on nothing goes wrong any more. */
  #heal(): void {
    this.#isFaulty = false;
    this.#cuts = new Set();
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
    const [violation] = checkLinearizability(this.history);
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

function describe(message: Message): string {
  const envelope = `${message.type} of ${message.from} t${message.term}`;
  switch (message.type) {
    case 'AppendEntries':
      return `${envelope} behind ${message.prevLogIndex}:${message.prevLogTerm} +${message.entries.length} commit ${message.leaderCommit}`;
    case 'AppendEntriesResponse':
      return `${envelope} ${JSON.stringify(message.result)}`;
    case 'PreVoteResponse':
    case 'RequestVoteResponse':
      return `${envelope} ${message.voteGranted ? 'granted' : 'refused'}`;
    case 'PreVote':
    case 'RequestVote':
      return `${envelope} with log ${message.lastLogIndex}:${message.lastLogTerm}`;
    case 'InstallSnapshot':
      return `${envelope} at ${message.snapshot.index}, bytes ${message.offset}+${message.data.byteLength} of ${message.snapshot.byteLength}`;
    case 'InstallSnapshotResponse':
      return `${envelope} at ${message.snapshot.index}, has ${message.receivedBytes}`;
    case 'TimeoutNow':
      return envelope;
  }
}
