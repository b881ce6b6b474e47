/**
 * One server: everything that happens in its thread, in turns of the event loop.
 *
 * Whatever arrives (messages of other servers, client traffic, the end of a disk write, a timer) only asks for a turn.
 * A turn takes all that has arrived, feeds it to the consensus core, and does what the core asks for: write, send,
 * apply, answer. So all requests that came in since the last turn share its work: one log entry, one disk write, one
 * message per peer, one batch of replies.
 *
 * A turn runs in the event loop's check phase, after all ports were read: a server that was stalled sees what came in
 * the meantime before it looks at its timers, and does not campaign against a leader whose heartbeats are waiting.
 */

import type { Port } from '../channel/port.js';
import type { PortChannel } from '../channel/port-channel.js';
import { type Environment, sleep } from '../environment.js';
import { LOG_ORIGIN } from '../raft/log.js';
import { Raft } from '../raft/raft.js';
import type { ServerId, SnapshotMeta } from '../raft/types.js';
import type { Storage } from '../storage/storage.js';
import { isLookup } from '../wire/client-frames.js';
import type { LinkFault, ServerEvent } from '../wire/control.js';
import { AppliedState } from './applied-state.js';
import { Applier } from './applying.js';
import { sendBackup } from './backup-sender.js';
import { Clients } from './clients/clients.js';
import { ReplyFrames } from './clients/reply-frames.js';
import { Disk } from './disk.js';
import { DiskHealth } from './disk-health.js';
import { MemberChanges } from './member-changes.js';
import { MessageSampler } from './observation.js';
import { type PeerEvents, Peers } from './peers.js';
import { RoleReports } from './role-reports.js';
import { ServerMetrics } from './server-metrics.js';
import type { ServerOptions } from './server-options.js';
import { ServerView } from './server-view.js';
import { Snapshots, snapshotOffsetOf } from './snapshots.js';
import { TurnMeter } from './turn-meter.js';
import { TurnTimer } from './turn-timer.js';

export class Server {
  readonly #id: ServerId;
  readonly #environment: Environment;
  readonly #metrics = new ServerMetrics();
  readonly #raft: Raft;
  readonly memberChanges: MemberChanges;
  readonly #state: AppliedState;
  readonly #clients: Clients;
  readonly #replies: ReplyFrames;
  readonly #applier: Applier;
  readonly #peers: Peers;
  readonly #peerEvents: PeerEvents = {
    onMessage: (message) => this.#raft.step(message, this.#environment.nowMs()),
    onLinkClosed: (peer) => this.#raft.linkClosed(peer, this.#environment.nowMs()),
  };
  readonly #disk: Disk;
  readonly #diskHealth: DiskHealth;
  readonly #storage: Storage;
  readonly #snapshots: Snapshots;
  readonly #roleReports: RoleReports;
  /** How it looks from outside. */
  readonly view: ServerView;
  readonly #traffic: PortChannel<Uint8Array>;
  readonly #timer: TurnTimer;
  readonly #onEvent: (event: ServerEvent) => void;
  readonly #onFailure: (error: unknown) => void;
  /** How long turns take, and what the long ones do. */
  readonly turns = new TurnMeter(this.#metrics);
  #isTurnDue = false;
  /** Client traffic that was received and is heard in the next turn. */
  #firstBatch: Uint8Array | undefined;
  #phase: 'running' | 'draining' | 'stopped' = 'running';
  /** Whether all that is committed was applied once. Before that no snapshot is taken, which would only delay it. */
  #hasCaughtUp = false;

  constructor({
    environment,
    logTime,
    raft,
    storage,
    store,
    snapshotLogBytes,
    traffic,
    addresses,
    sessionName,
    onEvent,
    onFailure,
  }: ServerOptions) {
    const { recovered } = storage;
    this.#environment = environment;
    this.#id = raft.id;
    this.#storage = storage;
    this.#traffic = traffic;
    this.#onEvent = onEvent;
    this.#onFailure = onFailure;
    this.#timer = new TurnTimer(environment, this.#metrics, () => this.#requestTurn());
    this.#raft = new Raft(
      raft,
      {
        random: () => environment.random(),
        trace: (trace) => onEvent({ type: 'election', trace }),
      },
      recovered,
      environment.nowMs(),
    );
    this.memberChanges = new MemberChanges(this.#raft, environment, () => this.#requestTurn());
    this.#state = new AppliedState(store, recovered.snapshot ?? LOG_ORIGIN);
    this.#replies = new ReplyFrames(traffic.sender, () => this.#requestTurn());
    this.#snapshots = new Snapshots({
      environment,
      raft: this.#raft,
      storage,
      offset: snapshotOffsetOf(raft.id),
      logBytes: snapshotLogBytes,
      metrics: this.#metrics,
      onEvent,
      onFailure: (error) => this.#fail(error),
    });
    this.#clients = new Clients({
      environment,
      logTime,
      raft: this.#raft,
      state: this.#state,
      replies: this.#replies,
      addresses,
      isUp: (id) => id === raft.id || this.#peers.isLinked(id),
      serverId: raft.id,
      metrics: this.#metrics,
      sessionName,
      onSubscribersClosed: (count) => onEvent({ type: 'subscribers-closed', count }),
    });
    const { groups, proposals, answerer } = this.#clients;
    this.#applier = new Applier({
      environment,
      logTime,
      storage,
      state: this.#state,
      groups,
      proposals,
      answerer,
      metrics: this.#metrics,
      onApplied: (entry) => this.#snapshots.applied(entry),
      onInstalled: (snapshot, tookMs) => this.#installed(snapshot, tookMs),
      onFailure: (error) => this.#fail(error),
    });
    const sampler = new MessageSampler(environment);
    this.#peers = new Peers({
      environment,
      metrics: this.#metrics,
      sampler,
      onActivity: () => this.#requestTurn(),
    });
    this.#disk = new Disk({
      environment,
      storage,
      metrics: this.#metrics,
      onPersisted: (sequence) => {
        this.#raft.persisted(sequence, environment.nowMs());
        this.#snapshots.persisted();
        this.#requestTurn();
      },
      onEntriesRead: (readId, entries) => {
        this.#raft.entriesRead(readId, entries, environment.nowMs());
        this.#requestTurn();
      },
      onSnapshotRead: (readId, data) => {
        this.#raft.snapshotRead(readId, data, environment.nowMs());
        this.#requestTurn();
      },
      onFailed: (error) => this.#fail(error),
    });
    this.#diskHealth = new DiskHealth({
      environment,
      storage,
      disk: this.#disk,
      stalledAfterMs: raft.electionTimeoutMs,
      onActivity: () => this.#requestTurn(),
      onChange: (condition) => onEvent({ type: 'disk', condition }),
    });
    const reported = { raft: this.#raft, state: this.#state, metrics: this.#metrics };
    this.#roleReports = new RoleReports({ ...reported, onEvent });
    this.view = new ServerView({
      environment,
      id: raft.id,
      raft: this.#raft,
      state: this.#state,
      clients: this.#clients,
      traffic,
      peers: this.#peers,
      replies: this.#replies,
      diskHealth: this.#diskHealth,
      sampler,
      metrics: this.#metrics,
    });
    traffic.receiver.watch(() => this.#onTraffic());
    this.#requestTurn();
  }

  /** The consensus core, for those who check its invariants from outside. */
  get raft(): Raft {
    return this.#raft;
  }

  /** The replicated state, and up to where it was applied, for those who check its invariants from outside. */
  get applied(): AppliedState {
    return this.#state;
  }

  /** Whether it has stopped, or failed: it answers nobody and takes part in nothing any more. */
  get hasStopped(): boolean {
    return this.#phase === 'stopped';
  }

  connect(peer: ServerId, port: Port): void {
    this.#orFail(() => {
      this.#peers.connect(peer, port, this.#peerEvents);
      this.#raft.linkOpened(peer, this.#environment.nowMs());
    });
    this.#requestTurn();
  }

  /** The peer serves nobody any more, whether or not its thread has ended yet. */
  disconnect(peer: ServerId): void {
    this.#peers.disconnect(peer);
    this.#requestTurn();
  }

  setLinkFault(peer: ServerId, fault: LinkFault): void {
    this.#peers.setFault(peer, fault);
  }

  /** Throws TransferError when this server does not lead `target`. */
  transferLeadership(target: ServerId): void {
    this.#raft.transferLeadership(target, this.#environment.nowMs());
    this.#requestTurn();
  }

  /**
   * Sends a snapshot of the state as it is now through the port, and then closes the port. Resolves once it has begun;
   * rejects with NotLeadingError.
   */
  backup(port: Port): Promise<void> {
    return sendBackup(port, {
      environment: this.#environment,
      serverId: this.#id,
      raft: this.#raft,
      clients: this.#clients,
      state: this.#state,
    });
  }

  /**
   * Stops taking commands, answers what is pending as far as that takes no longer than `timeoutMs`, and closes links
   * and disk, in this order: a closed link tells the others that this server does not serve any more.
   */
  async stop(timeoutMs: number): Promise<void> {
    if (this.#phase !== 'running') return;
    this.#phase = 'draining';
    this.#clients.stop();
    this.#diskHealth.serverStops();
    this.#requestTurn();
    const deadlineMs = this.#environment.nowMs() + timeoutMs;
    while (
      this.#clients.pendingCount > 0 &&
      this.#environment.nowMs() < deadlineMs &&
      this.#isIn('draining')
    ) {
      await sleep(this.#environment, 1);
    }
    if (!this.#isIn('draining')) return;
    this.#halt();
    await this.#diskHealth.untilClosed(this.#storage.close());
  }

  #isIn(phase: 'running' | 'draining' | 'stopped'): boolean {
    return this.#phase === phase;
  }

  #requestTurn(): void {
    if (this.#isTurnDue || this.#phase === 'stopped') return;
    this.#isTurnDue = true;
    this.#environment.atEndOfTurn(() => {
      this.#isTurnDue = false;
      if (this.#phase !== 'stopped') this.#orFail(() => this.#turn());
    });
  }

  #orFail(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#fail(error);
    }
  }

  #turn(): void {
    this.turns.begin(this.#environment.nowMs());
    this.#peers.receive(this.#peerEvents);
    this.#raft.tick(this.#environment.nowMs());
    this.#reportRole();
    // A follower's answers to its leader do not wait until its own clients are served.
    const isLeading = this.#raft.role === 'leader';
    if (!isLeading) this.#doOutput();
    this.#hearClients();
    this.#clients.serve(this.#environment.nowMs(), { isDiskBusy: this.#disk.isBusy });
    if (isLeading || this.#raft.mustAskLeader) this.#doOutput();
    this.#replies.flush();
    this.#diskHealth.report();
    if (this.#clients.isDue || this.#applier.isDue) this.#requestTurn();
    this.#timer.callBy(
      Math.min(this.#raft.deadlineMs, this.#clients.deadlineMs, this.#diskHealth.deadlineMs),
    );
    this.turns.end(this.#environment.nowMs());
  }

  /** Reports a change of role, term or leader; what was pending at a leader that is deposed fails. */
  #reportRole(): void {
    if (!this.#roleReports.reportRole().hasLostLeadership) return;
    // What was committed while it led, and the last turn had no time for, is answered: it would have an unknown outcome.
    if (this.#applier.isDue) this.#applier.advance([], [], this.#environment.nowMs());
    this.#clients.leadershipLost();
  }

  /** A lookup that comes while no turn is due is answered without one; all other traffic waits for the turn. */
  #onTraffic(): void {
    if (!this.#isTurnDue && this.#phase === 'running') {
      const got = this.#traffic.receiver.tryReceive();
      if (got?.ok === true && isLookup(got.value)) {
        this.#metrics.clientBytes += got.value.byteLength;
        this.#orFail(() => this.#clients.lookups.answerAlone(got.value, this.#environment.nowMs()));
        return;
      }
      this.#firstBatch = got?.value;
    }
    this.#requestTurn();
  }

  #hearClients(): void {
    if (this.#phase !== 'running') return;
    let batch = this.#firstBatch ?? this.#traffic.receiver.tryReceive()?.value;
    this.#firstBatch = undefined;
    for (; batch !== undefined; batch = this.#traffic.receiver.tryReceive()?.value) {
      this.#metrics.clientBytes += batch.byteLength;
      this.#clients.receive(batch, this.#environment.nowMs());
    }
  }

  /** Has the core send what is due, and does what it asks for: writes, sends, applies and answers. */
  #doOutput(): void {
    this.#raft.sendDue();
    const output = this.#raft.takeOutput();
    const { persist, messages, installedSnapshot, committed } = output;
    const { confirmedReads, failedReads } = this.memberChanges.takeReads(output);
    this.#disk.write(persist);
    for (const read of output.logReads) this.#disk.readEntries(read);
    for (const read of output.snapshotReads) this.#disk.readSnapshot(read);
    this.#peers.send(messages);
    if (output.changeOutcome !== undefined) this.memberChanges.settle(output.changeOutcome);
    if (installedSnapshot !== undefined) {
      this.#snapshots.abort();
      this.#applier.install(installedSnapshot);
    }
    if (failedReads.length > 0) this.#clients.readsFailed();
    this.#applier.advance(committed, confirmedReads, this.#environment.nowMs());
    this.#clients.listeners.tell(this.#environment.nowMs(), { isAtEntry: this.#applier.isAtEntry });
    this.#roleReports.reportServing();
    this.#hasCaughtUp ||= this.#state.position.index >= this.#raft.commitIndex;
    if (this.#hasCaughtUp && this.#applier.isAtEntry)
      this.#snapshots.takeIfDue(this.#state.store, this.#state.position);
  }

  #installed({ index, byteLength }: SnapshotMeta, tookMs: number): void {
    this.#metrics.snapshot('installed', byteLength, tookMs);
    this.#onEvent({ type: 'installed', index, byteLength, tookMs });
    this.#requestTurn();
  }

  #halt(): void {
    this.#phase = 'stopped';
    this.#timer.cancel();
    this.#disk.stop();
    this.#diskHealth.stop();
    this.#applier.stop();
    this.#snapshots.abort();
    this.#replies.flush();
    this.#peers.close();
    this.#traffic.close();
  }

  #fail(error: unknown): void {
    if (this.#phase === 'stopped') return;
    this.#onEvent({ type: 'failing', status: this.view.status });
    this.#halt();
    const tell = () => this.#onFailure(error);
    this.#diskHealth.untilClosed(this.#storage.close()).then(tell, tell);
  }
}
