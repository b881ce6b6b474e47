/**
 * The data directories of a cluster that nobody runs on, as the source of a migration. The state is what a leader elected from
 * these disks would have: the most up-to-date log of a majority, applied to the snapshot before it, in memory as a server has it.
 */

import { type Environment, endOfTurn } from '../environment.js';
import { APPLY_WORK_PER_TURN, MAX_APPLY_MS_PER_TURN, SNAPSHOT_SLICE_BYTES } from '../limits.js';
import { quorumOf } from '../raft/configuration.js';
import { countVotes } from '../raft/quorum.js';
import type { Configuration, LogPosition, ServerId } from '../raft/types.js';
import { KeyValueStore } from '../state-machine/key-value-store.js';
import { Work } from '../state-machine/work.js';
import type { ClusterDirectory } from '../storage/cluster-directory.js';
import { DataDirectoryError, explainedIfHung } from '../storage/data-directory-error.js';
import type { DiskStorage } from '../storage/disk-storage.js';
import type { Files } from '../storage/files.js';
import { openExistingDirectories } from '../storage/open-directories.js';
import { endOf, isMoreUpToDate, latestConfiguration, openServer } from '../storage/recovered-logs.js';
import type { Position, Source, SourceHead } from './ends.js';
import { NO_REVISIONS, recordsOfImage } from './image-source.js';
import type { MigratedRecord } from './record.js';

interface World {
  readonly files: Files;
  readonly environment: Environment;
}

/** The order of the records is the same each time, so that a migration can be gone on with. */
const HASH_SECRET = { k0: 0, k1: 0 };

interface Opened {
  readonly id: ServerId;
  readonly storage: DiskStorage;
}

export class DirectorySource implements Source {
  readonly #directory: ClusterDirectory;
  readonly #environment: Environment;
  readonly #store: KeyValueStore;
  readonly identity: string;
  #head: SourceHead = { clockMs: 0, revisions: NO_REVISIONS };

  private constructor(
    directory: ClusterDirectory,
    environment: Environment,
    { store, identity }: { readonly store: KeyValueStore; readonly identity: string },
  ) {
    this.#directory = directory;
    this.#environment = environment;
    this.#store = store;
    this.identity = identity;
  }

  /** The paths are one directory of all servers, or one for each. Rejects with DataDirectoryError, StorageError or ImageError. */
  static async open(paths: readonly string[], { files, environment }: World): Promise<DirectorySource> {
    const directory = await openExistingDirectories(paths, { files, environment });
    try {
      return await explainedIfHung(paths.join(', '), async () => {
        const { store, end } = await read(directory, { files, environment, path: paths.join(', ') });
        const identity = `directory ${directory.clusterId} ${end.term} ${end.index}`;
        const source = new DirectorySource(directory, environment, { store, identity });
        await source.#readHead();
        return source;
      });
    } catch (error) {
      await directory.close();
      throw error;
    }
  }

  get head(): SourceHead {
    return this.#head;
  }

  get total(): number {
    return this.#store.size;
  }

  read({ records }: Position): AsyncIterable<readonly MigratedRecord[]> {
    return recordsOfImage(this.#pieces(), this.#environment, { skipped: records });
  }

  close(): Promise<void> {
    return this.#directory.close();
  }

  async #readHead(): Promise<void> {
    const onHead = (head: SourceHead) => {
      this.#head = head;
    };
    for await (const _ of recordsOfImage(this.#pieces(), this.#environment, { onHead })) return;
  }

  async *#pieces(): AsyncGenerator<Uint8Array> {
    const image = this.#store.image({ isBackup: true });
    try {
      for (
        let piece = image.next(SNAPSHOT_SLICE_BYTES);
        piece !== undefined;
        piece = image.next(SNAPSHOT_SLICE_BYTES)
      ) {
        yield piece;
        await endOfTurn(this.#environment);
      }
    } finally {
      image.close();
    }
  }
}

async function read(
  directory: ClusterDirectory,
  { files, environment, path }: World & { readonly path: string },
): Promise<{ readonly store: KeyValueStore; readonly end: LogPosition }> {
  const opened = await openServers(directory, files);
  try {
    const best = opened.reduce<Opened | undefined>(
      (one, other) =>
        one === undefined || isMoreUpToDate(other.storage.recovered, one.storage.recovered) ? other : one,
      undefined,
    );
    const ids = opened.map(({ id }) => id);
    if (
      best === undefined ||
      !hasMajority(latestConfiguration(best.storage.recovered, directory.servers), ids)
    )
      throw new DataDirectoryError(
        path,
        'lacks the disks of most servers, so what was written last may be missing',
      );
    for (const { storage } of opened) if (storage !== best.storage) storage.forgetRecovered();
    return { store: await restore(best.storage, environment), end: endOf(best.storage.recovered) };
  } finally {
    for (const { storage } of opened) await storage.close();
  }
}

/** Those whose disks can be read: where that is a majority, it has all that was acknowledged. */
async function openServers(directory: ClusterDirectory, files: Files): Promise<readonly Opened[]> {
  const opened: Opened[] = [];
  for (const { id } of directory.members) {
    const storage = await openServer(directory, id, files).catch((error: unknown) => {
      // With one disk alone, what is wrong with it says more than that it is missing.
      if (directory.members.length === 1) throw error;
      return undefined;
    });
    if (storage !== undefined) opened.push({ id, storage });
  }
  return opened;
}

async function restore(storage: DiskStorage, environment: Environment): Promise<KeyValueStore> {
  const { recovered } = storage;
  const { store, reader } = KeyValueStore.fromImage(HASH_SECRET, 1);
  if (recovered.snapshot !== undefined) {
    for await (const piece of storage.snapshotImage()) reader.push(piece);
    reader.end();
  }
  const work = new Work(() => environment.nowMs());
  work.allow(APPLY_WORK_PER_TURN, MAX_APPLY_MS_PER_TURN);
  for (const { index, term, payload } of recovered.entries) {
    if (index <= (recovered.snapshot?.index ?? 0)) continue;
    store.begin(payload, undefined, term);
    while (!store.goOn(work) || work.isSpent) {
      await endOfTurn(environment);
      work.allow(APPLY_WORK_PER_TURN, MAX_APPLY_MS_PER_TURN);
    }
  }
  return store;
}

function hasMajority(configuration: Configuration, ids: readonly ServerId[]): boolean {
  return countVotes(quorumOf(configuration), new Map(ids.map((id) => [id, true]))) === 'won';
}
