/**
 * Applies committed entries to the replicated state, and answers the commands that waited for that, in order.
 *
 * It owns the state: nothing else changes it. A snapshot from the leader replaces the state a piece at a time, and
 * entries wait meanwhile.
 */

import type { Environment } from '../environment.js';
import { APPLY_WORK_PER_TURN, MAX_APPLY_MS_PER_TURN } from '../limits.js';
import type { LogTime } from '../log-time.js';
import type { CommandResult } from '../protocol/command.js';
import { isWrite } from '../protocol/request.js';
import type { RespValue } from '../protocol/resp/value.js';
import type { ConfirmedRead, Entry, LogIndex, SnapshotMeta } from '../raft/types.js';
import type { KeyValueStore } from '../state-machine/key-value-store.js';
import { COMMAND_WORK, goOn, type Steps, UNITS_PER_MS, Work } from '../state-machine/work.js';
import type { Storage } from '../storage/storage.js';
import type { AppliedState } from './applied-state.js';
import type { Answerer } from './clients/answering.js';
import type { PendingCommand } from './clients/client-connection.js';
import type { PendingGroup, PendingGroups } from './clients/pending-groups.js';
import type { Proposals } from './clients/proposals.js';
import { restoreStore } from './restore-store.js';
import type { ServerMetrics } from './server-metrics.js';

export interface ApplierOptions {
  readonly environment: Environment;
  readonly logTime: LogTime;
  readonly storage: Pick<Storage, 'snapshotImage'>;
  readonly state: AppliedState;
  readonly groups: PendingGroups;
  readonly answerer: Answerer;
  readonly proposals: Proposals;
  readonly metrics: ServerMetrics;
  /** Told of each entry that was applied. */
  readonly onApplied: (entry: Entry) => void;
  /** The state is the one in this snapshot now, and entries after it can be applied. */
  readonly onInstalled: (snapshot: SnapshotMeta, tookMs: number) => void;
  /** The snapshot on disk cannot be read, or not be taken for the state. */
  readonly onFailure: (error: unknown) => void;
}

export class Applier {
  readonly #environment: Environment;
  readonly #logTime: LogTime;
  readonly #storage: Pick<Storage, 'snapshotImage'>;
  readonly #state: AppliedState;
  readonly #groups: PendingGroups;
  readonly #answerer: Answerer;
  readonly #proposals: Proposals;
  readonly #metrics: ServerMetrics;
  readonly #onApplied: ApplierOptions['onApplied'];
  readonly #onInstalled: ApplierOptions['onInstalled'];
  readonly #onFailure: ApplierOptions['onFailure'];
  /** Counts what is applied and answered. */
  readonly #work: Work;
  /** Committed and not applied. */
  #committed: Entry[] = [];
  /** The entry that is applied, and is not at its end. */
  #entry: Entry | undefined;
  /** The group that is answered: it waits for that entry, or for none. */
  #group: PendingGroup | undefined;
  /** How many commands of it are answered. */
  #answered = 0;
  /** A read that takes several turns. */
  #steps: Steps<RespValue> | undefined;
  /** The snapshot that the state is being replaced by. */
  #installing: SnapshotMeta | undefined;
  #isDue = false;

  constructor(options: ApplierOptions) {
    this.#environment = options.environment;
    this.#work = new Work(() => options.environment.nowMs());
    this.#logTime = options.logTime;
    this.#storage = options.storage;
    this.#state = options.state;
    this.#groups = options.groups;
    this.#answerer = options.answerer;
    this.#proposals = options.proposals;
    this.#metrics = options.metrics;
    this.#onApplied = options.onApplied;
    this.#onInstalled = options.onInstalled;
    this.#onFailure = options.onFailure;
    this.#moveLogTime();
  }

  /** Whether entries were left for the next turn. */
  get isDue(): boolean {
    return this.#isDue;
  }

  /** Whether the state is as of an entry: not within one, and not being replaced by a snapshot. */
  get isAtEntry(): boolean {
    return this.#installing === undefined && this.#entry === undefined;
  }

  /**
   * Entries became committed and reads were confirmed: applies and answers as far as the gates of the pending groups are
   * open, and no more than one turn has time for. A server that has much to apply must not miss heartbeats: it stops within
   * an entry, too, and then nobody sees the state before that is applied as a whole.
   */
  advance(committed: readonly Entry[], confirmed: readonly ConfirmedRead[], nowMs: number): void {
    for (const entry of committed) this.#committed.push(entry);
    for (const { readId, index } of confirmed) this.#groups.confirmRead(readId, index);
    this.#isDue = false;
    if (this.#installing === undefined) this.#applyWhatIsDue(nowMs);
    this.#metrics.appliedUnits = this.#work.units;
    this.#moveLogTime();
  }

  /** Replaces the state by the one in this snapshot of the leader, which the storage holds as its newest. */
  install(snapshot: SnapshotMeta): void {
    const startMs = this.#environment.nowMs();
    this.#installing = snapshot;
    const isWanted = () => this.#installing === snapshot;
    restoreStore(this.#storage, this.#state.store, isWanted)
      .then(
        (store) => {
          if (isWanted()) this.#installed(store, snapshot, startMs);
        },
        (error: unknown) => {
          // The file of a snapshot that is no longer the newest may be gone.
          if (isWanted()) this.#onFailure(error);
        },
      )
      .catch(this.#onFailure);
  }

  /** The server has stopped: no snapshot is installed any more. */
  stop(): void {
    this.#installing = undefined;
  }

  #installed(store: KeyValueStore, snapshot: SnapshotMeta, startMs: number): void {
    this.#installing = undefined;
    this.#entry = undefined;
    this.#enter(undefined);
    this.#state.replace(store, snapshot);
    this.#moveLogTime();
    this.#committed = this.#committed.filter(({ index }) => index > snapshot.index);
    this.#onInstalled(snapshot, this.#environment.nowMs() - startMs);
  }

  /** The stamps of the log may come from a time when the wall clock was ahead: log time goes on from there. */
  #moveLogTime(): void {
    this.#logTime.advanceTo(this.#state.store.clockMs);
  }

  #applyWhatIsDue(nowMs: number): void {
    let applied = 0;
    /** Entries from here on wait for reads before them that are not confirmed. No read minds if the others are applied. */
    let waitingIndex: LogIndex | undefined;
    this.#work.allow(APPLY_WORK_PER_TURN, MAX_APPLY_MS_PER_TURN);
    while (true) {
      const { first } = this.#groups;
      if (this.#entry === undefined && first?.gate.kind === 'read') {
        const { confirmedIndex = Number.POSITIVE_INFINITY } = first.gate;
        if (first.gate.confirmedIndex === undefined) waitingIndex ??= this.#groups.firstEntryIndex;
        const isFresh = this.#state.showsNoneOutlivedBy(first.asOfMs);
        if (isFresh && confirmedIndex <= this.#state.position.index) {
          this.#enter(first);
          if (!this.#answerReads(first.commands)) break;
          this.#leave(first);
          continue;
        }
      }
      const entry = this.#entry ?? this.#committed[applied];
      if (entry === undefined || (waitingIndex !== undefined && entry.index >= waitingIndex)) break;
      if (this.#work.isSpent) {
        this.#isDue = true;
        break;
      }
      if (this.#entry === undefined) {
        applied += 1;
        this.#begin(entry, first, nowMs);
      }
      if (!this.#goOn(entry)) break;
    }
    if (applied > 0) this.#committed = this.#committed.slice(applied);
  }

  #begin(entry: Entry, first: PendingGroup | undefined, nowMs: number): void {
    this.#onApplied(entry);
    this.#entry = entry;
    if (first?.gate.kind !== 'entry' || first.gate.index !== entry.index) {
      this.#enter(undefined);
      this.#state.begin(entry);
      return;
    }
    this.#enter(first);
    this.#metrics.appendDuration.observeMs(nowMs - first.sinceMs);
    this.#proposals.applied(entry.index, nowMs);
    this.#state.begin(entry, this.#onResult);
  }

  /** Goes on with the entry. Returns whether it is applied as a whole, and its group is answered. */
  #goOn(entry: Entry): boolean {
    const group = this.#group;
    do {
      if (group !== undefined && !this.#answerReads(group.commands)) return false;
      if (this.#state.goOn(entry, this.#work)) {
        this.#entry = undefined;
        if (group !== undefined) this.#leave(group);
        return true;
      }
    } while (!this.#work.isSpent);
    this.#isDue = true;
    return false;
  }

  /** A write of the group that is applied has this result. */
  readonly #onResult = (result: CommandResult): void => {
    const commands = this.#group?.commands ?? [];
    const command = commands[this.#answered];
    this.#answered += 1;
    if (command !== undefined) {
      this.#answerer.write(command, result);
      this.#proposals.answered(command.client);
    }
    const next = commands[this.#answered];
    // What is read before the next write is read now, or in a later turn, but before the store goes on.
    if (next !== undefined && !isWrite(next.request)) this.#state.store.pause();
  };

  /** Answers the commands of the group that come before its next write. Returns whether all of them are answered. */
  #answerReads(commands: readonly PendingCommand[]): boolean {
    for (; this.#answered < commands.length; this.#answered += 1) {
      const command = commands[this.#answered];
      if (command === undefined || (isWrite(command.request) && !command.isElsewhere)) return true;
      if (this.#work.isSpent || !this.#answerRead(command)) {
        this.#isDue = true;
        return false;
      }
    }
    return true;
  }

  /** Answers the command, or a part of it that takes long. Returns whether it is answered. */
  #answerRead(command: PendingCommand): boolean {
    const { client } = command;
    this.#steps ??= this.#answerer.beginLong(command);
    if (this.#steps === undefined) {
      const before = client.unreadBytes;
      const { readMs } = this.#answerer;
      this.#answerer.fromState(command);
      this.#work.addHidden((this.#answerer.readMs - readMs) * UNITS_PER_MS);
      this.#work.units += COMMAND_WORK + Math.max(0, client.unreadBytes - before);
      return true;
    }
    this.#state.store.workFor(this.#work);
    const done = goOn(this.#steps);
    if (done === undefined) return false;
    this.#steps = undefined;
    this.#answerer.read(command, done.result);
    return true;
  }

  #enter(group: PendingGroup | undefined): void {
    if (this.#group === group) return;
    this.#group = group;
    this.#answered = 0;
    this.#steps = undefined;
  }

  /** The group is answered. It may have been taken away meanwhile, with the leadership. */
  #leave(group: PendingGroup): void {
    if (this.#groups.first === group) this.#groups.removeFirst();
    this.#enter(undefined);
  }
}
