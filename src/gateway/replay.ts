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

/** Commands are looked for in this many held bytes first: a view of many is a copy. */
const FIRST_VIEW_BYTES = 64 * 1024;

/** Then in so many times as many. */
const VIEW_GROWTH = 8;

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

/**
 * The same of the first `byteCount` held bytes, which must not change meanwhile. They are looked at in the steps alone, and if
 * nothing may have been proposed only until the first command is found.
 */
export function* planHeld(
  held: HeldBytes,
  byteCount: number,
  at: StreamCheckpoint,
  { proposedBytes, limits }: { readonly proposedBytes: number; readonly limits: StreamLimits },
): ReplayPlanning {
  const firstBytes = proposedBytes > 0 ? byteCount : FIRST_VIEW_BYTES;
  for (let length = Math.min(byteCount, firstBytes); ; length = Math.min(byteCount, VIEW_GROWTH * length)) {
    const planned = yield* planReplay(held.view(0, length), at, proposedBytes, limits);
    if (length === byteCount) return planned;
    if (planned.first !== 'none') return { ...planned, pieces: [{ fate: 'resend', byteCount }] };
    yield;
  }
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
  const firstBytes = Math.min(byteCount, FIRST_VIEW_BYTES);
  for (let length = firstBytes; ; length = Math.min(byteCount, VIEW_GROWTH * length)) {
    const given = giveUp(held.view(0, length), at, maxCommands, limits);
    if (length === byteCount) return given;
    if (given.byteCount > 0) return { ...given, isAll: false };
  }
}
