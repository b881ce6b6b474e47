/** What Redis clients are told of errors by which nothing was done. */

import { ContendedError, EtcdLongAnswerError, EtcdRefusalError } from '../../etcd/etcd-errors.js';
import { TooMuchReadError } from '../../etcd/etcd-keys.js';
import { StoredValueError } from '../../etcd/value-codec.js';
import { ErrorReply } from '../../protocol/resp/value.js';

export const NO_SPACE = new ErrorReply(
  'NOSPACE etcd is out of space: nothing was written. Compact and defragment it, then disarm its alarm.',
);

/** Undefined for an error that should not be. */
export function replyTo(error: unknown): ErrorReply | undefined {
  if (error instanceof EtcdRefusalError && error.isNoSpace) return NO_SPACE;
  const isKnown =
    error instanceof EtcdRefusalError ||
    error instanceof ContendedError ||
    error instanceof TooMuchReadError ||
    error instanceof EtcdLongAnswerError ||
    error instanceof StoredValueError;
  if (!isKnown) return undefined;
  return new ErrorReply(`${error instanceof ContendedError ? 'TRYAGAIN' : 'ERR'} etcd: ${error.message}`);
}
