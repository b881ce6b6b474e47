/** What replies mean to whoever made the call. Each function throws the KvError that an error reply stands for. */

import { NotFoundError, RefusedError, VersionMismatchError, WrongTypeError } from './client-errors.js';
import type { VersionedValue } from './key-value-client.js';
import type { Reply } from './reply-reader.js';

/** `OK <version>` of `set`. */
export function versionOfSet({ line }: Reply): number {
  if (line.startsWith('OK ')) return Number(line.slice(3));
  throw refusal('set', line);
}

/** `OK <version>` of `cas`, or `OK <version> <revision>`, taken apart. */
export function numbersOfCas(key: string): (reply: Reply) => readonly number[] {
  return ({ line }) => {
    if (line.startsWith('OK ')) return line.slice(3).split(' ').map(Number);
    if (line === 'ERR_VERSION') throw new VersionMismatchError(key);
    if (line === 'ERR_NOT_FOUND') throw new NotFoundError(key);
    throw errorOf('cas', key, line);
  };
}

export function textOf(key: string): (reply: Reply) => string | undefined {
  return ({ line, value }) => {
    if (value !== undefined) return value.toString();
    if (line === 'ERR_NOT_FOUND') return undefined;
    throw errorOf('get', key, line);
  };
}

export function bytesOf(key: string): (reply: Reply) => Buffer | undefined {
  return ({ line, value }) => {
    if (value !== undefined) {
      // A slice would keep all of the packet that it came in.
      const own = Buffer.allocUnsafeSlow(value.byteLength);
      value.copy(own);
      return own;
    }
    if (line === 'ERR_NOT_FOUND') return undefined;
    throw errorOf('get', key, line);
  };
}

/** `ADDED <revision>`; undefined if there is such a key. */
export function revisionOfAdd({ line }: Reply): number | undefined {
  if (line.startsWith('ADDED ')) return Number(line.slice(6));
  if (line === 'ERR_EXISTS') return undefined;
  throw refusal('add', line);
}

/** `VALUE <version> <exptime> <revision> <numbytes>` of `gets`. */
export function versionedValueOf(key: string): (reply: Reply) => VersionedValue | undefined {
  return ({ line, value }) => {
    if (line === 'ERR_NOT_FOUND') return undefined;
    if (value === undefined) throw errorOf('gets', key, line);
    const [, version = 0, exptime, revision = 0] = line.split(' ').map(Number);
    return {
      value: value.toString(),
      version,
      revision,
      ttl: exptime === 0 ? undefined : exptime,
    };
  };
}

export function wasDeleted(key: string): (reply: Reply) => boolean {
  return ({ line }) => {
    if (line === 'DELETED') return true;
    if (line === 'ERR_NOT_FOUND') return false;
    if (line === 'ERR_VERSION') throw new VersionMismatchError(key);
    throw refusal('delete', line);
  };
}

export function sessionIdOf({ line }: Reply): string {
  if (line.startsWith('SESSION ')) return line.slice(8);
  throw new RefusedError('a session', `it answered ${line}; give the client sessions: false if it has none`);
}

function errorOf(what: string, key: string, line: string): Error {
  return line === 'ERR_TYPE' ? new WrongTypeError(key) : refusal(what, line);
}

function refusal(what: string, line: string): RefusedError {
  const reason =
    line === 'ERR_CMD_ERR'
      ? 'a value over its limit, or a command that it does not know'
      : `it answered ${JSON.stringify(line)}`;
  return new RefusedError(what, reason);
}
