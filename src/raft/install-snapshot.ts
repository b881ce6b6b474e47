/**
 * Snapshots (§7, figure 13): a follower that needs entries which the leader has compacted is sent the leader's state
 * in chunks, with a few on their way at a time, each of which the driver is asked to read. A chunk that does not continue what
 * the follower holds is answered with how much that is, so the transfer goes on from there.
 */

import { invariant } from './assert.js';
import { commitWhatMajorityHas } from './commit.js';
import type { Core } from './core.js';
import type { ChunkRead, Progress, SendingSnapshot } from './progress.js';
import { confirmReads, echoOf } from './read-index.js';
import type { IncomingSnapshot, Leader } from './roles.js';
import type {
  InstallSnapshot,
  InstallSnapshotResponse,
  LogPosition,
  ServerId,
  SnapshotChunk,
} from './types.js';

// The leader's side.

/** The follower needs entries that are compacted: it gets the newest snapshot, from its beginning. */
export function startSnapshot(core: Core, progress: Progress): void {
  const { snapshot } = core;
  invariant(snapshot !== undefined && snapshot.byteLength > 0, 'the log was compacted without a snapshot');
  progress.sendSnapshot(snapshot, core.nowMs);
}

/** Asks the driver for the next chunk to send, as far as the limit allows. One is read for a follower at a time. */
export function askForChunk(core: Core, state: SendingSnapshot): void {
  const { snapshotChunkBytes, maxInflightChunks } = core.options;
  const { snapshot, sentBytes, receivedBytes } = state;
  const isFull = sentBytes - receivedBytes >= snapshotChunkBytes * maxInflightChunks;
  if (state.read !== undefined || isFull || sentBytes === snapshot.byteLength) return;
  core.lastReadId += 1;
  const readId = core.lastReadId;
  state.read = { readId, offset: sentBytes };
  const position = { index: snapshot.index, term: snapshot.term };
  core.snapshotReads.push({ readId, position, offset: sentBytes, maxBytes: snapshotChunkBytes });
}

/** The driver has read a chunk that a follower waits for, or found that the snapshot is no longer kept. */
export function onSnapshotRead(core: Core, readId: number, data: Uint8Array | undefined): void {
  const { role } = core;
  if (role.name !== 'leader') return;
  for (const [peer, progress] of role.progress) {
    const { state } = progress;
    if (state.name === 'snapshot' && state.read?.readId === readId)
      sendChunk(core, role, peer, progress, state, state.read, data);
  }
}

function sendChunk(
  core: Core,
  role: Leader,
  to: ServerId,
  progress: Progress,
  state: SendingSnapshot,
  { offset }: ChunkRead,
  data: Uint8Array | undefined,
): void {
  const { snapshot } = state;
  state.read = undefined;
  if (data === undefined) {
    // A newer snapshot has taken its place.
    invariant(!isSame(snapshot, core.snapshot), `the snapshot at ${snapshot.index} cannot be read`);
    startSnapshot(core, progress);
    return;
  }
  // What comes next has changed meanwhile: something was lost, or had arrived.
  if (offset !== state.sentBytes) return;
  const { id: from, currentTerm: term } = core;
  const echo = echoOf(core, role);
  core.send({ type: 'InstallSnapshot', from, to, term, snapshot, offset, data, echo });
  state.sentBytes += data.byteLength;
}

/** Whether a follower is being sent a snapshot. A newer one would have it begin anew. */
export function isSendingSnapshot({ role }: Core): boolean {
  if (role.name !== 'leader') return false;
  for (const { state } of role.progress.values()) if (state.name === 'snapshot') return true;
  return false;
}

/** Nothing came back for an election timeout: what was on its way is lost and goes again. */
export function resendLostChunks(core: Core, state: SendingSnapshot): void {
  if (core.nowMs < state.lastGrowthMs + core.options.electionTimeoutMs) return;
  state.sentBytes = state.receivedBytes;
  state.lastGrowthMs = core.nowMs;
}

export function onInstallSnapshotResponse(core: Core, message: InstallSnapshotResponse): void {
  const { role } = core;
  if (role.name !== 'leader') return;
  const progress = role.progress.get(message.from);
  if (progress === undefined) return;
  progress.heard(message.echo, core.nowMs);
  confirmReads(core, role);
  if (message.isInstalled) {
    progress.accepted(message.snapshot.index);
    commitWhatMajorityHas(core, role);
    return;
  }
  const { state } = progress;
  if (state.name !== 'snapshot' || !isSame(message.snapshot, state.snapshot)) return;
  if (message.receivedBytes > state.receivedBytes) state.lastGrowthMs = core.nowMs;
  // Fewer than before: the follower has restarted, and begins anew.
  if (message.receivedBytes < state.receivedBytes) state.sentBytes = message.receivedBytes;
  state.receivedBytes = message.receivedBytes;
  state.sentBytes = Math.max(state.sentBytes, state.receivedBytes);
}

// The follower's side. The message's term is the current one, and its sender the term's leader.

export function onInstallSnapshot(core: Core, message: InstallSnapshot): void {
  const { snapshot, offset, data } = message;
  if (snapshot.index <= core.commitIndex) {
    respond(core, message, { receivedBytes: snapshot.byteLength, isInstalled: true });
    return;
  }
  // The last chunk is being written; its own answer is on the way.
  if (core.installing !== undefined || core.role.name !== 'follower') return;
  // A late chunk of a snapshot that the leader has since replaced by the one that is coming in.
  if (snapshot.index < (core.role.incoming?.snapshot.index ?? 0)) return;
  const incoming = continued(core.role.incoming, message);
  if (offset !== incoming.receivedBytes || data.byteLength === 0) {
    respond(core, message, { receivedBytes: incoming.receivedBytes, isInstalled: false });
    return;
  }
  const receivedBytes = offset + data.byteLength;
  const last = receivedBytes === snapshot.byteLength;
  const keepsLog = core.log.has(snapshot);
  core.persistence.chunk({ snapshot, offset, data, last, keepsLog });
  core.role.incoming = last ? undefined : { snapshot, receivedBytes };
  if (last) core.installing = snapshot;
  respond(core, message, { receivedBytes, isInstalled: last });
}

/** A whole snapshot is on disk and takes the place of the log before it. */
export function snapshotInstalled(core: Core, { snapshot, keepsLog }: SnapshotChunk): void {
  core.installing = undefined;
  const { index, term, configuration = core.options.configuration } = snapshot;
  if (!keepsLog) core.log.resetTo({ index, term }, configuration);
  core.keepNewest(snapshot);
  core.log.compactTo(index);
  core.persistence.installed(snapshot.index, { keepsLog });
  core.commitTo(snapshot.index);
  if (core.handedIndex >= snapshot.index) return;
  core.handedIndex = snapshot.index;
  core.installedSnapshot = snapshot;
}

function continued(incoming: IncomingSnapshot | undefined, { snapshot }: InstallSnapshot): IncomingSnapshot {
  return incoming !== undefined && isSame(incoming.snapshot, snapshot)
    ? incoming
    : { snapshot, receivedBytes: 0 };
}

function isSame(a: LogPosition, b: LogPosition | undefined): boolean {
  return b !== undefined && a.index === b.index && a.term === b.term;
}

/** Answers once the data is on disk, which also slows the leader down to the speed of this disk. */
function respond(
  core: Core,
  { from: to, snapshot, echo }: InstallSnapshot,
  state: { readonly receivedBytes: number; readonly isInstalled: boolean },
): void {
  core.sendWhenDurable({
    type: 'InstallSnapshotResponse',
    from: core.id,
    to,
    term: core.currentTerm,
    snapshot: { index: snapshot.index, term: snapshot.term },
    ...state,
    echo,
  });
}
