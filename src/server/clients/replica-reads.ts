/**
 * The commands of Redis clients at a server that does not lead: reads are answered here after READONLY, linearizable like
 * all others, once the leader has told how far the state must be for that (thesis 6.4); everything else is sent to the leader.
 *
 * A read sees no key that had outlived its deadline when the read came in: it waits for the stamp, which the leader brings.
 */

import type { LogTime } from '../../log-time.js';
import type { RedisLocalRequest, Request } from '../../protocol/request.js';
import type { AppliedState } from '../applied-state.js';
import type { Consensus } from '../consensus.js';
import { tellsOfKeys as infoTellsOfKeys } from '../redis/info.js';
import type { Answerer } from './answering.js';
import type { PendingCommand } from './client-connection.js';
import type { PendingGroup, PendingGroups } from './pending-groups.js';
import type { Walks } from './walks.js';
import { estimateRead } from './work-estimate.js';
import type { WorkTurns } from './work-turns.js';

export interface ReplicaReadsOptions {
  readonly logTime: LogTime;
  readonly raft: Consensus;
  readonly groups: PendingGroups;
  readonly walks: Walks;
  readonly turns: WorkTurns;
  readonly state: AppliedState;
  readonly answerer: Answerer;
}

export class ReplicaReads {
  readonly #logTime: LogTime;
  readonly #raft: Consensus;
  readonly #groups: PendingGroups;
  readonly #walks: Walks;
  readonly #turns: WorkTurns;
  readonly #state: AppliedState;
  readonly #answerer: Answerer;
  /** Reads may wait in the groups. */
  #hasTaken = false;
  /** The group that new reads may join, and the number of the request that will cover it. */
  #open: { readonly group: PendingGroup | undefined; readonly request: number } = {
    group: undefined,
    request: -1,
  };
  /** The leader that was asked is gone. */
  mustAskAnew = false;

  constructor({ logTime, raft, groups, walks, turns, state, answerer }: ReplicaReadsOptions) {
    this.#logTime = logTime;
    this.#raft = raft;
    this.#groups = groups;
    this.#walks = walks;
    this.#turns = turns;
    this.#state = state;
    this.#answerer = answerer;
  }

  /** Takes the command, whose answer comes after those to the commands of its client that are pending. */
  take(command: PendingCommand): void {
    const { client, request } = command;
    if (this.#isReadHere(command)) {
      if (request.type === 'redis-walk' && !this.#walks.admit(command)) return;
      if (request.type === 'redis-read' && !this.#turns.admit(command, estimateRead(request, this.#lengthOf)))
        return;
      this.#wait(command);
      return;
    }
    command.isElsewhere = needsLeader(request);
    const { last } = this.#groups;
    if (client.pendingCount > 1 && last !== undefined) this.#groups.join(last, command);
    else this.#answerer.fromState(command);
  }

  /** Asks a new leader about the reads that the one before has not answered. */
  askAnew(nowMs: number): void {
    if (!this.mustAskAnew || this.#raft.leader === undefined) return;
    this.mustAskAnew = false;
    for (const readId of this.#groups.unconfirmedReads) this.#raft.read(readId, nowMs);
  }

  /** This server leads. Returns what is pending, which it executes as the leader. */
  takeOver(): readonly PendingCommand[] {
    if (!this.#hasTaken) return [];
    this.#hasTaken = false;
    const pending = this.#groups.takeAll().flatMap(({ commands }) => commands);
    const unanswered = pending.filter((command) => !this.#answerer.endIfGone(command));
    for (const command of unanswered) command.isElsewhere = false;
    return unanswered;
  }

  readonly #lengthOf = (key: string): number => this.#state.store.value(key)?.length ?? 0;

  #isReadHere({ client, request }: PendingCommand): boolean {
    switch (request.type) {
      case 'watch':
        return true;
      case 'get':
      case 'getm':
      case 'gets':
      case 'redis-read':
      case 'redis-walk':
        return client.redis?.isReadOnly === true;
      case 'redis-local':
        // Libraries ask for INFO when they connect: while there is nobody to ask about keys, it tells of the rest at once.
        return tellsOfKeys(request) && this.#raft.leader !== undefined;
      default:
        return false;
    }
  }

  #wait(command: PendingCommand): void {
    const groups = this.#groups;
    this.#hasTaken = true;
    command.asOfMs = this.#logTime.nowMs();
    const request = this.#raft.nextReadRequest;
    const { group } = this.#open;
    // The answer to a request that was sent says nothing about a read that comes now.
    if (group !== undefined && group === groups.last && request === this.#open.request)
      groups.join(group, command);
    else {
      this.#raft.read(groups.addRead(command, command.takenAtMs), command.takenAtMs);
      this.#open = { group: groups.last, request };
    }
    if (groups.last !== undefined) groups.last.asOfMs = command.asOfMs;
  }
}

/** Whether the command tells about keys, or about what happens to them after all that was acknowledged before. */
export function tellsOfKeys({ name, args }: RedisLocalRequest): boolean {
  if (name === 'subscribe' || name === 'psubscribe') return true;
  return name === 'info' && infoTellsOfKeys(args);
}

function needsLeader(request: Request): boolean {
  if (request.type === 'redis-local') return tellsOfKeys(request);
  return !['redis-fixed', 'unwatch', 'malformed'].includes(request.type);
}
