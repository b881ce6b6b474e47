/**
 * What becomes of commands when their leader is lost, or when none appears.
 *
 * A write that may have been proposed must not be sent to another leader: it could take effect twice. It is
 * answered `ERR_INTERNAL`. Everything else is sent again, unseen by the client. Replies keep the order of the
 * commands, so the stream falls into pieces of the two kinds, one after the other.
 */

import type { StreamCheckpoint } from '../protocol/checkpoint.js';
import type { TextRequest } from '../protocol/request.js';
import { TextParser } from '../protocol/text-parser.js';

export type ReplayPiece =
  /** Bytes to send to the next leader. A next piece may only be begun once all of them are answered. */
  | { readonly fate: 'resend'; readonly byteCount: number }
  /** Whole writes with unknown outcome, and what the client gets for them. */
  | { readonly fate: 'unknown'; readonly byteCount: number; readonly reply: string };

const ERR_INTERNAL = 'ERR_INTERNAL\r\n';
const ERR_CMD_ERR = 'ERR_CMD_ERR\r\n';
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
  const pieces: ReplayPiece[] = [];
  const parser = new TextParser(at);
  parser.push(sent);
  let start = 0;
  for (let request = parser.next(); request !== undefined; request = parser.next()) {
    const end = parser.consumed;
    if (isWrite(request) && end <= proposedBytes) {
      addPiece(pieces, {
        fate: 'unknown',
        byteCount: end - start,
        reply: isSilent(request) ? '' : ERR_INTERNAL,
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

/** Commands that are answered without a leader. */
export interface GivenUp {
  readonly reply: string;
  /** How many bytes are answered: all but an incomplete command at the end. */
  readonly byteCount: number;
  /** Where the stream stands behind them. */
  readonly at: StreamCheckpoint;
}

/** Answers every whole command in bytes that waited too long for a leader. */
export function giveUp(waiting: Uint8Array, at: StreamCheckpoint): GivenUp {
  const parser = new TextParser(at);
  parser.push(waiting);
  let reply = '';
  for (let request = parser.next(); request !== undefined; request = parser.next()) {
    if (request.type === 'malformed') reply += ERR_CMD_ERR;
    else if (!isSilent(request)) reply += ERR_INTERNAL;
  }
  return { reply, byteCount: parser.consumed, at: parser.checkpoint() };
}

/** The pieces of a replay that are still ahead; they are used up from the front. */
export class ReplayPlan {
  #pieces: ReplayPiece[] = [];
  #next = 0;

  /** The piece that comes next; without one, bytes flow freely. */
  get front(): ReplayPiece | undefined {
    return this.#pieces[this.#next];
  }

  /** Drops bytes from the front piece, of which there must be as many. */
  advance(byteCount: number): void {
    const front = this.front;
    if (front === undefined) return;
    if (byteCount < front.byteCount) {
      this.#pieces[this.#next] = { ...front, byteCount: front.byteCount - byteCount };
      return;
    }
    this.#next += 1;
    if (this.front === undefined) this.clear();
  }

  /** Puts pieces in place of the bytes that they cover at the front. */
  replaceFront(pieces: readonly ReplayPiece[]): void {
    this.advance(pieces.reduce((byteCount, piece) => byteCount + piece.byteCount, 0));
    const replaced = [...pieces];
    for (const piece of this.#pieces.slice(this.#next)) addPiece(replaced, piece);
    // What is to be sent again at the end flows freely: it may end within a command that new bytes complete.
    if (replaced.at(-1)?.fate === 'resend') replaced.pop();
    this.#pieces = replaced;
    this.#next = 0;
  }

  clear(): void {
    this.#pieces = [];
    this.#next = 0;
  }
}

/** Appends a piece, as part of the last one when they share their fate. */
function addPiece(pieces: ReplayPiece[], piece: ReplayPiece): void {
  const last = pieces.at(-1);
  if (last?.fate === 'resend' && piece.fate === 'resend') {
    pieces[pieces.length - 1] = { fate: 'resend', byteCount: last.byteCount + piece.byteCount };
  } else if (last?.fate === 'unknown' && piece.fate === 'unknown') {
    pieces[pieces.length - 1] = {
      fate: 'unknown',
      byteCount: last.byteCount + piece.byteCount,
      reply: last.reply + piece.reply,
    };
  } else {
    pieces.push(piece);
  }
}

function isWrite(request: TextRequest): boolean {
  return request.type === 'set' || request.type === 'cas' || request.type === 'delete';
}

/** Whether the client asked for no reply. */
function isSilent(request: TextRequest): boolean {
  return 'noreply' in request && request.noreply;
}

/** Where in `bytes` the skipping ends that is due at `offset`, at most at their end. */
function endOfSkip(bytes: Uint8Array, offset: number, due: StreamCheckpoint): number {
  if (due.skip === 'nothing') return offset;
  // A value that is thrown away goes with the rest of its line.
  const restOfLine = due.skip === 'bytes' ? offset + due.byteCount : offset;
  const lineFeed = bytes.indexOf(LINE_FEED, restOfLine);
  return lineFeed === -1 ? bytes.byteLength : lineFeed + 1;
}
