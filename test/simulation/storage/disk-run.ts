/**
 * A server's storage on a simulated disk, drawn from a seed: it is written to as the core does it, the disk fails, the thread
 * and the machine end at any moment, and it is opened again. Each time it must hold all that it had reported, perhaps more
 * of what it was given, and nothing else.
 */

import type { Entry, HardState, PersistRequest, SnapshotMeta } from '../../../src/raft/types.js';
import { DiskStorage } from '../../../src/storage/disk-storage.js';
import { makeServerDirectory } from '../../../src/storage/server-manifest.js';
import type { Backoff } from '../../../src/storage/shortage-retries.js';
import { SnapshotSource } from '../../../src/storage/snapshot-format.js';
import { StorageError, type StorageErrorCode } from '../../../src/storage/storage.js';
import { Random } from '../../../tools/support/random.js';
import { HEALTHY_DISK } from '../world/disk-calls.js';
import { SECTOR_BYTES } from '../world/disk-image.js';
import {
  afterAll,
  type Change,
  changesOf,
  type DurableState,
  describeState,
  EMPTY,
  lastOf,
  reachable,
  termAt,
  withCommitted,
} from './durable-state.js';
import { DIRECTORY, SimulatedSite } from './site.js';

const OWNER = { clusterId: 'a cluster', serverId: 1 };
/** How often the storage is opened in a run, and how much is done with it each time. */
const OPENINGS = 12;
const MAX_OPERATIONS = 12;
const MAX_ENTRIES = 4;
/** Many times the events that an operation takes: enough for each moment of it. */
const MAX_EVENTS = 40;
/** More than one frame takes. */
const LONG_BYTES = 1024 * 1024;

/** What was seen in a run, so that a test can tell that nothing was left out. */
export type Sight =
  | 'crash in a write'
  | 'crash in an opening'
  | 'disk error in a write'
  | 'disk error in an opening'
  | 'more than was reported'
  | 'truncated'
  | 'installed'
  | 'compacted'
  | 'waited for a shortage to pass';

const OPENING_ERRORS: ReadonlySet<StorageErrorCode> = new Set(['DISK_OPEN_FAILED', 'DISK_SHORTAGE']);
const WRITE_ERRORS: ReadonlySet<StorageErrorCode> = new Set(['DISK_WRITE_FAILED', 'DISK_SHORTAGE']);

/** Resolves to what happened. Rejects when the storage is refused, or holds what it must not. */
export async function runDisk(seed: number): Promise<ReadonlySet<Sight>> {
  const site = await SimulatedSite.make(seed);
  await site.until(makeServerDirectory(site.files, DIRECTORY, OWNER));
  const run = new DiskRun(site, new Random(seed).split('operations'));
  for (let i = 0; i < OPENINGS; i += 1) await run.openAndUse();
  return run.sights;
}

class DiskRun {
  readonly sights = new Set<Sight>();
  readonly #site: SimulatedSite;
  readonly #random: Random;
  readonly #segmentBytes: number;
  readonly #images = new Map<string, Buffer>();
  /** Reported to be on the disk. */
  #state: DurableState = EMPTY;
  /** Given, and not reported yet. */
  #changes: readonly Change[] = [];
  #commit: Change | undefined;
  #storage: DiskStorage | undefined;
  #payloads = 0;

  constructor(site: SimulatedSite, random: Random) {
    this.#site = site;
    this.#random = random;
    this.#segmentBytes = SECTOR_BYTES * (4 + random.below(13));
  }

  async openAndUse(): Promise<void> {
    const storage = await this.#open();
    this.#storage = storage;
    this.#check(storage);
    await this.#checkImage(storage);
    if (this.#random.chance(0.5)) storage.retryWith(this.#backoff());
    const operations = this.#random.below(MAX_OPERATIONS);
    for (let i = 0; i < operations && this.#storage !== undefined; i += 1) await this.#operate(storage);
    if (this.#storage !== undefined) await this.#end(this.#random.of(['close', 'thread', 'power'] as const));
  }

  /** Whatever errors the disk has, and whatever ends meanwhile: at last it is well, and then the storage opens. */
  async #open(): Promise<DiskStorage> {
    for (let trial = 0; trial < 3 && this.#random.chance(0.4); trial += 1) {
      this.#drawFaults(0.5);
      const opening = DiskStorage.open(this.#options());
      if (this.#random.chance(0.5)) {
        await this.#site.untilOrEvents(opening, this.#random.below(MAX_EVENTS));
        this.sights.add('crash in an opening');
      } else {
        const found = await this.#site.until(settled(opening));
        if (found instanceof DiskStorage) {
          this.#check(found);
          await this.#site.until(settled(found.close()));
        } else if (OPENING_ERRORS.has(found.code)) this.sights.add('disk error in an opening');
        else throw found;
      }
      this.#endProcess(this.#random.of(['go on', 'thread', 'power'] as const));
    }
    this.#site.disk.faults = HEALTHY_DISK;
    return this.#site.until(DiskStorage.open(this.#options()));
  }

  #options() {
    return {
      files: this.#site.files,
      directory: DIRECTORY,
      owner: OWNER,
      fsync: true,
      segmentBytes: this.#segmentBytes,
    };
  }

  #drawFaults(chance: number): void {
    const error = () => (this.#random.chance(chance) ? this.#random.next() * 0.3 : 0);
    this.#site.disk.faults = {
      ...HEALTHY_DISK,
      readErrors: error() / 3,
      writeErrors: error(),
      syncErrors: error(),
      shortWrites: error(),
      isFull: this.#random.chance(chance / 3),
    };
  }

  /** Waits for a shortage to pass, which it does sooner or later, unless that is given up before. */
  #backoff(): Backoff {
    const { disk } = this.#site;
    return {
      wait: async (cause) => {
        this.sights.add('waited for a shortage to pass');
        if (this.#random.chance(0.1)) throw cause;
        if (this.#random.chance(0.3)) disk.faults = { ...disk.faults, isFull: false, shortWrites: 0 };
      },
      over: () => undefined,
    };
  }

  /** What was recovered is what may be there, and from now on it counts as reported. */
  #check({ recovered }: DiskStorage): void {
    const allowed = reachable(this.#state, this.#changes, this.#commit);
    const found = describeState(recovered);
    if (!allowed.some((state) => describeState(state) === found)) {
      const lines = [...new Set(allowed.map(describeState))].join('\n  ');
      throw new Error(`recovered:\n  ${found}\ninstead of one of:\n  ${lines}`);
    }
    if (found !== describeState(this.#state)) this.sights.add('more than was reported');
    this.#state = recovered;
    this.#changes = [];
    this.#commit = undefined;
  }

  async #checkImage(storage: DiskStorage): Promise<void> {
    const { snapshot } = this.#state;
    if (snapshot === undefined) return;
    const found = await this.#site.until(joined(storage.snapshotImage()));
    if (!found.equals(this.#images.get(imageName(snapshot)) ?? Buffer.alloc(0)))
      throw new Error(`the snapshot ${imageName(snapshot)} holds another image`);
  }

  /** Something is done, to its end unless that of the thread or an error comes first. */
  async #operate(storage: DiskStorage): Promise<void> {
    if (this.#random.chance(0.1)) this.#drawFaults(0.3);
    const working = this.#work(storage);
    if (this.#random.chance(0.15)) {
      await this.#site.untilOrEvents(settled(working), this.#random.below(MAX_EVENTS));
      this.sights.add('crash in a write');
      await this.#end(this.#random.of(['thread', 'power'] as const));
      return;
    }
    const found = await this.#site.until(settled(working));
    if (found instanceof StorageError) {
      if (!WRITE_ERRORS.has(found.code)) throw found;
      this.sights.add('disk error in a write');
      await this.#end(this.#random.of(['close', 'close', 'thread', 'power'] as const));
    }
  }

  async #work(storage: DiskStorage): Promise<void> {
    const kind = this.#random.of(['persist', 'persist', 'persist', 'install', 'commit', 'both'] as const);
    if (kind === 'persist') await this.#persist(storage, this.#requests(this.#state));
    if (kind === 'install') await this.#persist(storage, this.#installation());
    if (kind === 'commit') await this.#compact(storage);
    if (kind === 'both') {
      const compacting = this.#compact(storage);
      // The snapshot goes on when the write fails, and the other way round.
      const all = [compacting, this.#persist(storage, this.#requests(this.#state))];
      await Promise.allSettled(all);
      await Promise.all(all);
    }
  }

  async #persist(storage: DiskStorage, requests: readonly PersistRequest[]): Promise<void> {
    const changes = changesOf(requests);
    this.#changes = changes;
    await storage.persist(requests);
    this.#state = afterAll(this.#state, changes);
    this.#changes = [];
  }

  /** One request or two, the second of which may contradict the first. */
  #requests(before: DurableState): readonly PersistRequest[] {
    const requests: PersistRequest[] = [];
    let state = before;
    for (let i = 1 + this.#random.below(2); i > 0; i -= 1) {
      const last = lastOf(state);
      // What a snapshot holds is committed, and so is what is becoming one.
      const stays = Math.max(state.logStart.index, state.snapshot?.index ?? 0, this.#committing);
      const isConflict = this.#random.chance(0.25) && last.index > stays;
      if (isConflict) this.sights.add('truncated');
      const hardState =
        isConflict || this.#random.chance(0.3) || state.hardState.currentTerm === 0
          ? this.#nextHardState(state.hardState)
          : undefined;
      const term = (hardState ?? state.hardState).currentTerm;
      const from = isConflict ? stays + 1 + this.#random.below(last.index - stays) : last.index + 1;
      const count = isConflict ? 1 + this.#random.below(MAX_ENTRIES) : this.#random.below(MAX_ENTRIES + 1);
      const entries = Array.from({ length: count }, (_, k) => this.#entry(from + k, term));
      const request = { sequence: 0, hardState, entries, snapshotChunk: undefined };
      requests.push(request);
      state = afterAll(state, changesOf([request]));
    }
    return requests;
  }

  /** The index up to which a snapshot of its own is being written. */
  #committing = 0;

  #nextHardState({ currentTerm }: HardState): HardState {
    const vote = this.#random.below(4);
    return { currentTerm: currentTerm + 1, votedFor: vote === 3 ? undefined : vote };
  }

  /** Of some sectors, with zeros in them or not. */
  #entry(index: number, term: number): Entry {
    this.#payloads += 1;
    const isLong = this.#random.chance(0.003);
    const payload = new Uint8Array(
      isLong ? LONG_BYTES : this.#random.below(this.#random.of([40, 40, 600, 3_000])),
    );
    const from = this.#random.below(payload.byteLength + 1);
    payload.fill(1 + (this.#payloads % 255), this.#random.chance(0.5) ? 0 : from);
    payload.set(Buffer.from(`${this.#payloads}`).subarray(0, payload.byteLength));
    return { index, term, payload };
  }

  /** The chunks of a snapshot from the leader, perhaps more than once, with entries before and after it. */
  #installation(): readonly PersistRequest[] {
    const state = this.#state;
    const last = lastOf(state);
    const hardState = this.#nextHardState(state.hardState);
    const from = Math.max(state.snapshot?.index ?? 0, state.logStart.index) + 1;
    const index = from + this.#random.below(Math.max(1, last.index - from + 3));
    const known = termAt(state, index);
    const keepsLog = known !== undefined && this.#random.chance(0.5);
    const term = keepsLog ? known : hardState.currentTerm;
    const bytes = this.#snapshot(index, term);
    const snapshot = { index, term, byteLength: bytes.byteLength };
    this.sights.add('installed');
    const requests: PersistRequest[] = [{ sequence: 0, hardState, entries: [], snapshotChunk: undefined }];
    for (let offset = 0; offset < bytes.byteLength; ) {
      const data = bytes.subarray(offset, offset + 1 + this.#random.below(bytes.byteLength));
      const isLast = offset + data.byteLength === bytes.byteLength;
      const snapshotChunk = { snapshot, offset, data, last: isLast, keepsLog };
      requests.push({ sequence: 0, hardState: undefined, entries: [], snapshotChunk });
      offset += data.byteLength;
    }
    return [...requests, ...this.#requests(afterAll(state, changesOf(requests)))];
  }

  /** A snapshot of the server's own. */
  async #compact(storage: DiskStorage): Promise<void> {
    const { snapshot, logStart, entries } = this.#state;
    const reached = Math.max(snapshot?.index ?? 0, logStart.index);
    const candidates = entries.filter(({ index }) => index > reached);
    if (candidates.length === 0) return;
    const position = this.#random.of(candidates);
    const kept = this.#random.of([logStart, ...entries.filter(({ index }) => index <= position.index)]);
    const bytes = this.#snapshot(position.index, position.term);
    const meta = { index: position.index, term: position.term, byteLength: bytes.byteLength };
    this.#committing = position.index;
    const commit = withCommitted(meta, kept);
    const sink = await storage.createSnapshot();
    for (let at = 0; at < bytes.byteLength; at += 900) await sink.write(bytes.subarray(at, at + 900));
    this.#commit = commit;
    await sink.commit(meta, kept);
    this.#state = commit(this.#state);
    this.#commit = undefined;
    this.#committing = 0;
    this.sights.add('compacted');
  }

  #snapshot(index: number, term: number): Buffer {
    this.#payloads += 1;
    const image = Buffer.alloc(this.#random.below(3_000), 1 + (this.#payloads % 255));
    const parts: Uint8Array<ArrayBuffer>[] = image.byteLength === 0 ? [] : [Uint8Array.from(image)];
    const source = new SnapshotSource({ next: () => parts.shift(), close: () => undefined });
    const pieces: Uint8Array[] = [];
    for (let piece = source.next(1); piece !== undefined; piece = source.next(1)) pieces.push(piece);
    const bytes = Buffer.concat(pieces);
    this.#images.set(imageName({ index, term, byteLength: bytes.byteLength }), image);
    return bytes;
  }

  async #end(how: 'close' | 'thread' | 'power'): Promise<void> {
    const storage = this.#storage;
    this.#storage = undefined;
    this.#committing = 0;
    if (how === 'close' && storage !== undefined) {
      this.#site.disk.faults = HEALTHY_DISK;
      await this.#site.until(storage.close());
    } else this.#endProcess(how === 'power' ? 'power' : 'thread');
  }

  #endProcess(how: 'go on' | 'thread' | 'power'): void {
    if (how === 'power') this.#site.losePower();
    // An opening that was left under way must not go on beside the next one.
    else this.#site.endThread();
  }
}

function imageName({ index, term, byteLength }: SnapshotMeta): string {
  return `${index}/${term}/${byteLength}`;
}

async function joined(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const copies: Buffer[] = [];
  for await (const piece of pieces) copies.push(Buffer.from(piece));
  return Buffer.concat(copies);
}

/** What the promise resolves to, or the {@link StorageError} that it rejects with. */
async function settled<T>(promise: Promise<T>): Promise<T | StorageError> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof StorageError) return error;
    throw error;
  }
}
