/**
 * What of a client's connection outlives the server that it is at: where its stream stands after its last complete request,
 * and what the requests before have made of the connection. Another server goes on from there.
 *
 * To add a part: a field with a default value, a {@link Field} of its own, and a line in each of
 * {@link writeRecord} and {@link readRecord}. Default values are not written.
 */

import type { ByteReader } from '../bytes/byte-reader.js';
import type { ByteWriter } from '../bytes/byte-writer.js';

export type StreamCheckpoint = TextCheckpoint | RespCheckpoint;

/** The place in a stream of the text protocol; of a server with a password, also whether the client has told it. */
export type TextCheckpoint =
  | TextPlace
  | { readonly place: 'locked'; readonly at: TextPlace }
  | { readonly place: 'unlocked'; readonly at: TextPlace };

/** The place in a stream, and the watch of its client if there is one. */
export type TextPlace = PlainPlace & { readonly watch?: WatchPlace | undefined };

/** What a client watches, and how far it was told. */
export interface WatchPlace {
  /** One character per byte. */
  readonly prefix: string;
  /** The next revision to be told; 0 while the state is told, when nobody can go on. */
  readonly revision: number;
}

type PlainPlace =
  /** Between two requests: the next one starts here. */
  | { readonly place: 'command' }
  /** Before the value of a bad command: `byteCount` bytes, and then the rest of a line, are to be skipped. */
  | { readonly place: 'bad value'; readonly byteCount: number }
  /** Within a bad line: the rest of it is to be skipped together with its line break. */
  | { readonly place: 'bad line' };

/** In a stream of the Redis protocol, between two commands: what the ones before have made of the connection. */
export interface RespCheckpoint extends RespState {
  readonly place: 'resp';
}

export interface RespState {
  /** What HELLO agreed on; 2 at the start. */
  readonly version: 2 | 3;
  /** `open` after MULTI and before EXEC; `broken` if EXEC will be refused, because one of the commands was. */
  readonly transaction: 'none' | 'open' | 'broken';
  /** WATCH has named keys for the next EXEC. */
  readonly hasWatched: boolean;
  /** What CLIENT SETNAME said, one character per byte; empty at the start. */
  readonly name: string;
  /** What CLIENT SETINFO said of the client's library, as above. */
  readonly libName: string;
  readonly libVersion: string;
  /** What CLIENT REPLY said; `skip` if the next command is not answered. */
  readonly replies: 'on' | 'off' | 'skip';
  /** MONITOR was said: the connection is told of all commands. */
  readonly isMonitor: boolean;
  /** READONLY was said: a server that does not lead answers reads. */
  readonly isReadOnly: boolean;
  /** `free` where there is no password; `locked` until the client has told it. */
  readonly access: 'free' | 'locked' | 'unlocked';
  /** The rest of a command that was refused for its size: bytes of an argument, and arguments after that. */
  readonly dropped: DroppedRest;
}

export interface DroppedRest {
  readonly bytes: number;
  readonly args: number;
}

export const NOTHING_DROPPED: DroppedRest = { bytes: 0, args: 0 };

export const AT_COMMAND_START: TextPlace = { place: 'command' };

export const AT_RESP_START: RespCheckpoint = {
  place: 'resp',
  version: 2,
  transaction: 'none',
  hasWatched: false,
  name: '',
  libName: '',
  libVersion: '',
  replies: 'on',
  isMonitor: false,
  isReadOnly: false,
  access: 'free',
  dropped: NOTHING_DROPPED,
};

const AT_RESP3_START: RespCheckpoint = { ...AT_RESP_START, version: 3 };

/** Whether the password is due there. */
export function isLocked(at: StreamCheckpoint): boolean {
  return at.place === 'locked' || (at.place === 'resp' && at.access === 'locked');
}

/** The same at a server with a password, before the client has told it. */
export function locked(at: TextPlace | RespCheckpoint): StreamCheckpoint {
  return at.place === 'resp' ? { ...at, access: 'locked' } : { place: 'locked', at };
}

/** The checkpoint with this state, as at the start where nothing else is said. It is a shared object if that is all. */
export function respCheckpoint(state: Partial<RespState>): RespCheckpoint {
  const at: RespCheckpoint = { ...AT_RESP_START, ...state };
  const isPlain =
    at.transaction === 'none' &&
    !at.hasWatched &&
    at.name === '' &&
    at.libName === '' &&
    at.libVersion === '' &&
    at.replies === 'on' &&
    !at.isMonitor &&
    !at.isReadOnly &&
    at.access === 'free' &&
    at.dropped === NOTHING_DROPPED;
  if (!isPlain) return at;
  return at.version === 2 ? AT_RESP_START : AT_RESP3_START;
}

/** The watch of the checkpoint, if there is one. */
export function watchOf(at: StreamCheckpoint): WatchPlace | undefined {
  if (at.place === 'resp') return undefined;
  return at.place === 'locked' || at.place === 'unlocked' ? at.at.watch : at.watch;
}

/** Whether the client is told of something although it sends nothing: MONITOR, or a watch. It needs a server all the time. */
export function isToldUnasked(at: StreamCheckpoint): boolean {
  return at.place === 'resp' ? at.isMonitor : watchOf(at) !== undefined;
}

/** The checkpoint with this watch, or without one. */
export function withWatch(at: TextCheckpoint, watch: WatchPlace | undefined): TextCheckpoint {
  if (at.place === 'locked' || at.place === 'unlocked') return { ...at, at: placeWithWatch(at.at, watch) };
  return placeWithWatch(at, watch);
}

function placeWithWatch(at: TextPlace, watch: WatchPlace | undefined): TextPlace {
  return watch === undefined && at.place === 'command' ? AT_COMMAND_START : { ...at, watch };
}

/** The first byte of an encoded checkpoint: a plain one, or the version of the record that follows. */
const Encoding = { unchanged: 0, textStart: 1, resp2Start: 2, resp3Start: 3, record1: 0x81 } as const;

/** What follows in a record, until `end`. */
const Field = {
  end: 0,
  skipBytes: 1,
  skipLine: 2,
  respVersion: 3,
  transaction: 4,
  watched: 5,
  name: 6,
  libName: 7,
  libVersion: 8,
  replies: 9,
  dropped: 10,
  monitor: 11,
  readOnly: 12,
  access: 13,
  watch: 14,
} as const;

const TRANSACTIONS = ['none', 'open', 'broken'] as const;
const REPLIES = ['on', 'off', 'skip'] as const;
const ACCESS = ['free', 'locked', 'unlocked'] as const;

/** The bytes are no checkpoint that this version of the program writes. */
export class CheckpointError extends Error {
  readonly code = 'BAD_CHECKPOINT';

  constructor(what: string, found: number) {
    super(`a connection's checkpoint has an unknown ${what}, ${found}`);
    this.name = 'CheckpointError';
  }
}

/** Appends the checkpoint; undefined stands for one that the reader has. A plain one takes a byte. */
export function writeCheckpoint(batch: ByteWriter, at: StreamCheckpoint | undefined): void {
  if (at === undefined) batch.u8(Encoding.unchanged);
  else if (at.place === 'command' && at.watch === undefined) batch.u8(Encoding.textStart);
  else if (at === AT_RESP_START) batch.u8(Encoding.resp2Start);
  else if (at === AT_RESP3_START) batch.u8(Encoding.resp3Start);
  else writeRecord(batch, at);
}

/** What {@link writeCheckpoint} wrote. Throws {@link CheckpointError}. */
export function readCheckpoint(reader: ByteReader): StreamCheckpoint | undefined {
  const encoding = reader.u8();
  switch (encoding) {
    case Encoding.unchanged:
      return undefined;
    case Encoding.textStart:
      return AT_COMMAND_START;
    case Encoding.resp2Start:
      return AT_RESP_START;
    case Encoding.resp3Start:
      return AT_RESP3_START;
    case Encoding.record1:
      return readRecord(reader);
    default:
      throw new CheckpointError('encoding', encoding);
  }
}

function writeRecord(batch: ByteWriter, at: StreamCheckpoint): void {
  batch.u8(Encoding.record1);
  writeFields(batch, at);
  batch.u8(Field.end);
}

function writeFields(batch: ByteWriter, at: StreamCheckpoint): void {
  switch (at.place) {
    case 'command':
      break;
    case 'locked':
    case 'unlocked':
      batch.u8(Field.access);
      batch.u8(ACCESS.indexOf(at.place));
      writeFields(batch, at.at);
      return;
    case 'bad value':
      batch.u8(Field.skipBytes);
      batch.f64(at.byteCount);
      break;
    case 'bad line':
      batch.u8(Field.skipLine);
      break;
    case 'resp':
      writeRespFields(batch, at);
      return;
  }
  if (at.watch === undefined) return;
  batch.u8(Field.watch);
  batch.f64(at.watch.revision);
  batch.u32(at.watch.prefix.length);
  batch.latin1(at.watch.prefix);
}

function writeRespFields(batch: ByteWriter, at: RespState): void {
  const { version, transaction, hasWatched, replies, dropped } = at;
  batch.u8(Field.respVersion);
  batch.u8(version);
  if (transaction !== 'none') {
    batch.u8(Field.transaction);
    batch.u8(TRANSACTIONS.indexOf(transaction));
  }
  if (hasWatched) batch.u8(Field.watched);
  writeText(batch, Field.name, at.name);
  writeText(batch, Field.libName, at.libName);
  writeText(batch, Field.libVersion, at.libVersion);
  if (replies !== 'on') {
    batch.u8(Field.replies);
    batch.u8(REPLIES.indexOf(replies));
  }
  if (at.isMonitor) batch.u8(Field.monitor);
  if (at.isReadOnly) batch.u8(Field.readOnly);
  if (at.access !== 'free') {
    batch.u8(Field.access);
    batch.u8(ACCESS.indexOf(at.access));
  }
  if (dropped !== NOTHING_DROPPED) {
    batch.u8(Field.dropped);
    batch.f64(dropped.bytes);
    batch.u32(dropped.args);
  }
}

function writeText(batch: ByteWriter, field: number, text: string): void {
  if (text === '') return;
  batch.u8(field);
  batch.u32(text.length);
  batch.latin1(text);
}

function readRecord(reader: ByteReader): StreamCheckpoint {
  let text: TextPlace = AT_COMMAND_START;
  let access: RespState['access'] = 'free';
  let resp: Partial<RespState> | undefined;
  let watch: WatchPlace | undefined;
  for (let field = reader.u8(); field !== Field.end; field = reader.u8()) {
    switch (field) {
      case Field.skipBytes:
        text = { place: 'bad value', byteCount: reader.f64() };
        break;
      case Field.skipLine:
        text = { place: 'bad line' };
        break;
      case Field.watch:
        watch = { revision: reader.f64(), prefix: reader.latin1(reader.u32()) };
        break;
      case Field.respVersion:
        resp = { ...resp, version: reader.u8() === 2 ? 2 : 3 };
        break;
      case Field.transaction:
        resp = { ...resp, transaction: TRANSACTIONS[reader.u8()] ?? 'broken' };
        break;
      case Field.watched:
        resp = { ...resp, hasWatched: true };
        break;
      case Field.name:
        resp = { ...resp, name: reader.latin1(reader.u32()) };
        break;
      case Field.libName:
        resp = { ...resp, libName: reader.latin1(reader.u32()) };
        break;
      case Field.libVersion:
        resp = { ...resp, libVersion: reader.latin1(reader.u32()) };
        break;
      case Field.replies:
        resp = { ...resp, replies: REPLIES[reader.u8()] ?? 'on' };
        break;
      case Field.monitor:
        resp = { ...resp, isMonitor: true };
        break;
      case Field.readOnly:
        resp = { ...resp, isReadOnly: true };
        break;
      case Field.access:
        access = ACCESS[reader.u8()] ?? 'locked';
        break;
      case Field.dropped:
        resp = { ...resp, dropped: { bytes: reader.f64(), args: reader.u32() } };
        break;
      default:
        throw new CheckpointError('field', field);
    }
  }
  if (resp !== undefined) return respCheckpoint({ ...resp, access });
  const at = watch === undefined ? text : { ...text, watch };
  return access === 'free' ? at : { place: access, at };
}
