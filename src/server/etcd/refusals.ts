/** What clients are told of commands that were not executed, or not surely. */

import { ContendedError, EtcdLongAnswerError, EtcdRefusalError } from '../../etcd/etcd-errors.js';
import { TooMuchReadError } from '../../etcd/etcd-names.js';
import { StoredValueError } from '../../etcd/value-codec.js';
import type { Reply } from '../../protocol/reply.js';
import { isWrite } from '../../protocol/request.js';
import { ErrorReply } from '../../protocol/resp/value.js';
import type { Answerer } from '../clients/answering.js';
import type { PendingCommand } from '../clients/client-connection.js';

/** What commands are answered by here. */
export type EtcdAnswerer = Pick<
  Answerer,
  'read' | 'write' | 'tell' | 'local' | 'fromState' | 'unexecuted' | 'endIfGone'
>;

export const UNKNOWN = new ErrorReply(
  'UNKNOWN etcd has not answered in time: the write may or may not have happened',
);

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

/** @param text what a client of the text protocol is told */
export function answerRefused(
  answerer: EtcdAnswerer,
  command: PendingCommand,
  reply: ErrorReply,
  text: Reply = { type: 'internal-error' },
): void {
  if (command.client.redis === undefined) answerer.unexecuted(command, text);
  else answerer.read(command, reply);
}

/** The command may have been executed. */
export function answerUnknown(answerer: EtcdAnswerer, command: PendingCommand): void {
  if (!isWrite(command.request)) answerer.unexecuted(command, { type: 'no-leader' });
  else answerRefused(answerer, command, UNKNOWN);
}
