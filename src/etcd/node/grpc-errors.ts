/** What a failed call by gRPC says about whether anything was done. */

import { Code, ConnectError } from '@connectrpc/connect';
import { MAX_ANSWER_BYTES } from '../../etcd-limits.js';
import {
  EtcdLongAnswerError,
  EtcdNoAnswerError,
  EtcdRefusalError,
  EtcdUnreachableError,
} from '../etcd-errors.js';

/** With these etcd has done nothing. */
const NOTHING_DONE = new Set([
  Code.InvalidArgument,
  Code.NotFound,
  Code.AlreadyExists,
  Code.PermissionDenied,
  Code.ResourceExhausted,
  Code.FailedPrecondition,
  Code.OutOfRange,
  Code.Unimplemented,
  Code.Unauthenticated,
]);

/** What a member says that knows no leader, before it does anything. */
const NO_LEADER = 'etcdserver: no leader';

/** What went wrong with a call that may have been sent to this endpoint. */
export function errorOf(reason: unknown, endpoint: string): Error {
  if (reason instanceof EtcdLongAnswerError) return reason;
  const error = ConnectError.from(reason);
  const told = `${endpoint}: ${error.rawMessage}`;
  // Only what etcd itself has said tells that nothing was done.
  if (!error.metadata.has('grpc-status')) {
    return error.rawMessage.includes('readMaxBytes')
      ? new EtcdLongAnswerError(MAX_ANSWER_BYTES)
      : new EtcdNoAnswerError(told);
  }
  if (error.rawMessage === NO_LEADER) return new EtcdUnreachableError(told);
  return NOTHING_DONE.has(error.code)
    ? new EtcdRefusalError(error.code, error.rawMessage)
    : new EtcdNoAnswerError(told);
}

/** etcd no longer knows the token of this program: it ends after some minutes, or with the member that has given it. */
export function isTokenOver(error: unknown): boolean {
  if (!(error instanceof EtcdRefusalError)) return false;
  return error.status === Code.Unauthenticated || error.message.includes('user name is empty');
}
