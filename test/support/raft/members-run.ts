/**
 * A run in which members change at random, while messages are lost, doubled and overtake each other, disks lag, servers crash
 * and come back, and snapshots take the place of logs. It is drawn from a seed, and checks after each step what Raft guarantees
 * (src/raft/checks/), and at the end that the members get on once nothing fails any more.
 */

import { Invariants } from '../../../src/raft/checks/invariants.js';
import { PropertyViolation } from '../../../src/raft/checks/property-violation.js';
import { viewOf } from '../../../src/raft/checks/raft-view.js';
import { initialConfiguration } from '../../../src/raft/configuration.js';
import { TransferError } from '../../../src/raft/leadership-transfer.js';
import type { Raft } from '../../../src/raft/raft.js';
import { MembersError } from '../../../src/raft/start-change.js';
import type { LogIndex, Member, Message, Output, PersistRequest, ServerId } from '../../../src/raft/types.js';
import { Random } from '../../../tools/support/random.js';
import { Disk } from './disk.js';
import { textOfConfiguration } from './members.js';
import { bytesOf } from './messages.js';
import { ELECTION_TIMEOUT_MS, HEARTBEAT_MS, Server } from './server.js';

const MAX_SERVERS = 5;
const CATCH_UP_TIMEOUT_MS = 5 * ELECTION_TIMEOUT_MS;
const MAX_IN_TRANSIT = 60;
/** Once nothing fails any more: time for elections, for catching up, and for giving up. */
const MAX_HEALING_MS = 100 * ELECTION_TIMEOUT_MS;

/** What can happen, and how often beside the others. */
const WEIGHTS = {
  deliver: 150,
  pass: 14,
  'pass long': 0.4,
  propose: 5,
  read: 1,
  change: 3,
  'hold disk': 0.6,
  'write disk': 6,
  crash: 0.5,
  restart: 2,
  compact: 2,
  transfer: 0.3,
  'open link': 0.3,
  split: 0.5,
  heal: 0.5,
} as const;

type Action = keyof typeof WEIGHTS;

const ACTIONS: readonly Action[] = [
  'deliver',
  'pass',
  'pass long',
  'propose',
  'read',
  'change',
  'hold disk',
  'write disk',
  'crash',
  'restart',
  'compact',
  'transfer',
  'open link',
  'split',
  'heal',
];

/** What a run has come to, so that one can tell whether runs are of any use. */
export interface MembersRunResult {
  readonly done: number;
  readonly givenUp: number;
  readonly terms: number;
}

/** Throws PropertyViolation where Raft breaks, and InvariantError where the core finds out itself. */
export function runMembers(seed: number, steps: number, trace?: (line: string) => void): MembersRunResult {
  return new MembersRun(seed, trace).run(steps);
}

class MembersRun {
  readonly #random: Random;
  readonly #trace: (line: string) => void;
  readonly #clock = { nowMs: 0 };
  readonly #invariants = new Invariants({
    electionTimeoutMs: ELECTION_TIMEOUT_MS,
    leaseMs: ELECTION_TIMEOUT_MS,
  });
  readonly #servers = new Map<ServerId, Server>();
  /** Which half of the network each server is in. */
  readonly #side = new Map<ServerId, boolean>();
  /** Configurations that are committed, by index. */
  readonly #committed = new Map<LogIndex, string>();
  #inTransit: Message[] = [];
  readonly #firstCount: number;
  #nextId = 0;
  #lossRate: number;
  #proposed = 0;

  constructor(seed: number, trace: ((line: string) => void) | undefined) {
    this.#random = new Random(seed);
    this.#trace = trace ?? (() => undefined);
    this.#lossRate = this.#random.of([0, 0.05, 0.2]);
    const count = 1 + this.#random.below(4);
    this.#firstCount = count;
    for (const { id } of initialConfiguration(count).voters) this.#start(id);
    this.#nextId = count;
  }

  run(steps: number): MembersRunResult {
    for (let step = 0; step < steps; step += 1) this.#do(this.#random.weighted(ACTIONS, WEIGHTS));
    this.#heal();
    const outcomes = [...this.#servers.values()].flatMap(({ changeOutcomes }) => changeOutcomes);
    return {
      done: outcomes.filter(({ outcome }) => outcome === 'done').length,
      givenUp: outcomes.filter(({ outcome }) => outcome === 'given up').length,
      terms: Math.max(...this.#up.map(({ raft }) => raft.currentTerm)),
    };
  }

  get #up(): readonly Server[] {
    return [...this.#servers.values()].filter(({ isUp }) => isUp);
  }

  get #leader(): Server | undefined {
    const leaders = this.#up.filter(({ raft }) => raft.role === 'leader');
    return leaders.sort((a, b) => b.raft.currentTerm - a.raft.currentTerm)[0];
  }

  /** All know who was there first, those that join later, too. */
  #start(id: ServerId): void {
    const server = new Server(id, this.#firstCount, {
      options: { catchUpTimeoutMs: CATCH_UP_TIMEOUT_MS },
      clock: this.#clock,
      disk: new ToldDisk((request) => this.#invariants.persisted(id, [request])),
      onOutput: (raft, output) => this.#check(raft, output),
    });
    this.#servers.set(id, server);
  }

  #check(raft: Raft, { messages, committed }: Output): void {
    for (const { index, configuration } of committed)
      if (configuration !== undefined) this.#committed.set(index, textOfConfiguration(configuration));
    this.#invariants.stepped(viewOf(raft, { nowMs: this.#clock.nowMs, leaseEndMs: raft.leaseEndMs }));
    for (const message of messages) this.#invariants.sent(message);
    checkConfiguration(raft);
  }

  #turn(server: Server, event: (raft: Raft, nowMs: number) => void): void {
    server.random = this.#random.next();
    this.#inTransit.push(...server.turn(event));
  }

  #do(action: Action): void {
    const server = this.#up.length === 0 ? undefined : this.#random.of(this.#up);
    switch (action) {
      case 'deliver':
        this.#deliverOne();
        return;
      case 'pass':
        this.#pass(this.#random.between(0, HEARTBEAT_MS / 2));
        return;
      case 'pass long':
        this.#pass(this.#random.between(0, 2 * ELECTION_TIMEOUT_MS));
        return;
      case 'change':
        if (this.#leader !== undefined) this.#change(this.#leader);
        return;
      case 'restart':
        this.#restart();
        return;
      case 'heal':
        this.#side.clear();
        return;
      default:
        if (server !== undefined) this.#doWith(server, action);
    }
  }

  #doWith(server: Server, action: Action): void {
    switch (action) {
      case 'propose':
        this.#turn(this.#leader ?? server, (raft) => raft.propose(bytesOf(`${this.#nextValue()}`)));
        return;
      case 'read':
        this.#turn(server, () => server.read());
        return;
      case 'hold disk':
        server.holdDisk();
        return;
      case 'write disk':
        this.#inTransit.push(...server.writeDisk(1 + this.#random.below(2)));
        return;
      case 'crash':
        this.#trace(`${server.id} crashes`);
        server.crash();
        this.#invariants.crashed(server.id);
        return;
      case 'compact':
        this.#compact(server);
        return;
      case 'transfer':
        this.#transfer(server.id);
        return;
      case 'open link':
        for (const other of this.#up) this.#turn(other, (raft, nowMs) => raft.linkOpened(server.id, nowMs));
        return;
      case 'split':
        for (const id of this.#servers.keys()) this.#side.set(id, this.#random.chance(0.5));
        return;
      default:
        return;
    }
  }

  #nextValue(): number {
    this.#proposed += 1;
    return this.#proposed;
  }

  #deliverOne(): void {
    if (this.#inTransit.length > MAX_IN_TRANSIT) this.#inTransit = this.#inTransit.slice(-MAX_IN_TRANSIT / 2);
    const place = this.#random.chance(0.7) ? 0 : this.#random.below(this.#inTransit.length);
    const message = this.#inTransit[place];
    if (message === undefined) return;
    if (!this.#random.chance(0.03)) this.#inTransit.splice(place, 1);
    if (!this.#random.chance(this.#lossRate)) this.#arrive(message);
  }

  #arrive(message: Message): void {
    const receiver = this.#servers.get(message.to);
    if (receiver?.isUp !== true || this.#side.get(message.from) !== this.#side.get(message.to)) return;
    this.#turn(receiver, (raft, nowMs) => raft.step(message, nowMs));
  }

  #pass(ms: number): void {
    this.#clock.nowMs += ms;
    for (const server of this.#up) this.#turn(server, (raft, nowMs) => raft.tick(nowMs));
  }

  #restart(): void {
    const down = [...this.#servers.values()].filter(({ isUp }) => !isUp);
    if (down.length === 0) return;
    const server = this.#random.of(down);
    this.#invariants.recovered(server.id, server.disk.recover());
    server.start();
    this.#trace(`${server.id} restarts`);
  }

  /** Asks for some of the voters and a few servers that are new, or learn already. */
  #change(leader: Server): void {
    const { voters, learners } = leader.raft.configuration;
    const kept = this.#random.shuffled(voters).slice(0, this.#random.below(voters.length + 1));
    const room = MAX_SERVERS - kept.length;
    const learning = this.#random.shuffled(learners).slice(0, this.#random.below(learners.length + 1));
    const added: Member[] = learning.slice(0, room);
    const count = this.#random.of([0, 1, 1, 2, 3]);
    while (added.length < Math.min(room, learning.length + count)) {
      const id = this.#nextId;
      this.#nextId += this.#random.of([1, 1, 7]);
      this.#start(id);
      added.push({ id, slot: id });
    }
    const wanted = [...kept, ...added];
    this.#trace(`${leader.id} is asked for ${wanted.map(({ id }) => id).join(' ')}`);
    try {
      this.#turn(leader, (raft, nowMs) => raft.changeMembers(wanted, nowMs));
    } catch (error) {
      if (!(error instanceof MembersError)) throw error;
    }
  }

  /** A snapshot has the configuration that is in force at its position, not a newer one. */
  #compact(server: Server): void {
    if (server.unwritten > 0 || server.applied === '' || server.raft.commitIndex <= server.raft.snapshotIndex)
      return;
    server.compact({ keeping: this.#random.of([0, 0, 1]) });
    const { index = 0, configuration } = server.disk.snapshot ?? {};
    const last = Math.max(0, ...[...this.#committed.keys()].filter((other) => other <= index));
    const expected = this.#committed.get(last) ?? textOfConfiguration(initialConfiguration(this.#firstCount));
    if (configuration !== undefined && textOfConfiguration(configuration) === expected) return;
    throw new PropertyViolation(
      'configuration of a snapshot',
      `server ${server.id} has another one at ${index}`,
    );
  }

  #transfer(target: ServerId): void {
    const leader = this.#leader;
    if (leader === undefined) return;
    try {
      this.#turn(leader, (raft, nowMs) => raft.transferLeadership(target, nowMs));
    } catch (error) {
      if (!(error instanceof TransferError)) throw error;
    }
  }

  /** Nothing fails any more: a leader is elected, finishes what was begun, and commits what it is asked to. */
  #heal(): void {
    this.#trace('heals');
    this.#lossRate = 0;
    this.#side.clear();
    while ([...this.#servers.values()].some(({ isUp }) => !isUp)) this.#restart();
    for (const server of this.#servers.values()) this.#inTransit.push(...server.freeDisk());
    const endMs = this.#clock.nowMs + MAX_HEALING_MS;
    while (!this.#getsOn()) {
      if (this.#clock.nowMs > endMs) throw new PropertyViolation('progress', this.#describe());
      this.#pass(HEARTBEAT_MS / 4);
      for (let count = 0; this.#inTransit.length > 0 && count < 10_000; count += 1) {
        const message = this.#inTransit.shift();
        if (message !== undefined) this.#arrive(message);
      }
    }
  }

  #getsOn(): boolean {
    const { raft } = this.#leader ?? {};
    if (raft === undefined || !raft.isServing || raft.configuration.outgoing.length > 0) return false;
    const { commitIndex, lastLog, configuration } = raft;
    return (
      commitIndex === lastLog.index &&
      configuration.voters.every(({ id }) => this.#isUpToDate(id, commitIndex))
    );
  }

  #isUpToDate(id: ServerId, index: number): boolean {
    const { raft } = this.#servers.get(id) ?? {};
    return raft !== undefined && raft.commitIndex >= index;
  }

  #describe(): string {
    const describe = ({ id, raft }: Server) =>
      `${id} ${raft.role} t${raft.currentTerm} c${raft.commitIndex} l${raft.lastLog.index} (${textOfConfiguration(raft.configuration)})`;
    return this.#up.map(describe).join(', ');
  }
}

/** In force is the last configuration that the log has in it, committed or not (thesis 4.1), or else the snapshot's. */
function checkConfiguration(raft: Raft): void {
  const { snapshotIndex, logStart, lastLog } = raft;
  const entries = raft.entries(Math.max(snapshotIndex, logStart.index) + 1, lastLog.index);
  const last = entries.findLast(({ configuration }) => configuration !== undefined);
  const expected = last?.configuration ?? raft.configurationAt(snapshotIndex);
  if (textOfConfiguration(expected) === textOfConfiguration(raft.configuration)) return;
  const what = `server ${raft.id} has ${textOfConfiguration(raft.configuration)}, not ${textOfConfiguration(expected)}`;
  throw new PropertyViolation('configuration in force', what);
}

/** Tells what is written to it. */
class ToldDisk extends Disk {
  readonly #onWritten: (request: PersistRequest) => void;

  constructor(onWritten: (request: PersistRequest) => void) {
    super();
    this.#onWritten = onWritten;
  }

  override write(request: PersistRequest): void {
    super.write(request);
    this.#onWritten(request);
  }
}
