/**
 * The commands that a leader takes: each goes to where it is answered, into the log, to the state as it is, or to wait for
 * one of them. What waits too long is answered without its outcome.
 */

import { MAX_INFLIGHT_PROPOSAL_BYTES } from '../../limits.js';
import type { Command, RedisTransaction } from '../../protocol/command.js';
import type { RedisReadRequest, RedisWatchRequest } from '../../protocol/request.js';
import { keysOf } from '../../protocol/resp/commands.js';
import { NULL_ARRAY } from '../../protocol/resp/value.js';
import { executeShortRead, isLongRead, isLongWatch } from '../../state-machine/redis/execute.js';
import type { AppliedState } from '../applied-state.js';
import type { Consensus } from '../consensus.js';
import type { Answerer } from './answering.js';
import type { PendingCommand } from './client-connection.js';
import type { CommandPath } from './command-path.js';
import { hasFailedWatch } from './failed-watches.js';
import type { Pause } from './pause.js';
import type { PendingGroups } from './pending-groups.js';
import type { Proposals } from './proposals.js';
import type { Reads } from './reads.js';
import { tellsOfKeys } from './replica-reads.js';
import type { Walks } from './walks.js';
import { estimateRead, estimateWatch, estimateWork } from './work-estimate.js';
import type { WorkTurns } from './work-turns.js';

export interface LeaderCommandsOptions {
  readonly raft: Pick<Consensus, 'proposalRefusal'>;
  readonly state: AppliedState;
  readonly groups: PendingGroups;
  readonly proposals: Proposals;
  readonly reads: Reads;
  readonly walks: Walks;
  readonly pause: Pause;
  readonly turns: WorkTurns;
  readonly answerer: Answerer;
}

export class LeaderCommands implements CommandPath {
  readonly #raft: LeaderCommandsOptions['raft'];
  readonly #state: AppliedState;
  readonly #groups: PendingGroups;
  readonly #proposals: Proposals;
  readonly #reads: Reads;
  readonly #walks: Walks;
  readonly #pause: Pause;
  readonly #turns: WorkTurns;
  readonly #answerer: Answerer;
  /** Writes timed out unproposed; new ones are refused for now. */
  #cannotPropose = false;

  constructor({
    raft,
    state,
    groups,
    proposals,
    reads,
    walks,
    pause,
    turns,
    answerer,
  }: LeaderCommandsOptions) {
    this.#raft = raft;
    this.#state = state;
    this.#groups = groups;
    this.#proposals = proposals;
    this.#reads = reads;
    this.#walks = walks;
    this.#pause = pause;
    this.#turns = turns;
    this.#answerer = answerer;
  }

  get commandCount(): number {
    return this.#groups.commandCount + this.#proposals.commandCount;
  }

  get hasPendingWrite(): boolean {
    return this.#proposals.hasPendingWrite || this.#turns.count > 0;
  }

  get hasRoom(): boolean {
    return this.#groups.byteLength < MAX_INFLIGHT_PROPOSAL_BYTES && !this.#proposals.isFull;
  }

  /** Takes the command, whose answer comes after those to the commands of its client that are pending. */
  take(command: PendingCommand, nowMs: number): void {
    if (this.#pause.isOn && this.#pause.hold(command)) return;
    const { request } = command;
    switch (request.type) {
      case 'redis-transaction':
        if (this.#isRefused(command, request)) this.#answerer.read(command, NULL_ARRAY);
        else if (this.#turns.admit(command, estimateWork(request, this.#lengthOf)))
          this.#write(command, request);
        return;
      case 'redis':
      case 'once':
        if (this.#turns.admit(command, estimateWork(request, this.#lengthOf))) this.#write(command, request);
        return;
      case 'set':
      case 'cas':
      case 'cas-revision':
      case 'add':
      case 'delete':
      case 'delete-if':
      case 'session-open':
      case 'session-close':
        this.#write(command, request);
        return;
      case 'get':
      case 'getm':
      case 'gets':
        this.#read(command, request.key, nowMs);
        return;
      case 'redis-walk':
        if (this.#walks.admit(command)) this.#read(command, undefined, nowMs);
        return;
      case 'redis-local':
        if (tellsOfKeys(request)) this.#read(command, undefined, nowMs);
        else this.#takeStateless(command);
        return;
      case 'redis-read':
        if (isLongRead(request)) this.#readLong(command, request, nowMs);
        else if (!this.#reads.areFree) this.#read(command, onlyKeyOf(request), nowMs);
        else if (!this.#reads.isFree(command, undefined)) this.#reads.wait(command, undefined, nowMs);
        else if (!this.#answerer.readNow(command, request, executeShortRead))
          this.#readLong(command, request, nowMs);
        return;
      case 'watch':
        this.#read(command, undefined, nowMs);
        return;
      case 'redis-watch':
        if (isLongWatch(request)) {
          if (this.#turns.admit(command, estimateWatch(request))) this.#reads.wait(command, undefined, nowMs);
        } else this.#read(command, this.#reads.areFree ? undefined : onlyKeyOf(request), nowMs);
        return;
      case 'redis-fixed':
      case 'redis-queued':
      case 'auth':
      case 'locked':
      case 'unwatch':
      case 'malformed':
        this.#takeStateless(command);
        return;
    }
  }

  /**
   * Answers what was taken at `takenAtMs` or earlier. What was proposed may still happen. Nothing of the open entry was
   * proposed, so all of it is given up: later writes would be stuck as well.
   */
  expire(takenAtMs: number, nowMs: number, { isDiskBusy }: { readonly isDiskBusy: boolean }): void {
    const isOpenOverdue = (this.#proposals.waitingSinceMs ?? Number.POSITIVE_INFINITY) <= takenAtMs;
    // A client may have commands in the open entry after some that are not due: those are answered first.
    for (const command of this.#groups.expire(isOpenOverdue ? nowMs : takenAtMs))
      this.#answerer.unexecuted(command, { type: 'timed-out' });
    this.#cannotPropose &&= isDiskBusy || this.#raft.proposalRefusal !== undefined;
    if (!isOpenOverdue) return;
    this.#cannotPropose = true;
    for (const command of this.#proposals.withdraw())
      this.#answerer.unexecuted(command, { type: 'unwritable' });
  }

  /** This server leads no more: another leader may take writes again. */
  leadershipLost(): void {
    this.#cannotPropose = false;
  }

  #write(command: PendingCommand, write: Command): void {
    if ((this.#cannotPropose || this.#groups.hasOverdue) && command.client.pendingCount === 1)
      this.#answerer.unexecuted(command, { type: 'unwritable' });
    else this.#proposals.addWrite(command, write);
  }

  /** Whether it is known already that a key which the transaction watches has changed. */
  #isRefused(command: PendingCommand, transaction: RedisTransaction): boolean {
    if (transaction.watched.length === 0 || command.client.pendingCount > 1) return false;
    return this.#reads.areFree && hasFailedWatch(command, transaction, this.#state.readable(0));
  }

  /** A read that takes long, and so is answered in steps. */
  #readLong(command: PendingCommand, request: RedisReadRequest, nowMs: number): void {
    if (this.#turns.admit(command, estimateRead(request, this.#lengthOf)))
      this.#reads.wait(command, undefined, nowMs);
  }

  readonly #lengthOf = (key: string): number => this.#state.store.value(key)?.length ?? 0;

  /** A read of `key`, or of unknown keys (`key` is undefined). */
  #read(command: PendingCommand, key: string | undefined, nowMs: number): void {
    if (this.#reads.isFree(command, key)) this.#answerer.fromState(command);
    else this.#reads.wait(command, key, nowMs);
  }

  #takeStateless(command: PendingCommand): void {
    if (command.client.pendingCount === 1) this.#answerer.fromState(command);
    else this.#reads.queue(command);
  }
}

/** The key that the request reads, if it reads one alone. */
function onlyKeyOf(request: RedisReadRequest | RedisWatchRequest): string | undefined {
  const keys = request.type === 'redis-watch' ? request.keys : keysOf(request.command, request.args);
  return keys.length === 1 ? keys[0] : undefined;
}
