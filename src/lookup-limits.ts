/** Limits of keys that clients in this process look up: what is more is read as by any other client. */

import { assertRelations } from './limit-relations.js';
import { MAX_KEY_BYTES, MAX_TRAFFIC_BATCH_BYTES } from './limits.js';

/** Keys of one lookup. */
export const MAX_LOOKUP_KEYS = 256;

/** Lookups that a server may owe an answer. */
export const MAX_OPEN_LOOKUPS = 16;

/** Bytes of the values in one answer; the first value that does not fit, and all after it, are left out. */
export const MAX_LOOKUP_REPLY_BYTES = 128 * 1024;

assertRelations('lookup-limits.ts', [
  [MAX_LOOKUP_KEYS * (MAX_KEY_BYTES + 1) < MAX_TRAFFIC_BATCH_BYTES / 4, 'a lookup fits in half a batch'],
]);
