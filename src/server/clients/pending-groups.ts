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
import type { PendingCommand } from './client-connection.js';

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
  /** How many commands, from the front, waited too long and were answered without an outcome. */
  overdueCount: number;
  /** Bytes of its entry; 0 once all of its commands were overdue. */
  countedBytes: number;
  gate: EntryGate | ReadGate;
  /**
   * Log time when the last of its reads came, if they came to a server that does not lead: they are answered once no key is
   * shown that had outlived its deadline by then. A leader sees to that by itself, and it is 0.
   */
  asOfMs: number;
}

export class PendingGroups {
  #groups: PendingGroup[] = [];
  #byteLength = 0;
  #commandCount = 0;
  /** Groups with an entry, some of whose commands are overdue. */
  #overdueEntries = 0;
  #nextReadId = 1;

  get first(): PendingGroup | undefined {
    return this.#groups[0];
  }

  get last(): PendingGroup | undefined {
    return this.#groups.at(-1);
  }

  /** Commands in all groups that are to be answered. */
  get commandCount(): number {
    return this.#commandCount;
  }

  /** Bytes of the entries that wait to be applied, but for those whose commands are all overdue. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /** The commands wait for this entry. */
  addEntry(commands: PendingCommand[], gate: Omit<EntryGate, 'kind'>, nowMs: number): void {
    this.#groups.push({
      commands,
      sinceMs: nowMs,
      overdueCount: 0,
      countedBytes: gate.byteLength,
      gate: { kind: 'entry', ...gate },
      asOfMs: 0,
    });
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
      overdueCount: 0,
      countedBytes: 0,
      gate: { kind: 'read', readId, confirmedIndex: undefined },
      asOfMs: 0,
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
   * The reads of this group may be answered once everything up to `index` is applied. `index` must be before the entry of any
   * later group: that entry waits for this read, so the two would wait for each other.
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

  /** The first entry that commands wait for; infinity without one. */
  get firstEntryIndex(): LogIndex {
    for (const { gate } of this.#groups) if (gate.kind === 'entry') return gate.index;
    return Number.POSITIVE_INFINITY;
  }

  /** The reads that are not confirmed. */
  get unconfirmedReads(): readonly number[] {
    return this.#groups.flatMap(({ gate }) =>
      gate.kind === 'read' && gate.confirmedIndex === undefined ? [gate.readId] : [],
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
    this.#commandCount -= group.commands.length - group.overdueCount;
    this.#byteLength -= group.countedBytes;
    if (group.overdueCount > 0 && group.gate.kind === 'entry') this.#overdueEntries -= 1;
  }

  /** Removes and returns all of them. */
  takeAll(): readonly PendingGroup[] {
    const groups = this.#groups;
    this.#groups = [];
    this.#byteLength = 0;
    this.#commandCount = 0;
    this.#overdueEntries = 0;
    return groups;
  }

  /** When the oldest unanswered command was taken, in ms; undefined without any. */
  get waitingSinceMs(): number | undefined {
    let oldestMs: number | undefined;
    for (const { commands, overdueCount } of this.#groups) {
      const takenAtMs = commands[overdueCount]?.takenAtMs;
      if (takenAtMs !== undefined && (oldestMs === undefined || takenAtMs < oldestMs)) oldestMs = takenAtMs;
    }
    return oldestMs;
  }

  /** Whether commands wait for their entry that were answered without its outcome. */
  get hasOverdue(): boolean {
    return this.#overdueEntries > 0;
  }

  /**
   * The commands that were taken at `takenAtMs` or earlier, each once: they are overdue. They stay in their places, for their
   * writes may still happen, and count no more.
   */
  expire(takenAtMs: number): readonly PendingCommand[] {
    const overdue: PendingCommand[] = [];
    for (const group of this.#groups) {
      const { commands, overdueCount } = group;
      let next = commands[overdueCount];
      if (next === undefined || next.takenAtMs > takenAtMs) continue;
      if (overdueCount === 0 && group.gate.kind === 'entry') this.#overdueEntries += 1;
      while (next !== undefined && next.takenAtMs <= takenAtMs) {
        overdue.push(next);
        group.overdueCount += 1;
        next = commands[group.overdueCount];
      }
      this.#commandCount -= group.overdueCount - overdueCount;
      if (next !== undefined) continue;
      this.#byteLength -= group.countedBytes;
      group.countedBytes = 0;
    }
    // Nobody waits for the confirmation of reads any more, which may never come.
    if (overdue.length > 0)
      this.#groups = this.#groups.filter(
        ({ gate, commands, overdueCount }) => gate.kind === 'entry' || overdueCount < commands.length,
      );
    return overdue;
  }
}
