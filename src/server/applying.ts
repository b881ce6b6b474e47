/**
 * Applies committed entries to the replicated state, and answers the commands that waited for that, in order.
 *
 * It owns the state: nothing else changes it. A snapshot from the leader replaces the state a piece at a time, and
 * entries wait meanwhile.
 */

import type { Environment } from '../environment.js';
import { MAX_APPLIED_BYTES_PER_TURN } from '../limits.js';
import { isWrite } from '../protocol/request.js';
import type { ConfirmedRead, Entry, SnapshotMeta } from '../raft/types.js';
import type { KeyValueStore } from '../state-machine/key-value-store.js';
import type { Storage } from '../storage/storage.js';
import type { AppliedState } from './applied-state.js';
import type { Answers } from './clients/answers.js';
import type { PendingGroup, PendingGroups } from './clients/pending-groups.js';
import type { Proposals } from './clients/proposals.js';
import type { PendingCommand } from './clients/session.js';
import type { ServerMetrics } from './metrics.js';
import { restoreStore } from './restore-store.js';

export interface ApplierOptions {
  readonly environment: Environment;
  readonly storage: Pick<Storage, 'snapshotImage'>;
  readonly state: AppliedState;
  readonly groups: PendingGroups;
  readonly answers: Answers;
  readonly proposals: Proposals;
  readonly metrics: ServerMetrics;
  /** Told of each entry that was applied. */
  readonly onApplied: (entry: Entry) => void;
  /** The state is the one in this snapshot now, and entries after it can be applied. */
  readonly onInstalled: (snapshot: SnapshotMeta, tookMs: number) => void;
  /** The snapshot on disk cannot be read. */
  readonly onFailure: (error: unknown) => void;
}

export class Applier {
  readonly #environment: Environment;
  readonly #storage: Pick<Storage, 'snapshotImage'>;
  readonly #state: AppliedState;
  readonly #groups: PendingGroups;
  readonly #answers: Answers;
  readonly #proposals: Proposals;
  readonly #metrics: ServerMetrics;
  readonly #onApplied: ApplierOptions['onApplied'];
  readonly #onInstalled: ApplierOptions['onInstalled'];
  readonly #onFailure: ApplierOptions['onFailure'];
  /** Committed and not applied. */
  #committed: Entry[] = [];
  /** The snapshot that the state is being replaced by. */
  #installing: SnapshotMeta | undefined;
  #isDue = false;

  constructor(options: ApplierOptions) {
    this.#environment = options.environment;
    this.#storage = options.storage;
    this.#state = options.state;
    this.#groups = options.groups;
    this.#answers = options.answers;
    this.#proposals = options.proposals;
    this.#metrics = options.metrics;
    this.#onApplied = options.onApplied;
    this.#onInstalled = options.onInstalled;
    this.#onFailure = options.onFailure;
  }

  /** Whether entries were left for the next turn. */
  get isDue(): boolean {
    return this.#isDue;
  }

  /** Whether the state is being replaced by a snapshot. */
  get isInstalling(): boolean {
    return this.#installing !== undefined;
  }

  /**
   * Entries became committed and reads were confirmed: applies and answers as far as the gates of the pending groups are
   * open, and no more than one turn has time for. A server that has much to catch up with must not miss heartbeats.
   */
  advance(committed: readonly Entry[], confirmed: readonly ConfirmedRead[], nowMs: number): void {
    for (const entry of committed) this.#committed.push(entry);
    for (const { readId, index } of confirmed) this.#groups.confirmRead(readId, index);
    this.#isDue = false;
    if (this.#installing === undefined) this.#applyWhatIsDue(nowMs);
  }

  /** Replaces the state by the one in this snapshot of the leader, which the storage holds as its newest. */
  install(snapshot: SnapshotMeta): void {
    const startMs = this.#environment.nowMs();
    this.#installing = snapshot;
    const isWanted = () => this.#installing === snapshot;
    restoreStore(this.#storage, this.#state.store.hashSecret, isWanted).then(
      (store) => {
        if (isWanted()) this.#installed(store, snapshot, startMs);
      },
      (error: unknown) => this.#onFailure(error),
    );
  }

  /** The server has stopped: no snapshot is installed any more. */
  stop(): void {
    this.#installing = undefined;
  }

  #installed(store: KeyValueStore, snapshot: SnapshotMeta, startMs: number): void {
    this.#installing = undefined;
    this.#state.replace(store, snapshot);
    this.#answers.stateReplaced();
    this.#committed = this.#committed.filter(({ index }) => index > snapshot.index);
    this.#onInstalled(snapshot, this.#environment.nowMs() - startMs);
  }

  #applyWhatIsDue(nowMs: number): void {
    let applied = 0;
    let room = MAX_APPLIED_BYTES_PER_TURN;
    while (true) {
      const { first } = this.#groups;
      if (first?.gate.kind === 'read') {
        const { confirmedIndex } = first.gate;
        if (confirmedIndex === undefined) break;
        if (confirmedIndex <= this.#state.position.index) {
          for (const command of first.commands) this.#answers.fromState(command);
          this.#groups.removeFirst();
          continue;
        }
      }
      const entry = this.#committed[applied];
      if (entry === undefined) break;
      if (room <= 0) {
        this.#isDue = true;
        break;
      }
      applied += 1;
      room -= entry.payload.byteLength;
      this.#apply(entry, first, nowMs);
    }
    if (applied > 0) this.#committed = this.#committed.slice(applied);
  }

  #apply(entry: Entry, first: PendingGroup | undefined, nowMs: number): void {
    this.#onApplied(entry);
    if (first?.gate.kind !== 'entry' || first.gate.index !== entry.index) {
      this.#state.apply(entry);
      return;
    }
    this.#metrics.appendDuration.observeMs(nowMs - first.sinceMs);
    this.#proposals.applied(entry.index, nowMs);
    const { commands } = first;
    let next = this.#answerReads(commands, 0);
    this.#state.apply(entry, (result) => {
      const command = commands[next];
      if (command !== undefined) {
        this.#answers.write(command, result);
        this.#proposals.answered(command.session);
      }
      next = this.#answerReads(commands, next + 1);
    });
    this.#groups.removeFirst();
  }

  /** Answers the commands from place `from` on that write nothing; returns the place of the next write. */
  #answerReads(commands: readonly PendingCommand[], from: number): number {
    let next = from;
    for (; next < commands.length; next += 1) {
      const command = commands[next];
      if (command === undefined || isWrite(command.request)) break;
      this.#answers.fromState(command);
    }
    return next;
  }
}
