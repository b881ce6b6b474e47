/**
 * The format of what a server keeps in LevelDB.
 *
 * Keys are a letter and a big-endian index, so that LevelDB's order is the log's:
 *
 * | key | value |
 * |---|---|
 * | `e` + index (u64) | an entry: term (f64), payload |
 * | `h` | the hard state: currentTerm (f64), votedFor + 1 or 0 (u8) |
 * | `o` | whose it is: serverId (u8), clusterId |
 * | `s` | the newest snapshot: index (f64), term (f64), byteLength (f64) |
 * | `t` | the log's start: index (f64), term (f64); entries up to it are on their way out |
 */

import { ByteReader } from '../bytes/byte-reader.js';
import { ByteWriter } from '../bytes/byte-writer.js';
import type { Entry, HardState, LogIndex, LogPosition, ServerId, SnapshotMeta } from '../raft/types.js';

const ENTRY_PREFIX = 0x65;
const TERM_BYTES = 8;

export const HARD_STATE_KEY: Uint8Array = Buffer.from('h');
export const OWNER_KEY: Uint8Array = Buffer.from('o');
export const SNAPSHOT_KEY: Uint8Array = Buffer.from('s');
export const LOG_START_KEY: Uint8Array = Buffer.from('t');
/** Every entry's key is in [first, last]. */
export const FIRST_ENTRY_KEY: Uint8Array = entryKey(0);
export const LAST_ENTRY_KEY: Uint8Array = entryKey(Number.MAX_SAFE_INTEGER);

export function entryKey(index: LogIndex): Uint8Array {
  const key = Buffer.allocUnsafe(9);
  key[0] = ENTRY_PREFIX;
  key.writeBigUInt64BE(BigInt(index), 1);
  return key;
}

export function encodeEntry(entry: Entry): Uint8Array {
  const value = Buffer.allocUnsafe(TERM_BYTES + entry.payload.byteLength);
  value.writeDoubleLE(entry.term, 0);
  value.set(entry.payload, TERM_BYTES);
  return value;
}

/** Throws TruncatedBytesError when this is no entry. */
export function decodeEntry(key: Uint8Array, value: Uint8Array): Entry {
  const index = Number(Buffer.from(key.buffer, key.byteOffset, key.byteLength).readBigUInt64BE(1));
  const reader = new ByteReader(value);
  return { index, term: reader.f64(), payload: reader.bytes(reader.remaining) };
}

export function encodeHardState({ currentTerm, votedFor }: HardState): Uint8Array {
  const out = new ByteWriter(9);
  out.f64(currentTerm);
  out.u8(votedFor === undefined ? 0 : votedFor + 1);
  return out.take();
}

/** Throws TruncatedBytesError when this is no hard state. */
export function decodeHardState(value: Uint8Array): HardState {
  const reader = new ByteReader(value);
  const currentTerm = reader.f64();
  const vote = reader.u8();
  return { currentTerm, votedFor: vote === 0 ? undefined : vote - 1 };
}

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

export function encodeLogStart({ index, term }: LogPosition): Uint8Array {
  const out = new ByteWriter(16);
  out.f64(index);
  out.f64(term);
  return out.take();
}

/** Throws TruncatedBytesError when this is no position. */
export function decodeLogStart(value: Uint8Array): LogPosition {
  const reader = new ByteReader(value);
  return { index: reader.f64(), term: reader.f64() };
}
