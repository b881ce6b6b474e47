/** Restores the state machine from a snapshot on disk. */

import { KeyValueStore } from '../state-machine/key-value-store.js';
import type { Storage } from '../storage/storage.js';

/**
 * A store like the one that is given, as it is in the newest snapshot, or a part of it if it was given up meanwhile. Rejects
 * with StorageError when the snapshot is damaged.
 */
export async function restoreStore(
  storage: Pick<Storage, 'snapshotImage'>,
  { hashSecret, history: { maxChanges } }: Pick<KeyValueStore, 'hashSecret' | 'history'>,
  isWanted: () => boolean = () => true,
): Promise<KeyValueStore> {
  const { store, reader } = KeyValueStore.fromImage(hashSecret, maxChanges);
  for await (const piece of storage.snapshotImage()) {
    if (!isWanted()) return store;
    reader.push(piece);
  }
  reader.end();
  return store;
}
