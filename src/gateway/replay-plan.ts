/**
 * The pieces that a stream falls into when no leader appears, see replay.ts.
 */

import {
  AT_COMMAND_START,
  NOTHING_DROPPED,
  respCheckpoint,
  type StreamCheckpoint,
} from '../protocol/checkpoint.js';
import { isRead, type Request } from '../protocol/request.js';

export type ReplayPiece =
  /** What was not executed: it is given up, or sent to a leader that appears. */
  | { readonly fate: 'resend'; readonly byteCount: number }
  /** Whole writes with unknown outcome, and what the client gets for them. */
  | {
      readonly fate: 'unknown';
      readonly byteCount: number;
      readonly reply: string;
      /** The last transaction in it has been executed, or not: it and what it watched are over. */
      readonly endsTransaction: boolean;
    };

export interface PlannedReplay {
  /** No two neighbours share their fate. */
  readonly pieces: readonly ReplayPiece[];
  /** What the first command does; `none` if there is no whole one. */
  readonly first: 'read' | 'other' | 'none';
}

/** The first command of a replay, undefined if there is no whole one. */
export function kindOf(first: Request | undefined): PlannedReplay['first'] {
  if (first === undefined) return 'none';
  return isRead(first) ? 'read' : 'other';
}

/** Goes through the commands, many in each step. */
export type ReplayPlanning = Generator<undefined, PlannedReplay, undefined>;

/** Commands that are answered without a leader. */
export interface GivenUp {
  readonly reply: string;
  /** How many bytes are answered. */
  readonly byteCount: number;
  /** Where the stream stands after them. */
  readonly at: StreamCheckpoint;
  /** There are no more whole commands: what is left, if anything, is an incomplete one. */
  readonly isAll: boolean;
  /** The client gets no more: it said QUIT, or what it sent makes no sense. */
  readonly isOver: boolean;
}

/** Where the stream stands after writes with unknown outcome, given where it stood before. */
export function afterUnknown(at: StreamCheckpoint, endsTransaction: boolean): StreamCheckpoint {
  if (at.place === 'locked' || at.place === 'unlocked') return { place: at.place, at: AT_COMMAND_START };
  if (at.place !== 'resp') return AT_COMMAND_START;
  const isOver = endsTransaction && (at.transaction !== 'none' || at.hasWatched);
  const ended = isOver ? respCheckpoint({ ...at, transaction: 'none', hasWatched: false }) : at;
  // Any rest of a refused command lay before these writes.
  return ended.dropped === NOTHING_DROPPED ? ended : respCheckpoint({ ...ended, dropped: NOTHING_DROPPED });
}

/** The pieces of a replay that are still ahead; they are used up from the front. */
export class ReplayPlan {
  #pieces: ReplayPiece[] = [];
  #next = 0;

  /** The piece that comes next; undefined when bytes flow freely. */
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
export function addPiece(pieces: ReplayPiece[], piece: ReplayPiece): void {
  const last = pieces.at(-1);
  if (last?.fate === 'resend' && piece.fate === 'resend') {
    pieces[pieces.length - 1] = { fate: 'resend', byteCount: last.byteCount + piece.byteCount };
  } else if (last?.fate === 'unknown' && piece.fate === 'unknown') {
    pieces[pieces.length - 1] = {
      fate: 'unknown',
      byteCount: last.byteCount + piece.byteCount,
      reply: last.reply + piece.reply,
      endsTransaction: last.endsTransaction || piece.endsTransaction,
    };
  } else {
    pieces.push(piece);
  }
}
