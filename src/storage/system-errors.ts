/** What the operating system says when it refuses something, and what the user can do about it. */

/** The code for what went wrong (ENOENT, EIO ...); undefined for an error that is not the operating system's. */
export function systemCodeOf(error: unknown): string | undefined {
  // Within jest Node's errors are of another realm, and no instances of this one's Error.
  if (typeof error !== 'object' || error === null || !('syscall' in error && 'code' in error))
    return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** An action for the user. */
export function adviceFor(error: unknown): string {
  return ADVICE.get(systemCodeOf(error) ?? '') ?? 'check the disk';
}

const FULL = 'the disk is full: make room on it';
const FORBIDDEN = 'permission is missing: let the user who runs this read and write it';
const TOO_MANY_FILES = 'too many files are open: raise the limit, see "ulimit -n"';
const WRONG_KIND = 'a file is where a directory belongs, or the reverse: put back what belongs there';

const ADVICE: ReadonlyMap<string, string> = new Map([
  ['ETIMEDOUT', 'the disk does not answer: wait until it does'],
  ['EROFS', 'the file system is read-only: make it writable'],
  ['EACCES', FORBIDDEN],
  ['EPERM', FORBIDDEN],
  ['ENOSPC', FULL],
  ['EDQUOT', FULL],
  ['EMFILE', TOO_MANY_FILES],
  ['ENFILE', TOO_MANY_FILES],
  ['ENOMEM', 'the machine is out of memory: free some'],
  ['EAGAIN', 'the machine is out of threads or memory: stop what needs them'],
  ['ENOTDIR', WRONG_KIND],
  ['EISDIR', WRONG_KIND],
  ['EEXIST', WRONG_KIND],
]);
