/**
 * A disk that fails as disks do, on virtual time and from one seed: slow, stalled, full, with errors, torn writes, and with
 * three kinds of ends.
 *
 * - {@link SimulatedDisk.losePower}: the machine ends. What was not synced is kept or forgotten, sector by sector.
 * - {@link SimulatedThread.end}, of the thread or all of a process: The operating system keeps what was written; of each call under
 *   way it does all, a first part, or nothing.
 * - An error: see {@link DiskFaults}.
 */

import type { Random } from '../../../tools/support/random.js';
import {
  type CallKind,
  type CallsOfFiles,
  type DiskCall,
  type DiskFaults,
  HEALTHY_DISK,
  MAX_HICCUP_MS,
} from './disk-calls.js';
import { DirectoryNode, type FileNode } from './disk-image.js';
import { SimulatedFiles } from './files.js';
import type { SimulatedThread } from './thread.js';
import type { World } from './world.js';

/** How a disk is lost for good: a new one is in its place, or every call fails. */
export type Loss = 'emptied' | 'broken';

const BROKEN_DISK = { ...HEALTHY_DISK, readErrors: 1, writeErrors: 1, syncErrors: 1 };

export class SimulatedDisk implements CallsOfFiles {
  #faults = HEALTHY_DISK;
  #root = new DirectoryNode();
  #loss: Loss | undefined;
  /** Files that somebody has locked. */
  readonly locked = new Set<FileNode>();
  readonly random: Random;
  readonly #world: World;
  readonly #files = new Map<SimulatedFiles, SimulatedThread>();
  #stalled: DiskCall[] | undefined;

  constructor(world: World, random: Random) {
    this.#world = world;
    this.random = random;
  }

  /** The files as a thread sees them, until it ends. */
  filesOf(thread: SimulatedThread): SimulatedFiles {
    const files = new SimulatedFiles(this, thread);
    this.#files.set(files, thread);
    thread.onEnd(() => {
      files.end();
      this.#files.delete(files);
    });
    return files;
  }

  get faults(): DiskFaults {
    return this.#loss === 'broken' ? BROKEN_DISK : this.#faults;
  }

  set faults(faults: DiskFaults) {
    this.#faults = faults;
  }

  get root(): DirectoryNode {
    return this.#root;
  }

  get isLost(): boolean {
    return this.#loss !== undefined;
  }

  /** From now on nothing of what it had is there. */
  lose(loss: Loss): void {
    this.#loss = loss;
    this.#root = new DirectoryNode();
  }

  /** From now on no call completes. */
  stall(): void {
    this.#stalled ??= [];
  }

  /** Calls complete again, first those that had to wait, in their order. */
  resume(): void {
    const calls = this.#stalled ?? [];
    this.#stalled = undefined;
    for (const call of calls) call.complete();
  }

  /** The machine ends, and with it every thread that has files open. */
  losePower(): void {
    for (const [files, thread] of this.#files) {
      files.endTorn();
      thread.end();
    }
    this.#root.losePower(this.random);
  }

  /** Whether a call of this kind is under way. */
  hasUnderWay(kind: CallKind): boolean {
    for (const files of this.#files.keys()) if (files.hasUnderWay(kind)) return true;
    return false;
  }

  /** Has the call complete when it is time. */
  begin(call: DiskCall): void {
    const { minLatencyMs, maxLatencyMs, hiccups, maxReadDelayMs } = this.faults;
    const onTime = () => {
      if (this.#stalled === undefined) call.complete();
      else this.#stalled.push(call);
    };
    let latencyMs = this.random.between(minLatencyMs, maxLatencyMs);
    if (this.random.chance(hiccups)) latencyMs += this.random.between(0, MAX_HICCUP_MS);
    if (call.kind === 'read' && maxReadDelayMs > 0) latencyMs += this.random.between(0, maxReadDelayMs);
    this.#world.timeline.after(latencyMs, onTime);
  }
}
