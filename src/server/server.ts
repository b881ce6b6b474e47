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
import { openChannel, type PortChannel } from '../channel/port-channel.js';
import { type Environment, sleep, type Timer } from '../environment.js';
import { LEADER_WAIT_MS } from '../limits.js';
import { LOG_ORIGIN } from '../raft/log.js';
import { Raft } from '../raft/raft.js';
import type { RaftOptions, ServerId, SnapshotMeta, Term } from '../raft/types.js';
import type { KeyValueStore } from '../state-machine/key-value-store.js';
import { SnapshotSource } from '../storage/snapshot-format.js';
import type { Storage } from '../storage/storage.js';
import type {
  ClientAddress,
  LinkFault,
  ServerEvent,
  ServerMeasurements,
  ServerObservation,
  ServerStatus,
} from '../wire/control.js';
import { Clients } from './clients/clients.js';
import { Replies } from './clients/replies.js';
import { Disk } from './disk.js';
import { ServerMetrics } from './metrics.js';
import { logTail, MessageSampler } from './observation.js';
import { Peers } from './peers.js';
import { restoreStore, Snapshots, sendSnapshot } from './snapshots.js';

export interface ServerOptions {
  readonly environment: Environment;
  readonly raft: RaftOptions;
  readonly storage: Storage;
  /** What the storage's newest snapshot holds. */
  readonly store: KeyValueStore;
  /** So many bytes of the log make a snapshot due. */
  readonly snapshotLogBytes: number;
  /** Client traffic, see gateway/frames.ts. */
  readonly traffic: PortChannel<Uint8Array>;
  /** Where the clients of each server connect, by server id. */
  readonly addresses: readonly ClientAddress[];
  readonly onEvent: (event: ServerEvent) => void;
  /** The disk failed or an invariant broke: the server has stopped and will do nothing more. */
  readonly onFailure: (error: unknown) => void;
}

/** Slices of a backup that wait to be taken. */
const BACKUP_CAPACITY = 16;

/** Another server leads, or none does. */
export class NotLeadingError extends Error {
  readonly code = 'NOT_LEADING';

  constructor(id: ServerId) {
    super(`server ${id} does not lead: try again`);
    this.name = 'NotLeadingError';
  }
}

export class Server {
  readonly #id: ServerId;
  readonly #environment: Environment;
  readonly #metrics = new ServerMetrics();
  readonly #sampler: MessageSampler;
  readonly #raft: Raft;
  readonly #clients: Clients;
  readonly #replies: Replies;
  readonly #peers: Peers;
  readonly #disk: Disk;
  readonly #storage: Storage;
  readonly #snapshots: Snapshots;
  readonly #traffic: PortChannel<Uint8Array>;
  readonly #onEvent: (event: ServerEvent) => void;
  readonly #onFailure: (error: unknown) => void;
  #timer: Timer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #isTurnDue = false;
  #phase: 'running' | 'draining' | 'stopped' = 'running';
  #ledTerm: Term | undefined;
  #reported: Extract<ServerEvent, { type: 'role' }> | undefined;
  #reportedServing: Term | undefined;
  /** The snapshot that the state machine is being restored from. */
  #restoring: SnapshotMeta | undefined;
  /** It has applied once all that was committed. Before, a snapshot would only take time away from that. */
  #hasCaughtUp = false;

  constructor({
    environment,
    raft,
    storage,
    store,
    snapshotLogBytes,
    traffic,
    addresses,
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
    this.#raft = new Raft(
      raft,
      { random: () => environment.random(), readSnapshot: storage.readSnapshot.bind(storage) },
      recovered,
      environment.nowMs(),
    );
    this.#replies = new Replies(traffic.sender, () => this.#requestTurn());
    this.#snapshots = new Snapshots({
      environment,
      raft: this.#raft,
      storage,
      offset: raft.id / raft.servers.length,
      logBytes: snapshotLogBytes,
      onTaken: ({ index, byteLength }, tookMs) => {
        this.#metrics.snapshot('taken', byteLength, tookMs);
        this.#onEvent({ type: 'snapshot', index, byteLength, tookMs });
      },
      onFailure: (error) => this.#fail(error),
    });
    this.#clients = new Clients({
      environment,
      raft: this.#raft,
      store,
      applied: recovered.snapshot ?? LOG_ORIGIN,
      onApplied: (entry) => this.#snapshots.applied(entry),
      replies: this.#replies,
      addresses,
      serverId: raft.id,
      metrics: this.#metrics,
    });
    this.#sampler = new MessageSampler(environment);
    this.#peers = new Peers({
      environment,
      metrics: this.#metrics,
      sampler: this.#sampler,
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
      onFailed: (error) => this.#fail(error),
    });
    traffic.receiver.watch(() => this.#requestTurn());
    this.#requestTurn();
  }

  get status(): ServerStatus {
    const { role, currentTerm: term, hardState, leader, commitIndex, lastLog, snapshotIndex } = this.#raft;
    return {
      id: this.#id,
      role,
      term,
      votedFor: hardState.votedFor ?? null,
      leader: leader ?? null,
      commitIndex,
      lastApplied: this.#clients.applied.index,
      lastIndex: lastLog.index,
      snapshotIndex,
    };
  }

  measure(): Omit<ServerMeasurements, 'thread'> {
    return {
      status: this.status,
      metrics: this.#metrics.read(),
      keys: this.#clients.store.size,
      pendingCommands: this.#clients.pendingCount,
      queues: {
        traffic: this.#traffic.receiver.buffered,
        peers: this.#peers.waiting,
        replies: this.#replies.waiting,
      },
    };
  }

  observe(): ServerObservation {
    const raft = this.#raft;
    const electionInMs =
      raft.role === 'leader' ? null : Math.max(0, raft.deadlineMs - this.#environment.nowMs());
    return {
      ...this.status,
      electionInMs,
      pendingCommands: this.#clients.pendingCount,
      log: logTail(raft),
      messages: this.#sampler.take(),
    };
  }

  connect(peer: ServerId, port: Port): void {
    this.#peers.connect(peer, port);
    this.#raft.linkOpened(peer, this.#environment.nowMs());
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
   * Sends a snapshot of the state as it is now through the port, which it closes behind it. Resolves once it has begun;
   * rejects with {@link NotLeadingError}.
   */
  async backup(port: Port): Promise<void> {
    const channel = openChannel<Uint8Array>(port, { capacity: BACKUP_CAPACITY });
    try {
      const giveUpAtMs = this.#environment.nowMs() + LEADER_WAIT_MS;
      while (!this.#clients.isCurrent(this.#environment.nowMs())) {
        if (this.#raft.role !== 'leader' || this.#environment.nowMs() > giveUpAtMs)
          throw new NotLeadingError(this.#id);
        await sleep(this.#environment, 1);
      }
    } catch (error) {
      channel.close();
      throw error;
    }
    // Fails when the other end closes: then nobody wants it any more.
    sendSnapshot(new SnapshotSource(this.#clients.store.image()), channel, this.#environment).catch(
      () => undefined,
    );
  }

  /**
   * Stops taking commands, answers what is pending as far as that takes no longer than `patienceMs`, and closes links
   * and disk, in this order: a closed link tells the others that this server does not serve any more.
   */
  async stop(patienceMs: number): Promise<void> {
    if (this.#phase !== 'running') return;
    this.#phase = 'draining';
    this.#clients.stop();
    const deadlineMs = this.#environment.nowMs() + patienceMs;
    while (!this.#clients.isIdle && this.#environment.nowMs() < deadlineMs && this.#isIn('draining')) {
      await sleep(this.#environment, 1);
    }
    if (!this.#isIn('draining')) return;
    this.#halt();
    await this.#storage.close();
  }

  #isIn(phase: 'running' | 'draining' | 'stopped'): boolean {
    return this.#phase === phase;
  }

  #requestTurn(): void {
    if (this.#isTurnDue || this.#phase === 'stopped') return;
    this.#isTurnDue = true;
    this.#environment.atEndOfTurn(() => {
      this.#isTurnDue = false;
      if (this.#phase === 'stopped') return;
      try {
        this.#turn();
      } catch (error) {
        this.#fail(error);
      }
    });
  }

  #turn(): void {
    this.#receiveFromPeers();
    this.#raft.tick(this.#environment.nowMs());
    this.#noticeRole();
    // What a server that does not lead owes the others has nothing to do with its own clients, and does not wait for them.
    const isLeading = this.#raft.role === 'leader';
    if (!isLeading) this.#doOutput();
    this.#clients.tick(this.#environment.nowMs());
    this.#receiveFromClients();
    this.#clients.serveBacklog(this.#environment.nowMs());
    if (isLeading) {
      this.#clients.proposeOpen({ isDiskBusy: this.#disk.isBusy });
      this.#doOutput();
      this.#noticeRole();
    }
    this.#replies.flush();
    this.#metrics.flushed(this.#environment.nowMs());
    if (this.#clients.isDue) this.#requestTurn();
    this.#setTimer();
  }

  #receiveFromPeers(): void {
    this.#peers.receive({
      onMessage: (message) => this.#raft.step(message, this.#environment.nowMs()),
      onLinkClosed: (peer) => this.#raft.linkClosed(peer, this.#environment.nowMs()),
    });
  }

  #receiveFromClients(): void {
    while (this.#phase === 'running') {
      const got = this.#traffic.receiver.tryReceive();
      if (got?.ok !== true) return;
      this.#clients.receive(got.value, this.#environment.nowMs());
    }
  }

  #doOutput(): void {
    const { persist, messages, installedSnapshot, committed, confirmedReads } = this.#raft.takeOutput();
    this.#disk.write(persist);
    this.#peers.send(messages);
    if (installedSnapshot !== undefined) this.#restore(installedSnapshot);
    this.#clients.advance(committed, confirmedReads);
    this.#hasCaughtUp ||= this.#clients.applied.index >= this.#raft.commitIndex;
    if (this.#hasCaughtUp && this.#restoring === undefined)
      this.#snapshots.takeIfDue(this.#clients.store, this.#clients.applied);
  }

  /** Replaces the state machine by what is in a snapshot that the leader sent, a piece at a time. */
  #restore(snapshot: SnapshotMeta): void {
    const startMs = this.#environment.nowMs();
    this.#restoring = snapshot;
    this.#snapshots.abort();
    this.#clients.restoring();
    const isWanted = () => this.#restoring === snapshot && this.#phase !== 'stopped';
    restoreStore(this.#storage, this.#clients.store.hashSecret, isWanted).then(
      (store) => {
        if (!isWanted()) return;
        this.#restoring = undefined;
        this.#clients.restored(store, snapshot);
        const { index, byteLength } = snapshot;
        const tookMs = this.#environment.nowMs() - startMs;
        this.#metrics.snapshot('installed', byteLength, tookMs);
        this.#onEvent({ type: 'installed', index, byteLength, tookMs });
        this.#requestTurn();
      },
      (error: unknown) => this.#fail(error),
    );
  }

  /** Reports a change of role, term or leader; what was pending at a leader that is deposed fails. */
  #noticeRole(): void {
    const { role, currentTerm: term, leader } = this.#raft;
    if (this.#ledTerm !== undefined && (role !== 'leader' || term !== this.#ledTerm))
      this.#clients.leadershipLost();
    this.#ledTerm = role === 'leader' ? term : undefined;
    const event = { type: 'role', role, term, leader: leader ?? null } as const;
    const last = this.#reported;
    if (last?.role !== event.role || last.term !== event.term || last.leader !== event.leader) {
      this.#reported = event;
      if (event.leader !== null && event.leader !== last?.leader) this.#metrics.leaderChanges += 1;
      this.#onEvent(event);
    }
    if (!this.#raft.isServing || this.#reportedServing === term) return;
    // Nobody is answered before everything is applied that the leaders before it had committed.
    if (this.#clients.applied.index < this.#raft.commitIndex) return;
    this.#reportedServing = term;
    this.#onEvent({ type: 'serving', term });
  }

  /** One timer for whatever is due first. One that comes too early does no harm, so it is left alone. */
  #setTimer(): void {
    const dueMs = Math.min(this.#raft.deadlineMs, this.#clients.deadlineMs);
    if (this.#timerAtMs <= dueMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = dueMs;
    this.#timer = this.#environment.startTimer(
      () => {
        this.#metrics.loopLag.observeMs(this.#environment.nowMs() - dueMs);
        this.#timerAtMs = Number.POSITIVE_INFINITY;
        this.#requestTurn();
      },
      Math.max(0, dueMs - this.#environment.nowMs()),
    );
  }

  #halt(): void {
    this.#phase = 'stopped';
    this.#timer?.cancel();
    this.#disk.stop();
    this.#snapshots.abort();
    this.#replies.flush();
    this.#peers.close();
    this.#traffic.close();
  }

  #fail(error: unknown): void {
    if (this.#phase === 'stopped') return;
    this.#halt();
    this.#storage.close().then(
      () => this.#onFailure(error),
      () => this.#onFailure(error),
    );
  }
}
