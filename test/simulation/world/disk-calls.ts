/** What the files on a simulated disk ask of it, and the faults that it injects into their calls. */

import type { Random } from '../../../tools/support/random.js';
import type { DirectoryNode, FileNode } from './disk-image.js';

export interface DiskFaults {
  /** How long a call takes, in ms: uniform between these. */
  readonly minLatencyMs: number;
  readonly maxLatencyMs: number;
  /** Chance that a call takes up to {@link MAX_HICCUP_MS} more. */
  readonly hiccups: number;
  /** A call that reads takes up to this much more. */
  readonly maxReadDelayMs: number;
  /** Chances that a call fails with EIO. What it should have written is in any state, whatever later calls say. */
  readonly readErrors: number;
  readonly writeErrors: number;
  readonly syncErrors: number;
  /** Chance that a write takes only a first part of the bytes, without an error. */
  readonly shortWrites: number;
  /** Whatever needs more room is refused (ENOSPC). */
  readonly isFull: boolean;
  /** Whatever needs a descriptor is refused (EMFILE). */
  readonly isOutOfDescriptors: boolean;
}

export const HEALTHY_DISK: DiskFaults = {
  minLatencyMs: 0.05,
  maxLatencyMs: 0.5,
  hiccups: 0,
  maxReadDelayMs: 0,
  readErrors: 0,
  writeErrors: 0,
  syncErrors: 0,
  shortWrites: 0,
  isFull: false,
  isOutOfDescriptors: false,
};

export const MAX_HICCUP_MS = 30;

/** What a call is about: one that is no `log write`, of one sector or several, and no `read` changes files or directories. */
export type CallKind = 'read' | 'log write' | 'long log write' | 'change';

/** A call that is under way: what the disk makes of it, unless its caller ends first. */
export interface DiskCall {
  readonly kind: CallKind;
  complete(): void;
}

/** The disk as its files know it. */
export interface CallsOfFiles {
  readonly faults: DiskFaults;
  readonly root: DirectoryNode;
  readonly locked: Set<FileNode>;
  readonly random: Random;
  begin(call: DiskCall): void;
}
