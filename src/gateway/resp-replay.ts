/**
 * What becomes of Redis commands when their leader is lost, or when none appears: see replay.ts.
 *
 * A transaction whose EXEC may have been proposed is answered as a whole: the next leader must not see its beginning
 * without its end.
 */

import { spanOf } from '../bytes/byte-reader.js';
import { ByteWriter } from '../bytes/byte-writer.js';
import { MAX_PLANNED_COMMANDS, type StreamLimits } from '../limits.js';
import type { RespCheckpoint } from '../protocol/checkpoint.js';
import { isWrite, type Request } from '../protocol/request.js';
import { mayTellPassword } from '../protocol/resp/access.js';
import { NO_LEADER, OUTCOME_UNKNOWN } from '../protocol/resp/error-replies.js';
import { RedisStream } from '../protocol/resp/redis-stream.js';
import { QUEUED, type RespValue } from '../protocol/resp/value.js';
import { writeResp } from '../protocol/resp/writer.js';
import { addPiece, type GivenUp, kindOf, type ReplayPiece, type ReplayPlanning } from './replay-plan.js';

/** As planReplay in replay.ts. */
export function* planRespReplay(
  sent: Uint8Array,
  at: RespCheckpoint,
  proposedBytes: number,
  limits?: StreamLimits,
): ReplayPlanning {
  const pieces: ReplayPiece[] = [];
  const stream = RedisStream.retracing(at, limits);
  const replies = new ByteWriter();
  stream.push(spanOf(sent));
  let start = 0;
  let first: Request | undefined;
  for (let steps = 1; first === undefined || start < proposedBytes; steps += 1) {
    const request = stream.next();
    if (steps % MAX_PLANNED_COMMANDS === 0 || stream.isUnfinished) yield;
    if (request === undefined && stream.isUnfinished) continue;
    if (request === undefined) break;
    first ??= request;
    stream.release();
    // As of the lost leader, which took what follows once it knew. If the password was wrong it did nothing of it.
    if (request.type === 'redis-local' && mayTellPassword(request.name)) stream.unlock();
    const end = stream.consumed;
    const { isSilenced } = stream;
    if (stream.checkpoint().transaction !== 'none') {
      const reply = request.type === 'redis-fixed' ? request.value : QUEUED;
      if (!isSilenced) writeResp(replies, reply, at.version);
      continue;
    }
    if (isWrite(request) && end <= proposedBytes) {
      if (!isSilenced) writeResp(replies, OUTCOME_UNKNOWN, at.version);
      const endsTransaction = request.type === 'redis-transaction';
      addPiece(pieces, { fate: 'unknown', byteCount: end - start, reply: textOf(replies), endsTransaction });
    } else addPiece(pieces, { fate: 'resend', byteCount: end - start });
    replies.clear();
    start = end;
  }
  if (start < sent.byteLength) addPiece(pieces, { fate: 'resend', byteCount: sent.byteLength - start });
  return { pieces, first: kindOf(first) };
}

/** As giveUp in replay.ts: what needs no leader is answered, and so a transaction is refused as a whole. */
export function giveUpResp(
  waiting: Uint8Array,
  at: RespCheckpoint,
  maxCommands: number,
  limits?: StreamLimits,
): GivenUp {
  const stream = new RedisStream(0, at, limits);
  const replies = new ByteWriter();
  stream.push(spanOf(waiting));
  let isAll = false;
  for (let count = 0; count < maxCommands && !isAll; ) {
    const request = stream.next();
    if (request === undefined && stream.isUnfinished) continue;
    count += 1;
    isAll = request === undefined;
    if (request === undefined) break;
    stream.release();
    if (request.type === 'redis-queued') stream.breakTransaction();
    if (!stream.isSilenced) writeResp(replies, replyWithoutLeader(request), stream.version);
  }
  return {
    reply: textOf(replies),
    byteCount: stream.consumed,
    at: stream.checkpoint(),
    isAll,
    isOver: stream.isClosing,
  };
}

function replyWithoutLeader(request: Request): RespValue {
  if (request.type === 'redis-transaction') return request.lost ?? NO_LEADER;
  return request.type === 'redis-fixed' ? request.value : NO_LEADER;
}

function textOf(replies: ByteWriter): string {
  return Buffer.from(replies.view()).toString('latin1');
}
