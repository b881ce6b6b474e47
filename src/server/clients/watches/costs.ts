/** What telling watchers is counted as, and how often they are looked at. */

/** Bytes that count for looking at a change, for finding a watcher's place, and for each line besides its own. */
export const CHANGE_COST = 64;
export const SEEK_COST = 1024;
export const TOLD_COST = 256;

/** How often those are looked for who were told of nothing for long, in ms. */
export const MARKS_PERIOD_MS = 500;
