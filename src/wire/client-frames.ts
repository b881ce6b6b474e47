/**
 * What gateway and server say to each other about client connections, many frames to a batch.
 *
 * A batch is one transferred Uint8Array. A client connection has an *assignment* to the server that it is at. When the leader
 * changes, the router gives its connections new assignments, so a late frame of an old one is never taken for one of the new.
 */

import { ByteReader, type ByteSpan } from '../bytes/byte-reader.js';
import type { ByteString } from '../bytes/byte-string.js';
import type { ByteWriter } from '../bytes/byte-writer.js';
import { readTexts, writeTexts } from '../bytes/texts.js';
import type { CheckpointUpdate, StreamCheckpoint } from '../protocol/checkpoint.js';
import { readCheckpoint, writeCheckpoint } from '../protocol/checkpoint-bytes.js';
import type { Args } from '../protocol/command.js';
import type { Term } from '../raft/types.js';
import type { ClientAddress } from './control.js';
import { type DedupeKey, readDedupeKey, writeDedupeKey } from './dedupe-key.js';
import { readKeys, readValues, writeKeys, writeValues } from './lookup-frames.js';

/** The number of an assignment in its traffic channel. It is not used again while the server may still name it. */
export type AssignmentId = number;

/** The number of a connection in its gateway, from 1 on. It is the same at each server, and never used again. */
export type ConnectionId = number;

/** What a server gets to know of a connection that comes to it. */
export interface AssignmentOpening {
  readonly connection: ConnectionId;
  /** It came through the router: it must never be redirected. */
  readonly routed: boolean;
  /** The client's own address, and the one by which it reached us. */
  readonly from: ClientAddress;
  readonly reached: ClientAddress;
  /** How long ago it was accepted. */
  readonly ageMs: number;
  /** Where its stream stands, and so its protocol. */
  readonly at: StreamCheckpoint;
  /** By what the writes of a routed connection are known: see state-machine/router-dedupe/. */
  readonly dedupeKey?: DedupeKey | undefined;
}

/** From the gateway to a server. */
export type ClientFrame<Bytes = Uint8Array, Key = string> =
  /**
   * A client sent its first bytes, or goes on here after another server.
   */
  | ({ readonly type: 'open'; readonly assignment: AssignmentId } & AssignmentOpening)
  /** Bytes the client sent, cut anywhere. */
  | { readonly type: 'data'; readonly assignment: AssignmentId; readonly bytes: Bytes }
  /** The client's socket took that many bytes of replies. */
  | { readonly type: 'drained'; readonly assignment: AssignmentId; readonly byteCount: number }
  /** The client sent all it will. Answer what is complete, then `close`. */
  | { readonly type: 'end'; readonly assignment: AssignmentId }
  /** The client is gone. What it sent and was proposed goes on; nothing is to be answered. */
  | { readonly type: 'close'; readonly assignment: AssignmentId }
  /** A question to every server, as a client asked all: args of a CLIENT or CONFIG command. The server sends an `answer`. */
  | {
      readonly type: 'question';
      readonly question: QuestionId;
      /** The connection of the client that asked. */
      readonly connection: ConnectionId;
      readonly args: Args;
    }
  /** To the server whose client asked all: the answers of all servers, and the gateway's own. */
  | { readonly type: 'all-answers'; readonly assignment: AssignmentId; readonly answers: readonly string[] }
  /** Gets of a client in this process. In a batch it is alone, or not the first frame. The server sends `found`. */
  | { readonly type: 'lookup'; readonly lookup: LookupId; readonly keys: readonly Key[] };

/** The number of a question in its gateway. */
export type QuestionId = number;

/** The number of a lookup in its traffic channel. */
export type LookupId = number;

/** From a server to the gateway. */
export type ServerFrame<Value = ByteString> =
  /**
   * `bytes` answer the assignment's next `answeredBytes` bytes of input (either may be 0). `at` is where the stream stands after
   * them; undefined if it is unchanged since the assignment's last frame, or since its `open`.
   */
  | {
      readonly type: 'reply';
      readonly assignment: AssignmentId;
      readonly answeredBytes: number;
      readonly at: CheckpointUpdate | undefined;
      readonly bytes: Uint8Array;
    }
  /**
   * A part of a long reply, which comes in several: its client gets them with the assignment's next `reply`, which answers the
   * command, or not at all if the assignment is lost before.
   */
  | { readonly type: 'part'; readonly assignment: AssignmentId; readonly bytes: Uint8Array }
  /**
   * Ends a routed assignment: this server does not lead. Of the input that is not answered, writes that end within the first
   * `proposedBytes` may or may not take effect; what comes later was not proposed and may be sent to another server.
   * `ledTerm` is the last term that this server led, 0 for none: news that it leads in a later term came after.
   */
  | {
      readonly type: 'refuse';
      readonly assignment: AssignmentId;
      readonly proposedBytes: number;
      readonly ledTerm: Term;
    }
  /** Close the connection once what was answered is written. */
  | { readonly type: 'close'; readonly assignment: AssignmentId }
  /**
   * Asks all servers, for the assignment's client, with the args of its CLIENT or CONFIG command; or asks the gateway alone, with
   * AUTH, a user and a password. Comes back as `all-answers`, the gateway's own being a Verdict (gateway/doorkeeper.ts).
   */
  | {
      readonly type: 'ask-all';
      readonly assignment: AssignmentId;
      readonly connection: ConnectionId;
      readonly args: Args;
    }
  /** This server's answer to a `question`. */
  | { readonly type: 'answer'; readonly question: QuestionId; readonly answer: string }
  /** The values of the first keys of a `lookup`, undefined where there is none. The other keys are to be read in another way. */
  | { readonly type: 'found'; readonly lookup: LookupId; readonly values: readonly (Value | undefined)[] };

const CLIENT_OPEN = 1;
const CLIENT_DATA = 2;
const CLIENT_DRAINED = 3;
const CLIENT_END = 4;
const CLIENT_CLOSE = 5;
const SERVER_REPLY = 6;
const SERVER_REFUSE = 7;
const SERVER_CLOSE = 8;
const CLIENT_QUESTION = 9;
const CLIENT_ALL_ANSWERS = 10;
const SERVER_ASK_ALL = 11;
const SERVER_ANSWER = 12;
const SERVER_PART = 13;
const CLIENT_LOOKUP = 14;
const SERVER_FOUND = 15;

const ROUTED = 1;
const DEDUPED = 2;

/** A batch was malformed: a bug, since both ends are ours. */
export class FrameError extends Error {
  readonly code = 'BAD_FRAME';

  constructor(reason: string) {
    super(`${reason} in a batch of client traffic`);
    this.name = 'FrameError';
  }
}

/** Appends the frame to a batch. */
export function writeClientFrame(batch: ByteWriter, frame: ClientFrame): void {
  switch (frame.type) {
    case 'open':
      batch.u8(CLIENT_OPEN);
      batch.u32(frame.assignment);
      batch.f64(frame.connection);
      batch.u8((frame.routed ? ROUTED : 0) | (frame.dedupeKey === undefined ? 0 : DEDUPED));
      writeAddress(batch, frame.from);
      writeAddress(batch, frame.reached);
      batch.f64(frame.ageMs);
      writeCheckpoint(batch, frame.at);
      if (frame.dedupeKey !== undefined) writeDedupeKey(batch, frame.dedupeKey);
      return;
    case 'data':
      batch.u8(CLIENT_DATA);
      batch.u32(frame.assignment);
      batch.u32(frame.bytes.byteLength);
      batch.bytes(frame.bytes);
      return;
    case 'drained':
      batch.u8(CLIENT_DRAINED);
      batch.u32(frame.assignment);
      batch.u32(frame.byteCount);
      return;
    case 'end':
      batch.u8(CLIENT_END);
      batch.u32(frame.assignment);
      return;
    case 'close':
      batch.u8(CLIENT_CLOSE);
      batch.u32(frame.assignment);
      return;
    case 'question':
      batch.u8(CLIENT_QUESTION);
      batch.u32(frame.question);
      batch.f64(frame.connection);
      writeTexts(batch, frame.args);
      return;
    case 'all-answers':
      batch.u8(CLIENT_ALL_ANSWERS);
      batch.u32(frame.assignment);
      writeTexts(batch, frame.answers);
      return;
    case 'lookup':
      batch.u8(CLIENT_LOOKUP);
      batch.u32(frame.lookup);
      writeKeys(batch, frame.keys);
      return;
  }
}

/** Whether the batch is a `lookup` alone: a batch that begins with one has nothing else. */
export function isLookup(batch: Uint8Array): boolean {
  return batch[0] === CLIENT_LOOKUP;
}

/** The frames of a batch, in order; their bytes are where they lie in it. Throws {@link FrameError}. */
export function* readClientFrames(
  batch: Uint8Array,
): Generator<ClientFrame<ByteSpan, ByteSpan>, void, undefined> {
  const reader = new ByteReader(batch);
  while (reader.remaining > 0) {
    const kind = reader.u8();
    const assignment = reader.u32();
    switch (kind) {
      case CLIENT_OPEN: {
        const connection = reader.f64();
        const flags = reader.u8();
        const routed = (flags & ROUTED) !== 0;
        const from = readAddress(reader);
        const reached = readAddress(reader);
        const ageMs = reader.f64();
        const at = readCheckpoint(reader);
        if (at === undefined || at.place === 'told') throw new FrameError(`unknown frame type ${kind}`);
        const dedupeKey = (flags & DEDUPED) === 0 ? undefined : readDedupeKey(reader);
        const open = { type: 'open', assignment, connection, routed, from, reached, ageMs, at } as const;
        yield dedupeKey === undefined ? open : { ...open, dedupeKey };
        break;
      }
      case CLIENT_DATA:
        yield { type: 'data', assignment, bytes: reader.span(reader.u32()) };
        break;
      case CLIENT_DRAINED:
        yield { type: 'drained', assignment, byteCount: reader.u32() };
        break;
      case CLIENT_END:
        yield { type: 'end', assignment };
        break;
      case CLIENT_CLOSE:
        yield { type: 'close', assignment };
        break;
      case CLIENT_QUESTION:
        yield { type: 'question', question: assignment, connection: reader.f64(), args: readTexts(reader) };
        break;
      case CLIENT_ALL_ANSWERS:
        yield { type: 'all-answers', assignment, answers: readTexts(reader) };
        break;
      case CLIENT_LOOKUP:
        yield { type: 'lookup', lookup: assignment, keys: readKeys(reader) };
        break;
      default:
        throw new FrameError(`unknown frame type ${kind}`);
    }
  }
}

/** A host is an address of the operating system's: with a zone, its longest has fewer bytes. */
const MAX_HOST_BYTES = 64;

/** Bytes of an address in a frame, at most. */
export const MAX_ADDRESS_BYTES = 1 + MAX_HOST_BYTES + 4;

function writeAddress(batch: ByteWriter, { host, port }: ClientAddress): void {
  const written = host.slice(0, MAX_HOST_BYTES);
  batch.u8(written.length);
  batch.latin1(written);
  batch.u32(port);
}

function readAddress(reader: ByteReader): ClientAddress {
  const byteCount = reader.u8();
  if (byteCount > MAX_HOST_BYTES) throw new FrameError(`a host of ${byteCount} bytes`);
  return { host: reader.latin1(byteCount), port: reader.u32() };
}

/** Appends the frame to a batch. */
export function writeServerFrame(batch: ByteWriter, frame: ServerFrame): void {
  switch (frame.type) {
    case 'reply': {
      const offset = beginReply(batch, frame.assignment);
      batch.bytes(frame.bytes);
      endReply(batch, offset, frame);
      return;
    }
    case 'part': {
      const offset = beginPart(batch, frame.assignment);
      batch.bytes(frame.bytes);
      endPart(batch, offset);
      return;
    }
    case 'refuse':
      batch.u8(SERVER_REFUSE);
      batch.u32(frame.assignment);
      batch.u32(frame.proposedBytes);
      batch.f64(frame.ledTerm);
      return;
    case 'close':
      batch.u8(SERVER_CLOSE);
      batch.u32(frame.assignment);
      return;
    case 'ask-all':
      batch.u8(SERVER_ASK_ALL);
      batch.u32(frame.assignment);
      batch.f64(frame.connection);
      writeTexts(batch, frame.args);
      return;
    case 'answer':
      batch.u8(SERVER_ANSWER);
      batch.u32(frame.question);
      writeTexts(batch, [frame.answer]);
      return;
    case 'found':
      batch.u8(SERVER_FOUND);
      batch.u32(frame.lookup);
      writeValues(batch, frame.values);
      return;
  }
}

/** The fields of a reply frame that are known only at its end. */
export interface ReplyEnd {
  readonly answeredBytes: number;
  readonly at: CheckpointUpdate | undefined;
}

/**
 * Begins a reply frame whose bytes are then written straight into the batch; returns what {@link endReply} needs to
 * complete it.
 */
export function beginReply(batch: ByteWriter, assignment: AssignmentId): number {
  batch.u8(SERVER_REPLY);
  batch.u32(assignment);
  const offset = batch.length;
  batch.u32(0);
  batch.u32(0);
  return offset;
}

/** Completes the reply frame that was begun at `offset`: everything written since is its bytes. */
export function endReply(batch: ByteWriter, offset: number, { answeredBytes, at }: ReplyEnd): void {
  batch.patchU32(offset, answeredBytes);
  batch.patchU32(offset + 4, batch.length - offset - 8);
  writeCheckpoint(batch, at);
}

/** As {@link beginReply}, for a part of a reply, which {@link endPart} completes. */
export function beginPart(batch: ByteWriter, assignment: AssignmentId): number {
  batch.u8(SERVER_PART);
  batch.u32(assignment);
  const offset = batch.length;
  batch.u32(0);
  return offset;
}

export function endPart(batch: ByteWriter, offset: number): void {
  batch.patchU32(offset, batch.length - offset - 4);
}

/** The frames of a batch, in order; their bytes are views of it. Throws {@link FrameError}. */
export function* readServerFrames(batch: Uint8Array): Generator<ServerFrame<ByteSpan>, void, undefined> {
  const reader = new ByteReader(batch);
  while (reader.remaining > 0) {
    const kind = reader.u8();
    const assignment = reader.u32();
    switch (kind) {
      case SERVER_REPLY: {
        const answeredBytes = reader.u32();
        const bytes = reader.bytes(reader.u32());
        yield { type: 'reply', assignment, answeredBytes, at: readCheckpoint(reader), bytes };
        break;
      }
      case SERVER_PART:
        yield { type: 'part', assignment, bytes: reader.bytes(reader.u32()) };
        break;
      case SERVER_REFUSE:
        yield { type: 'refuse', assignment, proposedBytes: reader.u32(), ledTerm: reader.f64() };
        break;
      case SERVER_CLOSE:
        yield { type: 'close', assignment };
        break;
      case SERVER_ASK_ALL:
        yield { type: 'ask-all', assignment, connection: reader.f64(), args: readTexts(reader) };
        break;
      case SERVER_ANSWER:
        yield { type: 'answer', question: assignment, answer: readTexts(reader)[0] ?? '' };
        break;
      case SERVER_FOUND:
        yield { type: 'found', lookup: assignment, values: readValues(reader) };
        break;
      default:
        throw new FrameError(`unknown frame type ${kind}`);
    }
  }
}
