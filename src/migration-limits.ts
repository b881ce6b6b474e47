/** Limits of moving keys between data directories, backups and etcd, with what happens when they are reached. */

import { MAX_TXN_KEYS } from './etcd-limits.js';
import { assertRelations } from './limit-relations.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Records that are handled in one turn of the event loop, and bytes of them: a larger one comes alone. */
export const MAX_BATCH_RECORDS = 256;
export const MAX_BATCH_BYTES = 256 * KIB;

/** Records that are put into etcd by one transaction; the record of how far it is goes with them. */
export const MAX_PUT_RECORDS = MAX_TXN_KEYS - 1;

/** Bytes of names and values that are put into etcd by one transaction; a larger record comes alone. */
export const MAX_PUT_BYTES = MIB;

/** Keys that are asked of etcd at once: fewer where the answer is longer than etcd-limits.ts has it. */
export const MAX_PAGE_KEYS = 512;

/** After so many records a file says anew how far it is: as many at most are read again after a kill. */
export const RECORDS_PER_MARK = 20_000;

/** Changes of a running cluster that wait to be copied, and bytes of them: no more are read until some are. */
export const MAX_FEED_CHANGES = 4_096;
export const MAX_FEED_BYTES = 4 * MIB;

/** Keys of a running cluster that are compared at once. */
export const MAX_COMPARED_AT_ONCE = 1_024;

/** Keys that have changed since they were compared: with more, they are compared before further changes are copied. */
export const MAX_UNCOMPARED_KEYS = 100_000;

/** Writes wait at the cut-over once no more keys than this are to be compared, or after so many rounds of comparing. */
export const MAX_COMPARED_PAUSED = 1_024;
export const MAX_ROUNDS_BEFORE_PAUSE = 8;

/** Keys and values that have changed in etcd since they were copied: with more of them all are copied again. */
export const MAX_CHANGED_BYTES = 256 * MIB;

/** How long etcd may count keys, each of which it looks at: millions, on a machine that has other things to do. */
export const COUNT_TIMEOUT_MS = 20_000;

/** How long etcd may not answer until the migration is given up; it can be gone on with. */
export const MAX_ETCD_SILENCE_MS = 60_000;

assertRelations('migration-limits.ts', [
  [MAX_PUT_RECORDS >= 1, 'a transaction has room for a record and for how far it is'],
  [RECORDS_PER_MARK >= MAX_BATCH_RECORDS, 'a file is not marked after each batch'],
]);
