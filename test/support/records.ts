/** All that a store holds, as its readers see it. */

import type { KeyRecord } from '../../src/state-machine/key-record.js';
import type { KeyValueStore } from '../../src/state-machine/key-value-store.js';

const NO_LIMIT = { maxKeys: Number.POSITIVE_INFINITY, maxBytes: Number.POSITIVE_INFINITY };

/** Every key with its record, in the order of the keys' hashes. */
export function recordsOf(store: KeyValueStore): [key: string, record: KeyRecord][] {
  const keyspace = store.readable(store.clockMs);
  const records: [key: string, record: KeyRecord][] = [];
  for (let hash: number | undefined = 0; hash !== undefined; ) {
    const part = keyspace.keysFrom(hash, NO_LIMIT);
    for (const key of part.keys) {
      const record = keyspace.get(key);
      if (record !== undefined) records.push([key, record]);
    }
    hash = part.next;
  }
  return records;
}
