/**
 * What gateway and server say to each other about client connections, many frames to a batch.
 *
 * A batch is one transferred Uint8Array. A *session* is one client connection's stay at one server: the router
 * opens a new session for the same connection when the leader changes, so a late frame of an old session can
 * never be taken for one of the new.
 */

import { ByteReader } from '../bytes/byte-reader.js';
import type { ByteWriter } from '../bytes/byte-writer.js';

/** Numbers sessions, unique for the life of the gateway. */
export type SessionId = number;

/**
 * Where a client's stream can be taken up by another server: right behind the last answered command. What is
 * left of that command's value, or the rest of its line, must be skipped first.
 */
export type StreamCheckpoint =
  | { readonly skip: 'nothing' }
  | { readonly skip: 'bytes'; readonly byteCount: number }
  | { readonly skip: 'line' };

export const AT_COMMAND_START: StreamCheckpoint = { skip: 'nothing' };

/** From the gateway to a server. */
export type ClientFrame =
  /** A client connected. A `routed` one came through the router: it must never be told to go elsewhere. */
  | {
      readonly type: 'open';
      readonly session: SessionId;
      readonly routed: boolean;
      readonly at: StreamCheckpoint;
    }
  /** Bytes the client sent, cut anywhere. */
  | { readonly type: 'data'; readonly session: SessionId; readonly bytes: Uint8Array }
  /** The client's socket took that many bytes of replies. */
  | { readonly type: 'drained'; readonly session: SessionId; readonly byteCount: number }
  /** The client is gone. What it sent and was proposed goes on; nothing is to be answered. */
  | { readonly type: 'close'; readonly session: SessionId };

/** From a server to the gateway. */
export type ServerFrame =
  /**
   * `bytes` answer the session's next `answeredBytes` bytes of input (either may be 0). `at` says where the
   * stream stands behind them.
   */
  | {
      readonly type: 'reply';
      readonly session: SessionId;
      readonly answeredBytes: number;
      readonly at: StreamCheckpoint;
      readonly bytes: Uint8Array;
    }
  /**
   * Ends a routed session: this server leads no more. Of the input not yet answered, writes within the first
   * `proposedBytes` may or may not take effect; whatever comes later was not proposed and is free to go
   * elsewhere.
   */
  | { readonly type: 'refuse'; readonly session: SessionId; readonly proposedBytes: number }
  /** Close the connection once what was answered is written. */
  | { readonly type: 'close'; readonly session: SessionId };

const CLIENT_OPEN = 1;
const CLIENT_DATA = 2;
const CLIENT_DRAINED = 3;
const CLIENT_CLOSE = 4;
const SERVER_REPLY = 5;
const SERVER_REFUSE = 6;
const SERVER_CLOSE = 7;

const SKIP_LINE = -1;

/** A batch was malformed: a bug, since both ends are ours. */
export class FrameError extends Error {
  readonly code = 'BAD_FRAME';

  constructor(kind: number) {
    super(`unknown frame type ${kind} in a batch of client traffic`);
    this.name = 'FrameError';
  }
}

/** Appends the frame to a batch. */
export function writeClientFrame(batch: ByteWriter, frame: ClientFrame): void {
  switch (frame.type) {
    case 'open':
      batch.u8(CLIENT_OPEN);
      batch.u32(frame.session);
      batch.u8(frame.routed ? 1 : 0);
      writeCheckpoint(batch, frame.at);
      return;
    case 'data':
      batch.u8(CLIENT_DATA);
      batch.u32(frame.session);
      batch.u32(frame.bytes.byteLength);
      batch.bytes(frame.bytes);
      return;
    case 'drained':
      batch.u8(CLIENT_DRAINED);
      batch.u32(frame.session);
      batch.u32(frame.byteCount);
      return;
    case 'close':
      batch.u8(CLIENT_CLOSE);
      batch.u32(frame.session);
      return;
  }
}

/** The frames of a batch, in order; their bytes are views of it. Throws {@link FrameError}. */
export function* readClientFrames(batch: Uint8Array): Generator<ClientFrame, void, undefined> {
  const reader = new ByteReader(batch);
  while (reader.remaining > 0) {
    const kind = reader.u8();
    const session = reader.u32();
    switch (kind) {
      case CLIENT_OPEN: {
        const routed = reader.u8() === 1;
        yield { type: 'open', session, routed, at: readCheckpoint(reader) };
        break;
      }
      case CLIENT_DATA:
        yield { type: 'data', session, bytes: reader.bytes(reader.u32()) };
        break;
      case CLIENT_DRAINED:
        yield { type: 'drained', session, byteCount: reader.u32() };
        break;
      case CLIENT_CLOSE:
        yield { type: 'close', session };
        break;
      default:
        throw new FrameError(kind);
    }
  }
}

/** Appends the frame to a batch. */
export function writeServerFrame(batch: ByteWriter, frame: ServerFrame): void {
  switch (frame.type) {
    case 'reply':
      batch.u8(SERVER_REPLY);
      batch.u32(frame.session);
      batch.u32(frame.answeredBytes);
      writeCheckpoint(batch, frame.at);
      batch.u32(frame.bytes.byteLength);
      batch.bytes(frame.bytes);
      return;
    case 'refuse':
      batch.u8(SERVER_REFUSE);
      batch.u32(frame.session);
      batch.u32(frame.proposedBytes);
      return;
    case 'close':
      batch.u8(SERVER_CLOSE);
      batch.u32(frame.session);
      return;
  }
}

/** The frames of a batch, in order; their bytes are views of it. Throws {@link FrameError}. */
export function* readServerFrames(batch: Uint8Array): Generator<ServerFrame, void, undefined> {
  const reader = new ByteReader(batch);
  while (reader.remaining > 0) {
    const kind = reader.u8();
    const session = reader.u32();
    switch (kind) {
      case SERVER_REPLY: {
        const answeredBytes = reader.u32();
        const at = readCheckpoint(reader);
        yield { type: 'reply', session, answeredBytes, at, bytes: reader.bytes(reader.u32()) };
        break;
      }
      case SERVER_REFUSE:
        yield { type: 'refuse', session, proposedBytes: reader.u32() };
        break;
      case SERVER_CLOSE:
        yield { type: 'close', session };
        break;
      default:
        throw new FrameError(kind);
    }
  }
}

function writeCheckpoint(batch: ByteWriter, at: StreamCheckpoint): void {
  switch (at.skip) {
    case 'nothing':
      batch.f64(0);
      return;
    case 'bytes':
      batch.f64(at.byteCount);
      return;
    case 'line':
      batch.f64(SKIP_LINE);
      return;
  }
}

function readCheckpoint(reader: ByteReader): StreamCheckpoint {
  const skip = reader.f64();
  if (skip === 0) return AT_COMMAND_START;
  return skip === SKIP_LINE ? { skip: 'line' } : { skip: 'bytes', byteCount: skip };
}
