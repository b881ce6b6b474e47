/**
 * What becomes of commands when no leader appears.
 *
 * Of a write that a lost leader may have proposed the outcome is unknown; everything else did not happen. Replies keep the order
 * of the commands, so the stream falls into pieces of the two kinds, one after the other.
 */

import type { StreamLimits } from '../limits.js';
import type { StreamCheckpoint } from '../protocol/checkpoint.js';
import type { HeldBytes } from './held-bytes.js';
import type { GivenUp, ReplayPlanning } from './replay-plan.js';
import { giveUpResp, planRespReplay } from './resp-replay.js';
import { giveUpText, planTextReplay } from './text-replay.js';

/** Commands that are given up at once are looked for in this many bytes first. */
const GIVEN_UP_BYTES = 64 * 1024;

/**
 * Cuts what lost leaders were sent and did not answer.
 *
 * @param sent the bytes; may end within a command.
 * @param at where the stream stands at their beginning.
 * @param proposedBytes writes that end within the first `proposedBytes` may have been proposed.
 * @param limits as at the servers that take the stream
 * @returns pieces that cover `sent`
 */
export function planReplay(
  sent: Uint8Array,
  at: StreamCheckpoint,
  proposedBytes: number,
  limits?: StreamLimits,
): ReplayPlanning {
  return at.place === 'resp'
    ? planRespReplay(sent, at, proposedBytes, limits)
    : planTextReplay(sent, at, proposedBytes, limits);
}

/** Answers whole commands in bytes that waited too long for a leader, as many as there are up to `maxCommands`. */
export function giveUp(
  waiting: Uint8Array,
  at: StreamCheckpoint,
  maxCommands: number,
  limits?: StreamLimits,
): GivenUp {
  return at.place === 'resp'
    ? giveUpResp(waiting, at, maxCommands, limits)
    : giveUpText(waiting, at, maxCommands, limits);
}

/** Gives up the commands in the first `byteCount` held bytes, or some of them. */
export function giveUpHeld(
  held: HeldBytes,
  byteCount: number,
  at: StreamCheckpoint,
  { maxCommands, limits }: { readonly maxCommands: number; readonly limits: StreamLimits },
): GivenUp {
  // A view of all of them is a copy if they are many.
  for (let length = Math.min(byteCount, GIVEN_UP_BYTES); ; length = Math.min(byteCount, 8 * length)) {
    const given = giveUp(held.view(0, length), at, maxCommands, limits);
    if (length === byteCount) return given;
    if (given.byteCount > 0) return { ...given, isAll: false };
  }
}
