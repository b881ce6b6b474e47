/**
 * Checkpoints as bytes. To add a part: a {@link Field}, and a line in each of {@link writeRespFields} and {@link readRecord}.
 * Default values are not written; what is long, or changes often, is left out where the reader has it.
 */

import type { ByteReader } from '../bytes/byte-reader.js';
import type { ByteWriter } from '../bytes/byte-writer.js';
import { readTexts, writeTexts } from '../bytes/texts.js';
import {
  AT_COMMAND_START,
  AT_RESP_START,
  AT_RESP3_START,
  type CheckpointUpdate,
  NOTHING_DROPPED,
  type RespState,
  respCheckpoint,
  SAME_SUBSCRIPTIONS,
  type StreamCheckpoint,
  type TextPlace,
  type WatchPlace,
} from './checkpoint.js';
import { NO_SUBSCRIPTIONS, subscribedTo } from './resp/subscriptions.js';

/** The first byte of an encoded checkpoint: a plain one, or the version of the record that follows. */
const Encoding = {
  unchanged: 0,
  textStart: 1,
  resp2Start: 2,
  resp3Start: 3,
  told: 4,
  record1: 0x81,
} as const;

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
  channels: 15,
  patterns: 16,
  sameSubscriptions: 17,
  toldTo: 18,
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
export function writeCheckpoint(batch: ByteWriter, at: CheckpointUpdate | undefined): void {
  if (at === undefined) batch.u8(Encoding.unchanged);
  else if (at.place === 'told') {
    batch.u8(Encoding.told);
    batch.f64(at.toldTo);
  } else if (at.place === 'command' && at.watch === undefined) batch.u8(Encoding.textStart);
  else if (at === AT_RESP_START) batch.u8(Encoding.resp2Start);
  else if (at === AT_RESP3_START) batch.u8(Encoding.resp3Start);
  else writeRecord(batch, at);
}

/** What {@link writeCheckpoint} wrote. Throws {@link CheckpointError}. */
export function readCheckpoint(reader: ByteReader): CheckpointUpdate | undefined {
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
    case Encoding.told:
      return { place: 'told', toldTo: reader.f64() };
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
  writeSubscriptions(batch, at);
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

function writeSubscriptions(batch: ByteWriter, { subscriptions, toldTo }: RespState): void {
  if (subscriptions === NO_SUBSCRIPTIONS) return;
  if (subscriptions === SAME_SUBSCRIPTIONS) batch.u8(Field.sameSubscriptions);
  else {
    batch.u8(Field.channels);
    writeTexts(batch, [...subscriptions.channels]);
    batch.u8(Field.patterns);
    writeTexts(batch, [...subscriptions.patterns]);
  }
  batch.u8(Field.toldTo);
  batch.f64(toldTo);
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
  let channels: string[] = [];
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
      case Field.channels:
        channels = readTexts(reader);
        break;
      case Field.patterns:
        resp = { ...resp, subscriptions: subscribedTo(channels, readTexts(reader)) };
        break;
      case Field.sameSubscriptions:
        resp = { ...resp, subscriptions: SAME_SUBSCRIPTIONS };
        break;
      case Field.toldTo:
        resp = { ...resp, toldTo: reader.f64() };
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
  if (resp !== undefined) {
    const { subscriptions = NO_SUBSCRIPTIONS, toldTo = 0 } = resp;
    // Nobody was told anything without a subscription.
    return respCheckpoint({ ...resp, toldTo: subscriptions === NO_SUBSCRIPTIONS ? 0 : toldTo, access });
  }
  const at = watch === undefined ? text : { ...text, watch };
  return access === 'free' ? at : { place: access, at };
}
