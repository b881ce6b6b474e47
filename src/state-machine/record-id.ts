/** Names of records in a store's table. */

/** A number from 0 on. The ids of removed keys are used again. */
export type RecordId = number;

/** Stands for the id of a key that is not there. */
export const NO_RECORD = -1;
