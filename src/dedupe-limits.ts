/** Limits of the results that a server keeps for the router, which repeats what a lost leader has not answered. */

/**
 * The newest results are kept, in chunks of this many bytes, and the oldest chunk goes when one more would exceed the total. At
 * least 65,536 results of writes without a value in them fit: as many as all clients together may have unanswered.
 */
export const OUTCOME_CHUNK_BYTES = 64 * 1024;
export const MAX_OUTCOME_CHUNKS = 48;

/** A longer result is not kept: whoever repeats the command is told that it is done, with an unknown outcome. */
export const MAX_OUTCOME_BYTES = 32 * 1024;

/** Results that are looked through, one after the other, to find one among them. */
export const MAX_OUTCOMES_PER_RUN = 256;
