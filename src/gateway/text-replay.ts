/**
 * What becomes of commands of the text protocol when their leader is lost, or when none appears: see replay.ts.
 */

import { spanOf } from '../bytes/byte-reader.js';
import { MAX_PLANNED_COMMANDS, type StreamLimits } from '../limits.js';
import type { TextCheckpoint } from '../protocol/checkpoint.js';
import { ERR_AUTH, ERR_CMD_ERR, ERR_INTERNAL, UNWATCHED } from '../protocol/reply.js';
import { isWrite, type TextRequest } from '../protocol/request.js';
import { GuardedText, textStream } from '../protocol/text/guarded-text.js';
import { addPiece, type GivenUp, kindOf, type ReplayPiece, type ReplayPlanning } from './replay-plan.js';

const LINE_FEED = 0x0a;

/** As planReplay in replay.ts. */
export function* planTextReplay(
  sent: Uint8Array,
  at: TextCheckpoint,
  proposedBytes: number,
  limits?: StreamLimits,
): ReplayPlanning {
  const pieces: ReplayPiece[] = [];
  const parser = textStream(at, limits);
  parser.push(spanOf(sent));
  let start = 0;
  let first: TextRequest | undefined;
  // What comes after is sent again, whatever it is.
  for (let steps = 1; first === undefined || start < proposedBytes; steps += 1) {
    if (steps % MAX_PLANNED_COMMANDS === 0) yield;
    const request = parser.next();
    if (request === undefined) break;
    first ??= request;
    // The lost leader took what follows once it knew: if the password was wrong it did nothing, and that is unknown, too.
    if (request.type === 'auth' && parser instanceof GuardedText) parser.authenticated(true);
    const end = parser.consumed;
    if (isWrite(request) && end <= proposedBytes) {
      addPiece(pieces, {
        fate: 'unknown',
        byteCount: end - start,
        reply: isSilent(request) ? '' : ERR_INTERNAL,
        endsTransaction: false,
      });
      start = end;
    } else {
      // A malformed command goes along with what is to be skipped after it: the next piece must find the
      // server's parser at the start of a command.
      const next = endOfSkip(sent, end, parser.checkpoint());
      addPiece(pieces, { fate: 'resend', byteCount: next - start });
      start = next;
    }
  }
  if (start < sent.byteLength) addPiece(pieces, { fate: 'resend', byteCount: sent.byteLength - start });
  return { pieces, first: kindOf(first) };
}

/** As giveUp in replay.ts. */
export function giveUpText(
  waiting: Uint8Array,
  at: TextCheckpoint,
  maxCommands: number,
  limits?: StreamLimits,
): GivenUp {
  const parser = textStream(at, limits);
  parser.push(spanOf(waiting));
  let reply = '';
  for (let count = 0; count < maxCommands; count += 1) {
    const request = parser.next();
    if (request === undefined)
      return {
        reply,
        byteCount: parser.consumed,
        at: parser.checkpoint(),
        isAll: true,
        isOver: parser.isClosing,
      };
    if (request.type === 'auth' && parser instanceof GuardedText) parser.authenticated(false);
    if (request.type === 'watch') parser.endWatch();
    if (!isSilent(request)) reply += replyWithoutLeader(request);
  }
  return { reply, byteCount: parser.consumed, at: parser.checkpoint(), isAll: false, isOver: false };
}

function replyWithoutLeader({ type }: TextRequest): string {
  if (type === 'unwatch') return UNWATCHED;
  if (type === 'malformed') return ERR_CMD_ERR;
  return type === 'locked' ? ERR_AUTH : ERR_INTERNAL;
}

/** Whether the client asked for no reply. */
function isSilent(request: TextRequest): boolean {
  return 'noreply' in request && request.noreply;
}

/** Where in `bytes` the skipping ends that is due at `offset`, at most at their end. */
function endOfSkip(bytes: Uint8Array, offset: number, due: TextCheckpoint): number {
  if (due.place === 'locked' || due.place === 'unlocked') return endOfSkip(bytes, offset, due.at);
  if (due.place === 'command') return offset;
  // A value that is thrown away goes with the rest of its line.
  const restOfLine = due.place === 'bad value' ? offset + due.byteCount : offset;
  const lineFeed = bytes.indexOf(LINE_FEED, restOfLine);
  return lineFeed === -1 ? bytes.byteLength : lineFeed + 1;
}
