/**
 * A group of servers under one hand. Nothing happens by itself: a message waits in transit until the script
 * delivers or drops it, a timer runs only while the script lets time pass. So a test is a transcript of one
 * execution, and the same each time.
 */

import type { Raft } from '../../../src/raft/raft.js';
import type { LogIndex, LogPosition, Message, ServerId } from '../../../src/raft/types.js';
import { Disk } from './disk.js';
import { configurationOf, textOfConfiguration } from './members.js';
import { bytesOf, entries, entriesOfTerms, type Filter, matches } from './messages.js';
import {
  type Clock,
  ELECTION_TIMEOUT_MS,
  HEARTBEAT_MS,
  type Read,
  Server,
  type ServerOptions,
} from './server.js';

/** More deliveries than this in one go: the servers talk in a circle. */
const MAX_DELIVERIES = 20_000;

/** What a server and its voters say to each other, in this order. */
const ELECTION = ['PreVote', 'PreVoteResponse', 'RequestVote', 'RequestVoteResponse'] as const;

/** `term`: how far all servers got before, if further than their logs tell. */
type RestartOptions = ServerOptions & { readonly term?: number };

export class Group {
  #servers: readonly Server[];
  readonly #options: ServerOptions;
  readonly #firstCount: number;
  readonly #clock: Clock = { nowMs: 0 };
  readonly #cuts = new Set<string>();
  #inTransit: Message[] = [];
  #sent: Message[] = [];

  private constructor(disks: readonly Disk[], options: ServerOptions) {
    const clock = this.#clock;
    this.#options = options;
    this.#firstCount = disks.length;
    this.#servers = disks.map((disk, id) => new Server(id, disks.length, { options, clock, disk }));
  }

  /** New servers, their logs empty. */
  static of(count: number, options: ServerOptions = {}): Group {
    return new Group(
      Array.from({ length: count }, () => new Disk()),
      options,
    );
  }

  /** Servers that restart with these logs, each written as `term:payload` words, after they got as far as `term`. */
  static withLogs(logs: readonly string[], { term, ...options }: RestartOptions = {}): Group {
    return new Group(
      logs.map((log) => Disk.holding(entries(log), term)),
      options,
    );
  }

  /** The same with logs of which only the terms matter, as the paper draws them. */
  static withTerms(logs: readonly string[], { term, ...options }: RestartOptions = {}): Group {
    return new Group(
      logs.map((log) => Disk.holding(entriesOfTerms(log), term)),
      options,
    );
  }

  // What one can see.

  get nowMs(): number {
    return this.#clock.nowMs;
  }

  get servers(): readonly Server[] {
    return this.#servers;
  }

  server(id: ServerId): Server {
    const server = this.#servers.find((one) => one.id === id);
    if (server === undefined) throw new Error(`there is no server ${id}`);
    return server;
  }

  raft(id: ServerId): Raft {
    return this.server(id).raft;
  }

  log(id: ServerId): string {
    return this.server(id).log;
  }

  /** The terms along a server's log. */
  terms(id: ServerId): string {
    const { logStart, lastLog } = this.raft(id);
    return this.raft(id)
      .entries(logStart.index + 1, lastLog.index)
      .map((entry) => entry.term)
      .join(' ');
  }

  applied(id: ServerId): string {
    return this.server(id).applied;
  }

  commitIndex(id: ServerId): LogIndex {
    return this.raft(id).commitIndex;
  }

  /** Who leads in the latest term, if anyone does. */
  get leader(): ServerId | undefined {
    const leaders = this.servers.filter((server) => server.isUp && server.raft.role === 'leader');
    const latest = leaders.sort((a, b) => b.raft.currentTerm - a.raft.currentTerm);
    return latest[0]?.id;
  }

  inTransit(filter: Filter = {}): readonly Message[] {
    return this.#inTransit.filter((message) => matches(message, filter));
  }

  /** What all servers send while `action` runs, delivered or not. */
  sentDuring(action: () => void): readonly Message[] {
    this.#sent = [];
    action();
    return this.#sent;
  }

  /** The configuration in force at a server, as text. */
  members(id: ServerId): string {
    return textOfConfiguration(this.raft(id).configuration);
  }

  // What one can do to servers.

  /** Starts servers with empty disks, which are to join: they know of the first members, and are none. */
  start(...ids: readonly ServerId[]): void {
    const setup = { options: this.#options, clock: this.#clock };
    this.#servers = [...this.#servers, ...ids.map((id) => new Server(id, this.#firstCount, setup))];
  }

  /** Asks a server to change the voters to these, written as their numbers. */
  change(id: ServerId, voters: string): void {
    this.#turn(id, (raft, nowMs) => raft.changeMembers(configurationOf(voters).voters, nowMs));
  }

  /** Changes the voters to these, with all that takes, while heartbeats go round. Throws when it is not done in time. */
  changeTo(id: ServerId, voters: string): void {
    const { changeOutcomes } = this.server(id);
    const before = changeOutcomes.length;
    this.change(id, voters);
    this.runUntil(() => changeOutcomes.length > before);
    const last = changeOutcomes.at(-1);
    if (last?.outcome !== 'done')
      throw new Error(`the change to ${voters} ended otherwise: ${last?.outcome}`);
  }

  /** Makes a server the leader, as {@link win} does, and lets all of its messages arrive. */
  elect(id: ServerId): void {
    this.win(id);
    this.deliverAll();
  }

  /**
   * Lets a server win an election: in a long silence only its timer runs out, once more if it learns of a later
   * term. What it sends as the leader stays in transit. Throws when it does not win.
   */
  win(id: ServerId): void {
    for (let attempt = 1; attempt <= 2 && this.raft(id).role !== 'leader'; attempt += 1) {
      this.#clock.nowMs += 2 * ELECTION_TIMEOUT_MS;
      this.tick(id);
      for (const type of ELECTION) this.deliver({ type });
    }
    if (this.raft(id).role !== 'leader') throw new Error(`server ${id} was not elected`);
  }

  tick(id: ServerId): void {
    this.#turn(id, (raft, nowMs) => raft.tick(nowMs));
  }

  /** Proposes, and returns where the entry may come to be in the log; undefined when it is refused. */
  propose(id: ServerId, payload: string): LogPosition | undefined {
    let position: LogPosition | undefined;
    this.#turn(id, (raft) => {
      position = raft.propose(bytesOf(payload));
    });
    return position;
  }

  /** Proposes, delivers everything, and lets a heartbeat tell all that it is committed. */
  agree(id: ServerId, ...payloads: readonly string[]): void {
    for (const payload of payloads) this.propose(id, payload);
    this.deliverAll();
    this.#clock.nowMs += HEARTBEAT_MS;
    this.tick(id);
    this.deliverAll();
  }

  read(id: ServerId): Read {
    let read: Read | undefined;
    this.#turn(id, () => {
      read = this.server(id).read();
    });
    if (read === undefined) throw new Error('the turn was not taken');
    return read;
  }

  transfer(id: ServerId, target: ServerId): void {
    this.#turn(id, (raft, nowMs) => raft.transferLeadership(target, nowMs));
  }

  /** Stops a server silently: nobody notices until it does not answer. */
  crash(id: ServerId): void {
    this.server(id).crash();
  }

  restart(id: ServerId): void {
    this.crash(id);
    this.server(id).start();
  }

  /** The others notice that the links to this server closed: its thread has ended. */
  closeLinks(id: ServerId): void {
    this.#others(id, (other) => this.#turn(other, (raft, nowMs) => raft.linkClosed(id, nowMs)));
  }

  /** The others get new links to this server. */
  openLinks(id: ServerId): void {
    this.#others(id, (other) => this.#turn(other, (raft, nowMs) => raft.linkOpened(id, nowMs)));
  }

  holdDisk(id: ServerId): void {
    this.server(id).holdDisk();
  }

  writeDisk(id: ServerId, count?: number): void {
    this.#send(this.server(id).writeDisk(count));
  }

  freeDisk(id: ServerId): void {
    this.#send(this.server(id).freeDisk());
  }

  holdReads(id: ServerId): void {
    this.server(id).holdReads();
  }

  freeReads(id: ServerId): void {
    this.#send(this.server(id).freeReads());
  }

  compact(id: ServerId, options?: { keeping?: number }): void {
    this.server(id).compact(options);
  }

  // What one can do to time and to the network.

  /** Time passes and timers run; what is sent stays in transit. */
  advance(ms: number): void {
    this.#pass(ms, () => {});
  }

  /** Time passes and timers run; every message arrives at once. */
  run(ms: number): void {
    this.#pass(ms, () => this.deliverAll());
  }

  /** Lets time pass until something is so. Throws when it is not within `maxMs`. */
  runUntil(condition: () => boolean, maxMs = 20 * ELECTION_TIMEOUT_MS): void {
    const endMs = this.nowMs + maxMs;
    while (!condition()) {
      if (this.nowMs >= endMs) throw new Error(`waited ${maxMs} ms in vain for: ${condition}`);
      this.run(1);
    }
  }

  /** Delivers what is in transit and matches, in the order in which it was sent, but not the answers. */
  deliver(filter: Filter = {}): void {
    const delivered = this.drop(filter);
    for (const message of delivered) this.#arrive(message);
  }

  /** Delivers everything, answers included, until nothing is in transit. */
  deliverAll(): void {
    for (let count = 0; count < MAX_DELIVERIES; count += 1) {
      const message = this.#inTransit.shift();
      if (message === undefined) return;
      this.#arrive(message);
    }
    throw new Error(`there is no end to the messages: ${MAX_DELIVERIES} were delivered`);
  }

  /** Loses what is in transit and matches, and returns it. */
  drop(filter: Filter = {}): readonly Message[] {
    const dropped = this.inTransit(filter);
    this.#inTransit = this.#inTransit.filter((message) => !matches(message, filter));
    return dropped;
  }

  /** Puts messages into transit, after the others: such as were dropped, or sent by nobody. */
  inject(...messages: readonly Message[]): void {
    this.#inTransit.push(...messages);
  }

  /** Loses all messages between two servers from now on, in both directions. */
  cut(a: ServerId, b: ServerId): void {
    this.#cuts.add(`${a}>${b}`).add(`${b}>${a}`);
  }

  /** Loses all messages from one server to another from now on, but not those of the other direction. */
  cutOneWay(from: ServerId, to: ServerId): void {
    this.#cuts.add(`${from}>${to}`);
  }

  /** Cuts a server off from all others. */
  isolate(id: ServerId): void {
    for (const { id: other } of this.servers) this.cut(id, other);
  }

  /** Cuts the group in two: these servers, and the others. */
  partition(side: readonly ServerId[]): void {
    for (const id of side) {
      for (const { id: other } of this.servers) if (!side.includes(other)) this.cut(id, other);
    }
  }

  /** Mends all that was cut. */
  heal(): void {
    this.#cuts.clear();
  }

  #arrive(message: Message): void {
    const receiver = this.#servers.find(({ id }) => id === message.to);
    const isLost = this.#cuts.has(`${message.from}>${message.to}`) || receiver?.isUp !== true;
    if (!isLost) this.#turn(message.to, (raft, nowMs) => raft.step(message, nowMs));
  }

  #pass(ms: number, afterEach: () => void): void {
    const endMs = this.nowMs + ms;
    while (this.nowMs < endMs) {
      this.#clock.nowMs = Math.min(endMs, this.nowMs + 1);
      for (const { id, isUp } of this.servers) if (isUp) this.tick(id);
      afterEach();
    }
  }

  #others(id: ServerId, action: (other: ServerId) => void): void {
    for (const other of this.servers) if (other.id !== id && other.isUp) action(other.id);
  }

  #turn(id: ServerId, event: (raft: Raft, nowMs: number) => void): void {
    this.#send(this.server(id).turn(event));
  }

  #send(messages: readonly Message[]): void {
    this.#inTransit.push(...messages);
    this.#sent.push(...messages);
  }
}
