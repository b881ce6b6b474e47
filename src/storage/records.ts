/**
 * The format of what a server keeps in LevelDB:
 *
 * | key | value |
 * |---|---|
 * | `n` | the newest segment of the log: its number (f64), its length in bytes (f64) |
 * | `o` | whose it is: serverId (u8), clusterId |
 * | `s` | the newest snapshot: index (f64), term (f64), byteLength (f64) |
 * | `t` | the log's start: index (f64), term (f64), the first segment's number (f64), its first frame's sequence (f64) |
 */

import { ByteReader } from '../bytes/byte-reader.js';
import { ByteWriter } from '../bytes/byte-writer.js';
import type { LogPosition, ServerId, SnapshotMeta } from '../raft/types.js';
import type { FirstSegment, NewestSegment } from './segment-files.js';

export const OWNER_KEY: Uint8Array = Buffer.from('o');
export const SNAPSHOT_KEY: Uint8Array = Buffer.from('s');
export const LOG_START_KEY: Uint8Array = Buffer.from('t');
export const NEWEST_SEGMENT_KEY: Uint8Array = Buffer.from('n');

/** The server that a directory belongs to. */
export interface Owner {
  readonly clusterId: string;
  readonly serverId: ServerId;
}

export function encodeOwner({ clusterId, serverId }: Owner): Uint8Array {
  const out = new ByteWriter(64);
  out.u8(serverId);
  out.latin1(clusterId);
  return out.take();
}

/** Throws TruncatedBytesError when this names no server. */
export function decodeOwner(value: Uint8Array): Owner {
  const reader = new ByteReader(value);
  return { serverId: reader.u8(), clusterId: reader.latin1(reader.remaining) };
}

export function encodeSnapshotMeta({ index, term, byteLength }: SnapshotMeta): Uint8Array {
  const out = new ByteWriter(24);
  out.f64(index);
  out.f64(term);
  out.f64(byteLength);
  return out.take();
}

/** Throws TruncatedBytesError when this is no description of a snapshot. */
export function decodeSnapshotMeta(value: Uint8Array): SnapshotMeta {
  const reader = new ByteReader(value);
  return { index: reader.f64(), term: reader.f64(), byteLength: reader.f64() };
}

/** Where the log begins: behind this position, in this segment. Entries up to it are on their way out. */
export interface LogStart extends LogPosition {
  readonly first: FirstSegment;
}

export function encodeLogStart({ index, term, first }: LogStart): Uint8Array {
  const out = new ByteWriter(32);
  out.f64(index);
  out.f64(term);
  out.f64(first.number);
  out.f64(first.sequence);
  return out.take();
}

/** Throws TruncatedBytesError when this is no start of a log. */
export function decodeLogStart(value: Uint8Array): LogStart {
  const reader = new ByteReader(value);
  const [index, term] = [reader.f64(), reader.f64()];
  return { index, term, first: { number: reader.f64(), sequence: reader.f64() } };
}

export function encodeNewestSegment({ number, byteLength }: NewestSegment): Uint8Array {
  const out = new ByteWriter(16);
  out.f64(number);
  out.f64(byteLength);
  return out.take();
}

/** Throws TruncatedBytesError when this is no segment. */
export function decodeNewestSegment(value: Uint8Array): NewestSegment {
  const reader = new ByteReader(value);
  return { number: reader.f64(), byteLength: reader.f64() };
}
