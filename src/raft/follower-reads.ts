/**
 * Reads that a follower answers from its own state (thesis 6.4): it asks the leader for the index up to which it must have
 * applied the log, with one message for all reads of a turn. The leader treats that as a read of its own.
 */

import type { Core } from './core.js';
import type { LogIndex, ReadIndexResponse, ServerId } from './types.js';

/** A group of reads came in at a server that does not lead. It fails unless a leader is known. */
export function askLeader(core: Core, readId: number): void {
  if (core.leader === undefined) core.failedReads.push(readId);
  else core.followerReads.add(readId);
}

/** Sends the leader one request for all reads that came in since the last. */
export function sendReadRequest(core: Core): void {
  const { followerReads, leader } = core;
  if (!followerReads.isDue || leader === undefined) return;
  const request = followerReads.takeRequest(core.nowMs);
  core.send({ type: 'ReadIndex', from: core.id, to: leader, term: core.currentTerm, request });
}

/** The leader's side: it led after the request came. */
export function answerFollower(
  core: Core,
  { id, request }: { readonly id: ServerId; readonly request: number },
  index: LogIndex,
): void {
  core.send({ type: 'ReadIndexResponse', from: core.id, to: id, term: core.currentTerm, request, index });
}

/** The leader of the current term has answered. */
export function onReadIndexResponse(core: Core, { request, index }: ReadIndexResponse): void {
  for (const readId of core.followerReads.takeAnswered(request)) core.confirmedReads.push({ readId, index });
}

/** There is another leader now, or none, or this server leads: the old one answers no more reads. */
export function failFollowerReads(core: Core): void {
  core.failedReads.push(...core.followerReads.takeAll());
}
