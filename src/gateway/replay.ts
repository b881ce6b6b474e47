/**
 * What becomes of commands when their leader is lost, or when none appears.
 *
 * A write that may have been proposed must not be sent to another leader: it could take effect twice. It is
 * answered by an error. Everything else is sent again, unseen by the client. Replies keep the order of the
 * commands, so the stream falls into pieces of the two kinds, one after the other.
 */

import { spanOf } from '../bytes/byte-reader.js';
import { AT_COMMAND_START, type StreamCheckpoint, type TextCheckpoint } from '../protocol/checkpoint.js';
import { ERR_CMD_ERR, ERR_INTERNAL } from '../protocol/reply.js';
import { isWrite, type TextRequest } from '../protocol/request.js';
import { TextParser } from '../protocol/text/parser.js';
import { addPiece, type GivenUp, type ReplayPiece } from './replay-plan.js';
import { giveUpResp, planRespReplay } from './resp-replay.js';

const LINE_FEED = 0x0a;

/**
 * Cuts what a lost leader was sent and did not answer.
 *
 * @param sent the bytes; may end within a command.
 * @param at where the stream stands at their beginning.
 * @param proposedBytes writes that end within so many bytes may have been proposed.
 * @returns pieces that cover `sent`, no two neighbours of the same fate.
 */
export function planReplay(sent: Uint8Array, at: StreamCheckpoint, proposedBytes: number): ReplayPiece[] {
  return at.skip === 'resp'
    ? planRespReplay(sent, at, proposedBytes)
    : planTextReplay(sent, at, proposedBytes);
}

function planTextReplay(sent: Uint8Array, at: TextCheckpoint, proposedBytes: number): ReplayPiece[] {
  const pieces: ReplayPiece[] = [];
  const parser = new TextParser(at);
  parser.push(spanOf(sent));
  let start = 0;
  // What comes behind is sent again, whatever it is.
  while (start < proposedBytes) {
    const request = parser.next();
    if (request === undefined) break;
    const end = parser.consumed;
    if (isWrite(request) && end <= proposedBytes) {
      addPiece(pieces, {
        fate: 'unknown',
        byteCount: end - start,
        reply: isSilent(request) ? '' : ERR_INTERNAL,
        at: AT_COMMAND_START,
      });
      start = end;
    } else {
      // A malformed command goes along with what is to be skipped after it: the next piece must find the
      // server's parser at the start of a command.
      const behind = endOfSkip(sent, end, parser.checkpoint());
      addPiece(pieces, { fate: 'resend', byteCount: behind - start });
      start = behind;
    }
  }
  if (start < sent.byteLength) addPiece(pieces, { fate: 'resend', byteCount: sent.byteLength - start });
  return pieces;
}

/** Answers whole commands in bytes that waited too long for a leader, as many as there are up to `maxCommands`. */
export function giveUp(waiting: Uint8Array, at: StreamCheckpoint, maxCommands: number): GivenUp {
  return at.skip === 'resp' ? giveUpResp(waiting, at, maxCommands) : giveUpText(waiting, at, maxCommands);
}

function giveUpText(waiting: Uint8Array, at: TextCheckpoint, maxCommands: number): GivenUp {
  const parser = new TextParser(at);
  parser.push(spanOf(waiting));
  let reply = '';
  for (let count = 0; count < maxCommands; count += 1) {
    const request = parser.next();
    if (request === undefined)
      return { reply, byteCount: parser.consumed, at: parser.checkpoint(), isAll: true, isOver: false };
    if (request.type === 'malformed') reply += ERR_CMD_ERR;
    else if (!isSilent(request)) reply += ERR_INTERNAL;
  }
  return { reply, byteCount: parser.consumed, at: parser.checkpoint(), isAll: false, isOver: false };
}

/** Whether the client asked for no reply. */
function isSilent(request: TextRequest): boolean {
  return 'noreply' in request && request.noreply;
}

/** Where in `bytes` the skipping ends that is due at `offset`, at most at their end. */
function endOfSkip(bytes: Uint8Array, offset: number, due: TextCheckpoint): number {
  if (due.skip === 'nothing') return offset;
  // A value that is thrown away goes with the rest of its line.
  const restOfLine = due.skip === 'bytes' ? offset + due.byteCount : offset;
  const lineFeed = bytes.indexOf(LINE_FEED, restOfLine);
  return lineFeed === -1 ? bytes.byteLength : lineFeed + 1;
}
