/** The part of the package that is used here: it ships no types. */

declare module 'fs-native-extensions' {
  /**
   * Locks the open file against all other openings of it, in this process and others; returns false when one of those has
   * the lock. It is gone with the last descriptor of this opening: when that is closed, or the process has ended.
   */
  export function tryLock(fd: number): boolean;
}
