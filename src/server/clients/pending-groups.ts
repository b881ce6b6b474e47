/**
 * Commands that were taken from clients and are not answered yet, in groups that are answered in their order.
 *
 * A group waits at a gate: a log entry with the group's writes that has to be applied, or the confirmation that this
 * server still led when the group's reads came in. Because groups are answered strictly in order, and a command of a
 * client with something pending always goes into the last group or a later one, the replies of each client come in the
 * order of its commands without any queue per client.
 *
 * A read may stand in a group of writes: it is answered from the state between the write before and the one after it.
 */

import assert from 'node:assert/strict';
import type { LogIndex } from '../../raft/types.js';
import type { PendingCommand } from './session.js';

export interface EntryGate {
  readonly kind: 'entry';
  readonly index: LogIndex;
  readonly byteLength: number;
}

export interface ReadGate {
  readonly kind: 'read';
  readonly readId: number;
  /** The state machine must have applied this much; undefined until the read is confirmed. */
  readonly confirmedIndex: LogIndex | undefined;
}

export interface PendingGroup {
  readonly commands: PendingCommand[];
  readonly sinceMs: number;
  /** It waited too long, and its commands were answered without their outcome. */
  isExpired: boolean;
  gate: EntryGate | ReadGate;
}

export class PendingGroups {
  #groups: PendingGroup[] = [];
  #byteLength = 0;
  #commandCount = 0;
  #nextReadId = 1;

  get first(): PendingGroup | undefined {
    return this.#groups[0];
  }

  get last(): PendingGroup | undefined {
    return this.#groups.at(-1);
  }

  /** Commands in all groups, those included that were answered without their outcome. */
  get commandCount(): number {
    return this.#commandCount;
  }

  /** Bytes of the entries that wait to be applied. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /** The commands wait for this entry. */
  addEntry(commands: PendingCommand[], gate: Omit<EntryGate, 'kind'>, nowMs: number): void {
    this.#groups.push({ commands, sinceMs: nowMs, isExpired: false, gate: { kind: 'entry', ...gate } });
    this.#byteLength += gate.byteLength;
    this.#commandCount += commands.length;
  }

  /** A new group of reads; returns the id under which it is to be confirmed. */
  addRead(command: PendingCommand, nowMs: number): number {
    const readId = this.#nextReadId;
    this.#nextReadId += 1;
    this.#groups.push({
      commands: [command],
      sinceMs: nowMs,
      isExpired: false,
      gate: { kind: 'read', readId, confirmedIndex: undefined },
    });
    this.#commandCount += 1;
    return readId;
  }

  /** The command waits with those of a group that there is. */
  join(group: PendingGroup, command: PendingCommand): void {
    group.commands.push(command);
    this.#commandCount += 1;
  }

  /**
   * The reads of this group may be answered once everything up to `index` is applied, which is before the entries of
   * later groups: those would never be answered otherwise.
   */
  confirmRead(readId: number, index: LogIndex): void {
    const place = this.#groups.findIndex(({ gate }) => gate.kind === 'read' && gate.readId === readId);
    const group = this.#groups[place];
    if (group === undefined) return;
    group.gate = { kind: 'read', readId, confirmedIndex: index };
    const next = this.#groups.find(({ gate }, at) => at > place && gate.kind === 'entry')?.gate;
    assert(
      next?.kind !== 'entry' || next.index > index,
      `a read waits for entry ${index}, which waits for it`,
    );
  }

  /**
   * Whether the last group still waits for the proof that this server leads, given what is committed: only then may a
   * command join it that must not be answered without one.
   */
  lastIsUnproven(commitIndex: LogIndex): boolean {
    const gate = this.last?.gate;
    if (gate === undefined) return false;
    return gate.kind === 'entry' ? gate.index > commitIndex : gate.confirmedIndex === undefined;
  }

  removeFirst(): void {
    const group = this.#groups.shift();
    if (group === undefined) return;
    this.#commandCount -= group.commands.length;
    if (group.gate.kind === 'entry') this.#byteLength -= group.gate.byteLength;
  }

  /** Removes and returns all of them. */
  takeAll(): readonly PendingGroup[] {
    const groups = this.#groups;
    this.#groups = [];
    this.#byteLength = 0;
    this.#commandCount = 0;
    return groups;
  }

  /** Since when the oldest group waits whose commands are still to be answered; undefined when there is none. */
  get waitingSinceMs(): number | undefined {
    return this.#groups.find(({ isExpired }) => !isExpired)?.sinceMs;
  }

  /**
   * The commands of groups that have waited since `sinceMs` or longer, each group's once. They stay in their places:
   * their writes may still happen.
   */
  expire(sinceMs: number): readonly PendingCommand[] {
    const expired: PendingCommand[] = [];
    for (const group of this.#groups) {
      if (group.sinceMs > sinceMs) break;
      if (!group.isExpired) expired.push(...group.commands);
      group.isExpired = true;
    }
    return expired;
  }
}
