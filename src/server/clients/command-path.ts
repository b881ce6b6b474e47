/**
 * The way that commands go once a server has taken them from its clients. It is what an engine is to the rest of the server:
 * Raft's is {@link LeaderCommands}, which puts them into the log or answers them from the state.
 */

import type { PendingCommand } from './client-connection.js';

export interface CommandPath {
  /** Commands that are on their way: they were taken and are not answered. */
  readonly commandCount: number;
  /** Whether one of them may still write. */
  readonly hasPendingWrite: boolean;
  /** Whether it takes another command. */
  readonly hasRoom: boolean;
  /** Takes the command, whose answer comes after those to the commands of its client that are pending. */
  take(command: PendingCommand, nowMs: number): void;
  /** Answers what was taken at `takenAtMs` or earlier, whose outcome comes too late. */
  expire(takenAtMs: number, nowMs: number, disk: { readonly isDiskBusy: boolean }): void;
  /** This server leads no more: another leader may take writes again. */
  leadershipLost(): void;
}
