/**
 * The clients' side of a server: takes commands from connections, and sends each where it is answered.
 *
 * The leader puts writes into the log, many to an entry ({@link Proposals}), and answers reads from its state as soon as
 * that is safe ({@link Reads}); what waits is answered when it is applied (applying.ts). Any other server sends a client
 * on to the leader, or lets it wait until one is known; clients of the router it sends back.
 */

import type { Environment } from '../../environment.js';
import type { LogTime } from '../../log-time.js';
import type { Reply } from '../../protocol/reply.js';
import type { ServerId, SlotId, Term } from '../../raft/types.js';
import { QUORUM_WAIT_MS } from '../../time-limits.js';
import { readClientFrames } from '../../wire/client-frames.js';
import type { ClientAddress } from '../../wire/control.js';
import type { AppliedState } from '../applied-state.js';
import type { Consensus } from '../consensus.js';
import type { ServerMetrics } from '../server-metrics.js';
import { AddressBook } from './address-book.js';
import { Answerer } from './answering.js';
import type { ClientConnection, PendingCommand } from './client-connection.js';
import { ClientConnections } from './client-connections.js';
import type { CommandPath } from './command-path.js';
import { CostlyReads } from './costly-reads.js';
import { FairQueue, Quantum } from './fair-queue.js';
import { InFlight } from './in-flight.js';
import { LeaderCommands, type LeaderCommandsOptions } from './leader-commands.js';
import { LeaderlessClients } from './leaderless-clients.js';
import { Listeners } from './listeners.js';
import { Lookups } from './lookups.js';
import { Monitors } from './monitors.js';
import { Pause } from './pause.js';
import { PendingGroups } from './pending-groups.js';
import { PlainGets } from './plain-gets.js';
import { Proposals } from './proposals.js';
import { Questions } from './questions.js';
import { Reads } from './reads.js';
import { ReplicaReads } from './replica-reads.js';
import type { ReplyFrames } from './reply-frames.js';
import { Walks } from './walks.js';
import type { WatchersOptions } from './watches/watchers.js';
import { WorkTurns } from './work-turns.js';

export interface ClientsOptions {
  readonly environment: Pick<Environment, 'nowMs' | 'process'>;
  readonly logTime: LogTime;
  readonly raft: Consensus;
  readonly state: AppliedState;
  readonly replies: ReplyFrames;
  /** Where the clients of each slot connect. */
  readonly addresses: ReadonlyMap<SlotId, ClientAddress>;
  /** Whether that server serves, as far as this server knows; the two may be the same. */
  readonly isUp: (serverId: ServerId) => boolean;
  readonly serverId: ServerId;
  readonly metrics: ServerMetrics;
  /** What the ids of all sessions contain that this cluster opens. */
  readonly sessionName: string;
  /** Where those who watch are told of changes from, if it is not the state. */
  readonly watched?: Pick<WatchersOptions, 'changes' | 'raft'>;
  /** The way that commands go here: that of a leader unless told. */
  readonly newPath?: (parts: LeaderCommandsOptions) => CommandPath;
  /** So many subscribers were closed because they did not read. */
  readonly onSubscribersClosed: (count: number) => void;
}

export class Clients {
  readonly #raft: Consensus;
  readonly #logTime: LogTime;
  readonly #replies: ReplyFrames;
  /** These are what the {@link Applier} shares with this class, and who is told what it applies. */
  readonly groups = new PendingGroups();
  readonly proposals: Proposals;
  readonly answerer: Answerer;
  readonly reads: Reads;
  readonly #pause = new Pause();
  readonly #monitors: Monitors;
  readonly #questions: Questions;
  readonly #costlyReads: CostlyReads;
  readonly #walks: Walks;
  readonly listeners: Listeners;
  readonly #turns = new WorkTurns((command) => this.#retake(command));
  readonly #path: CommandPath;
  readonly #replicaReads: ReplicaReads;
  readonly #inFlight: InFlight;
  readonly #queue: FairQueue;
  readonly #plainGets: PlainGets;
  readonly lookups: Lookups;
  readonly #leaderless = new LeaderlessClients();
  readonly #connections: ClientConnections;
  /** The term in which this server led last; 0 when it never did. */
  #ledTerm: Term = 0;
  #nowMs = 0;

  constructor(options: ClientsOptions) {
    const { environment, logTime, raft, state, replies, metrics, sessionName, onSubscribersClosed } = options;
    const { groups } = this;
    const common = { environment, logTime, raft, state, groups, replies, metrics, onSubscribersClosed };
    this.#raft = raft;
    this.#logTime = logTime;
    this.#replies = replies;
    this.proposals = new Proposals({ ...common, sessionName });
    this.reads = new Reads({ ...common, proposals: this.proposals });
    this.#walks = new Walks({
      state,
      metrics,
      answer: (command, value) => this.answerer.read(command, value),
      retake: (command) => this.#retake(command),
    });
    this.listeners = new Listeners({
      ...common,
      ...(options.watched ?? { changes: state }),
      close: (client) => this.#connections.close(client),
    });
    this.#costlyReads = new CostlyReads({
      environment,
      state,
      execute: (command) => this.answerer.executeCostly(command),
    });
    this.#inFlight = new InFlight(() => this.#path, replies);
    this.#queue = new FairQueue(this.#inFlight);
    this.#plainGets = new PlainGets({ ...common, queue: this.#queue });
    this.lookups = new Lookups({
      ...common,
      reads: this.reads,
      inFlight: this.#inFlight,
      mayAnswerGets: this.#mayAnswerGets,
    });
    this.#monitors = new Monitors(replies);
    this.#connections = new ClientConnections({
      replies,
      proposals: this.proposals,
      queue: this.#queue,
      leaderless: this.#leaderless,
      monitors: this.#monitors,
      onDrop: (client) => {
        this.#replies.forget(client);
        this.listeners.end(client);
        for (const command of this.#pause.forget(client)) this.answerer.endIfGone(command);
        this.#turns.forget(client);
        this.#questions.forget(client);
      },
    });
    this.#questions = new Questions({
      replies,
      connections: this.#connections,
      pause: this.#pause,
      hasPendingWrite: () => this.#path.hasPendingWrite,
      configure: (args) => this.answerer.contexts.configure(args),
    });
    this.answerer = new Answerer({
      ...common,
      connections: this.#connections,
      queue: this.#queue,
      inFlight: this.#inFlight,
      costlyReads: this.#costlyReads,
      walks: this.#walks,
      listeners: this.listeners,
      turns: this.#turns,
      questions: this.#questions,
      monitors: this.#monitors,
      serverId: options.serverId,
      addressBook: new AddressBook(options),
    });
    const parts = { ...common, walks: this.#walks, turns: this.#turns, answerer: this.answerer };
    const newPath = options.newPath ?? ((all) => new LeaderCommands(all));
    this.#path = newPath({ ...parts, proposals: this.proposals, reads: this.reads, pause: this.#pause });
    this.#replicaReads = new ReplicaReads(parts);
  }

  /** Commands that were taken and are not answered. */
  get pendingCount(): number {
    return (
      this.#inFlight.commandCount +
      this.#walks.count +
      this.#turns.count +
      this.#costlyReads.count +
      this.#replies.unfinishedCount
    );
  }

  /** Whether {@link serve} has something to do at once. */
  get isDue(): boolean {
    return (
      this.#costlyReads.count > 0 ||
      this.#queue.isDue ||
      this.#walks.isDue ||
      this.listeners.isDue ||
      (this.#turns.isDue && this.#inFlight.hasRoom) ||
      this.#questions.isDue ||
      this.proposals.isDue ||
      this.#replies.isDue
    );
  }

  /** When {@link serve} has something to do next, in ms of the clock it is given. */
  get deadlineMs(): number {
    const { groups, proposals } = this;
    return Math.min(
      Math.min(groups.waitingSinceMs ?? Infinity, proposals.waitingSinceMs ?? Infinity) + QUORUM_WAIT_MS,
      this.#leaderless.deadlineMs,
      this.#connections.halfSent.deadlineMs,
      this.#pause.deadlineMs,
      this.listeners.deadlineMs,
      proposals.deadlineMs(this.#nowMs),
    );
  }

  /**
   * A batch of client traffic has arrived before `nowMs`: the clock must be read after the batch was taken, since a
   * lease that is still good then covers every read in it.
   */
  receive(batch: Uint8Array, nowMs: number): void {
    this.#prepare(nowMs);
    const isLate = this.#inFlight.isLate(nowMs);
    for (const frame of readClientFrames(batch)) {
      if (frame.type === 'open') {
        this.#resume(this.#connections.open(frame, nowMs));
        continue;
      }
      if (frame.type === 'question') {
        this.#questions.answer(frame, nowMs);
        continue;
      }
      if (frame.type === 'lookup') {
        this.lookups.answer(frame, nowMs, { isLate });
        continue;
      }
      const client = this.#connections.get(frame.assignment);
      if (client === undefined) continue;
      switch (frame.type) {
        case 'data':
          this.proposals.cameBack(client);
          this.#connections.receivedBytes += frame.bytes.length;
          client.receivedBytes += frame.bytes.length;
          client.parser.push(frame.bytes);
          break;
        case 'drained':
          client.addUnread(-frame.byteCount);
          break;
        case 'end':
          client.hasEnded = true;
          break;
        case 'all-answers':
          this.#questions.allAnswered(client, frame.answers);
          break;
        case 'close':
          this.#connections.drop(client);
          continue;
      }
      // A client that queues waits for its turn; any other is served at once, if there is time for that.
      if (isLate || this.#queue.has(client)) this.#queue.add(client);
      else this.#serve(client);
    }
  }

  /** Serves those who wait for a leader or for their turn, and proposes what has come together. */
  serve(nowMs: number, disk: { readonly isDiskBusy: boolean }): void {
    this.#prepare(nowMs);
    this.#path.expire(nowMs - QUORUM_WAIT_MS, nowMs, disk);
    for (const client of this.#leaderless.clients) this.#serve(client);
    this.#connections.closeHalfSent(nowMs);
    this.#inFlight.renewTime();
    for (const client of this.#replies.takeFinished()) if (!client.isGone) this.#queue.add(client);
    this.#queue.serve((client) => this.#serve(client));
    this.#inFlight.renewTime();
    if (this.#pause.isOn) this.#endPause(nowMs);
    this.#turns.work(nowMs, () => this.#inFlight.hasRoom);
    this.#costlyReads.work();
    this.#walks.work();
    this.#questions.work(nowMs);
    this.proposals.propose(nowMs, disk);
  }

  /** This server does not lead any more: nothing that is pending will be answered by applying it. */
  leadershipLost(): void {
    this.#path.leadershipLost();
    const proposed = this.groups.takeAll().flatMap((group) => group.commands);
    const unproposed = this.proposals.abandon();
    for (const command of proposed) this.#fail(command, { type: 'internal-error' });
    for (const command of [...unproposed, ...this.#pause.takeAll(), ...this.#turns.takeAll()])
      this.#fail(command, this.answerer.redirect(command.client) ?? { type: 'internal-error' });
    // Each of these is the last pending command of its client.
    for (const command of [...this.#walks.takeAll(), ...this.#costlyReads.takeAll()])
      this.#fail(command, { type: 'internal-error' });
    this.#connections.queueStopped();
  }

  /** The leader that was asked about reads answers no more. */
  readsFailed(): void {
    this.#replicaReads.mustAskAnew = true;
  }

  /** Takes no more commands, and answers the commands that were taken. */
  stop(): void {
    this.#inFlight.close();
  }

  #prepare(nowMs: number): void {
    const raft = this.#raft;
    this.#nowMs = nowMs;
    this.reads.prepare(nowMs);
    if (raft.role === 'leader') {
      this.#ledTerm = raft.currentTerm;
      for (const command of this.#replicaReads.takeOver()) this.#path.take(command, this.#nowMs);
    } else this.#replicaReads.askAnew(nowMs);
  }

  /** The command has waited, and goes the way of those that were just taken. */
  #retake(command: PendingCommand): void {
    if (this.#raft.role === 'leader') this.#path.take(command, this.#nowMs);
    else this.#replicaReads.take(command);
  }

  /** Goes on with the watch that the client had at another server, if it had one. */
  #resume(client: ClientConnection): void {
    this.listeners.open(client, this.#nowMs);
    const command = client.resume(this.#nowMs);
    if (command === undefined) return;
    if (this.#raft.role === 'leader') this.#path.take(command, this.#nowMs);
    else this.#fail(command, { type: 'no-leader' });
  }

  /** Takes what may be taken from the client's stream. */
  #serve(client: ClientConnection): void {
    this.#leaderless.remove(client);
    this.#queue.remove(client);
    client.isStopped = false;
    if (this.#raft.role === 'leader') this.#serveAsLeader(client);
    else if (client.routed) this.#connections.refuse(client, this.#ledTerm);
    else this.#serveElsewhere(client);
    if (client.isGone || client.pendingCount > 0) return;
    if (client.parser.consumed > client.answeredOffset) {
      this.#replies.answer(client, undefined, client.parser.consumed, client.parser.checkpoint());
    }
    if (client.isStopped || this.#queue.has(client) || this.#leaderless.has(client)) return;
    this.#connections.settle(client, this.#nowMs);
  }

  #serveAsLeader(client: ClientConnection): void {
    client.leaderlessSinceMs = undefined;
    const quantum = new Quantum(client);
    const isWaiting = client.isRepeating || client.pendingCount > 0;
    if (client.redis !== undefined && !isWaiting && this.#mayAnswerGets())
      this.#plainGets.answer(client, client.redis, quantum, this.#nowMs);
    this.#queue.take(client, quantum, this.#nowMs, (command) => {
      if (this.#monitors.isOn) this.#monitors.tell(command, this.#logTime.nowMs());
      this.#path.take(command, this.#nowMs);
    });
  }

  /** Whether GETs that wait for no command of their own need not wait for anything. */
  readonly #mayAnswerGets = (): boolean =>
    this.reads.areFree && !this.#pause.holdsReads && !this.#monitors.isOn;

  /** What has waited for the end of a pause goes on, if that has come. */
  #endPause(nowMs: number): void {
    for (const command of this.#pause.takeOver(nowMs)) {
      this.#retake(command);
      this.#queue.add(command.client);
    }
  }

  /**
   * Sends every command on to the leader, but for reads that a client wants to have answered here, and what comes before the
   * password. While no leader is known the commands of the text protocol wait, for a limited time.
   */
  #serveElsewhere(client: ClientConnection): void {
    if (client.redis !== undefined) {
      // These clients wait and ask again by themselves.
      this.#queue.take(client, new Quantum(client), this.#nowMs, (command) =>
        this.#replicaReads.take(command),
      );
      return;
    }
    const redirect = this.answerer.redirect(client);
    if (redirect === undefined && client.parser.halfStart !== undefined) {
      if (client.guarded?.isLocked !== true && this.#leaderless.add(client, this.#nowMs)) return;
      this.#answerUnexecuted(client, { type: 'no-leader' });
      // What is left of them has waited as long.
      if (this.#queue.has(client) || client.isStopped) return;
    }
    client.leaderlessSinceMs = undefined;
    if (redirect !== undefined) this.#answerUnexecuted(client, redirect);
  }

  #answerUnexecuted(client: ClientConnection, outcome: Reply): void {
    this.#queue.take(client, new Quantum(client), this.#nowMs, (command) => {
      // Any server tells watchers, and answers in their order what comes meanwhile.
      if (command.request.type === 'watch' || client.pendingCount > 1) this.#replicaReads.take(command);
      else this.answerer.unexecuted(command, outcome);
    });
  }

  /** The command will not be answered by applying it. The router hears that once for all commands of a client. */
  #fail(command: PendingCommand, outcome: Reply): void {
    const { client } = command;
    if (!client.routed) this.answerer.unexecuted(command, outcome);
    else if (!client.isGone) this.#connections.refuse(client, this.#ledTerm);
  }
}
