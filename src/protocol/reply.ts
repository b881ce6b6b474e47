/**
 * What clients are told in either protocol, and how the text protocol says it.
 */

import type { ByteString } from '../bytes/byte-string.js';
import type { ByteWriter } from '../bytes/byte-writer.js';
import type { RepeatResult, SessionResult } from './command.js';
import type { GetRequest } from './request.js';
import type { RespValue } from './resp/value.js';
import { compactedLine } from './text/watch-lines.js';

/** What the text protocol says to `command-error`, to `internal-error` and `timed-out`, and to `unauthenticated`. */
export const ERR_CMD_ERR = 'ERR_CMD_ERR\r\n';
export const ERR_INTERNAL = 'ERR_INTERNAL\r\n';
export const ERR_AUTH = 'ERR_AUTH\r\n';
export const UNWATCHED = 'UNWATCHED\r\n';

export type Reply =
  /** A write took effect, and the key has this version now. */
  | { readonly type: 'ok'; readonly version: number }
  /** The same for a cas that named a revision: the key's revision now, too. */
  | { readonly type: 'ok-at'; readonly version: number; readonly revision: number }
  | { readonly type: 'added'; readonly revision: number }
  | { readonly type: 'deleted' }
  /** The value as a string, or where it lies: good until something is applied. */
  | { readonly type: 'value'; readonly value: ByteString }
  | {
      readonly type: 'value-with-meta';
      readonly value: string;
      readonly version: number;
      /** Whole seconds left, 0 for ever. */
      readonly exptimeS: number;
      /** Undefined where the client did not ask for it. */
      readonly revision: number | undefined;
    }
  /** Changes after this revision are told from now on, or the state and its changes. */
  | { readonly type: 'watching'; readonly revision: number }
  | { readonly type: 'unwatched' }
  /** A watch asked for changes that are not kept. */
  | { readonly type: 'compacted'; readonly firstKept: number }
  /** The key that was to be added is there. */
  | { readonly type: 'exists' }
  | { readonly type: 'not-found' }
  /** The key is not at the version or revision that the command named. */
  | { readonly type: 'version-mismatch' }
  | { readonly type: 'command-error' }
  /** The client has told the password. */
  | { readonly type: 'authenticated' }
  /** The client has not told the password, or a wrong one. */
  | { readonly type: 'unauthenticated' }
  /** This server is not the leader; the leader is at this address. */
  | { readonly type: 'redirect'; readonly host: string; readonly port: number }
  /** No server is known to lead. Nothing happened. */
  | { readonly type: 'no-leader' }
  /** The disks of a majority accept no writes, so this write was refused. */
  | { readonly type: 'unwritable' }
  /** The write may or may not have happened: this server leads no more. */
  | { readonly type: 'internal-error' }
  /** The write may or may not have happened: no majority had it on disk in time. */
  | { readonly type: 'timed-out' }
  | SessionResult
  | RepeatResult;

/** A reply to a Redis client. Commands that exist in the text protocol, too, share its replies. */
export type RespReply = Reply | { readonly type: 'resp'; readonly value: RespValue } | PushReply;

/** Messages beside the replies: pushes in RESP3, lists in RESP2. They come whatever CLIENT REPLY has said. */
export class PushReply {
  readonly type = 'pushes';
  readonly pushes: readonly (readonly RespValue[])[];

  constructor(pushes: readonly (readonly RespValue[])[]) {
    this.pushes = pushes;
  }
}

/** How long a key with this deadline lives on, in whole seconds: at least 1 if it has one, 0 if it has none. */
export function secondsLeft(deadlineMs: number, nowMs: number): number {
  return deadlineMs === 0 ? 0 : Math.max(1, Math.ceil((deadlineMs - nowMs) / 1000));
}

/**
 * What `getm` and `gets` are told of a key.
 *
 * @param nowMs in ms since the epoch, as the deadline
 */
export function metaReply(
  { type }: GetRequest,
  record:
    | {
        readonly value: string;
        readonly version: number;
        readonly revision: number;
        readonly deadlineMs: number;
      }
    | undefined,
  nowMs: number,
): Reply {
  if (record === undefined) return { type: 'not-found' };
  const { value, version, deadlineMs } = record;
  const revision = type === 'gets' ? record.revision : undefined;
  return { type: 'value-with-meta', value, version, exptimeS: secondsLeft(deadlineMs, nowMs), revision };
}

/** Appends the reply as the text protocol has it. */
export function writeTextReply(out: ByteWriter, reply: Reply): void {
  switch (reply.type) {
    case 'ok':
      out.latin1(`OK ${reply.version}\r\n`);
      return;
    case 'ok-at':
      out.latin1(`OK ${reply.version} ${reply.revision}\r\n`);
      return;
    case 'added':
      out.latin1(`ADDED ${reply.revision}\r\n`);
      return;
    case 'watching':
      out.latin1(`WATCHING ${reply.revision}\r\n`);
      return;
    case 'unwatched':
      out.latin1(UNWATCHED);
      return;
    case 'compacted':
      out.latin1(compactedLine(reply.firstKept));
      return;
    case 'exists':
      out.latin1('ERR_EXISTS\r\n');
      return;
    case 'deleted':
      out.latin1('DELETED\r\n');
      return;
    case 'value':
      out.latin1('VALUE ');
      out.decimal(reply.value.length);
      out.latin1('\r\n');
      out.text(reply.value);
      out.latin1('\r\n');
      return;
    case 'value-with-meta':
      out.latin1(`VALUE ${reply.version} ${reply.exptimeS} `);
      if (reply.revision !== undefined) out.latin1(`${reply.revision} `);
      out.latin1(`${reply.value.length}\r\n`);
      out.latin1(reply.value);
      out.latin1('\r\n');
      return;
    case 'not-found':
      out.latin1('ERR_NOT_FOUND\r\n');
      return;
    case 'version-mismatch':
      out.latin1('ERR_VERSION\r\n');
      return;
    case 'command-error':
      out.latin1(ERR_CMD_ERR);
      return;
    case 'authenticated':
      out.latin1('OK\r\n');
      return;
    case 'unauthenticated':
      out.latin1(ERR_AUTH);
      return;
    case 'redirect':
      out.latin1(`ERR_REDIRECT ${reply.host} ${reply.port}\r\n`);
      return;
    case 'no-leader':
    case 'unwritable':
    case 'internal-error':
    case 'timed-out':
    case 'result-too-long':
    case 'result-unknown':
      out.latin1(ERR_INTERNAL);
      return;
    case 'session':
      out.latin1(`SESSION ${reply.id}\r\n`);
      return;
    case 'session-closed':
      out.latin1('CLOSED\r\n');
      return;
    case 'no-session':
      out.latin1('ERR_SESSION\r\n');
      return;
    case 'result-not-kept':
      out.latin1('ERR_SESSION done\r\n');
      return;
    case 'result-forgotten':
      out.latin1(ERR_CMD_ERR);
      return;
  }
}
