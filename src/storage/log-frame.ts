/**
 * The format of the log on disk. Entries and the hard state are written in frames, one for each write, from the start of a
 * segment on:
 *
 * | field | |
 * |---|---|
 * | crc | u32: CRC-32 of the entries |
 * | length | u32: bytes that the entries take |
 * | sequence | f64: 1 more than that of the frame before, be it in this segment or an earlier one |
 * | currentTerm | f64: as of the last frame, it counts |
 * | votedFor | u32: the server's id + 1, or 0 |
 * | header crc | u32: CRC-32 of the above |
 * | entries | each index (f64), term (f64), length of the payload (u32), payload |
 * | | zeros up to the next multiple of {@link SECTOR_BYTES} |
 *
 * A segment is full of zeros at first, and disks write whole sectors. So no write touches what an earlier one left, and a
 * sector of a frame that a crash kept from the disk is zeros: that is how a frame that was never whole, of which nobody
 * was told, differs from one that was damaged later.
 */

import { crc32 } from 'node:zlib';
import { ByteReader } from '../bytes/byte-reader.js';
import type { Entry, HardState } from '../raft/types.js';

/** A disk writes so many bytes or none of them. */
export const SECTOR_BYTES = 512;

const LENGTH_OFFSET = 4;
const SEQUENCE_OFFSET = 8;
const TERM_OFFSET = 16;
const VOTE_OFFSET = 24;
const HEADER_CRC_OFFSET = 28;
const HEADER_BYTES = 32;
const ENTRY_HEADER_BYTES = 20;

export interface FrameContent {
  readonly sequence: number;
  /** As it is when the entries are there. */
  readonly hardState: HardState;
  readonly entries: readonly Entry[];
}

/** How many bytes of a segment a frame with these entries takes. */
export function frameBytes(entries: readonly Entry[]): number {
  let byteLength = HEADER_BYTES;
  for (const { payload } of entries) byteLength += ENTRY_HEADER_BYTES + payload.byteLength;
  return roundedUp(byteLength);
}

/** Writes a frame to the start of the memory, which has {@link frameBytes} or more. */
export function writeFrame(out: Buffer, { sequence, hardState, entries }: FrameContent): void {
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  let at = HEADER_BYTES;
  for (const { index, term, payload } of entries) {
    view.setFloat64(at, index, true);
    view.setFloat64(at + 8, term, true);
    view.setUint32(at + 16, payload.byteLength, true);
    out.set(payload, at + ENTRY_HEADER_BYTES);
    at += ENTRY_HEADER_BYTES + payload.byteLength;
  }
  view.setUint32(LENGTH_OFFSET, at - HEADER_BYTES, true);
  view.setFloat64(SEQUENCE_OFFSET, sequence, true);
  view.setFloat64(TERM_OFFSET, hardState.currentTerm, true);
  view.setUint32(VOTE_OFFSET, hardState.votedFor === undefined ? 0 : hardState.votedFor + 1, true);
  view.setUint32(0, crc32(out.subarray(HEADER_BYTES, at)), true);
  view.setUint32(HEADER_CRC_OFFSET, crc32(out.subarray(0, HEADER_CRC_OFFSET)), true);
  out.fill(0, at, roundedUp(at));
}

/** The payloads are in memory of their own. */
export interface Frame extends FrameContent {
  /** Where the next frame starts. */
  readonly end: number;
}

/** The frame at this place; undefined when there is none, or not all of it. */
export function readFrame(segment: Buffer, at: number): Frame | undefined {
  const header = readHeader(segment, at);
  if (header === undefined) return undefined;
  const { length, end, ...fields } = header;
  const body = segment.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length);
  if (segment.readUInt32LE(at) !== crc32(body)) return undefined;
  const reader = new ByteReader(body);
  const entries: Entry[] = [];
  while (reader.remaining > 0) {
    const index = reader.f64();
    const term = reader.f64();
    entries.push({ index, term, payload: Uint8Array.from(reader.bytes(reader.u32())) });
  }
  return { ...fields, entries, end };
}

/** Behind what is at this place and is no frame: the next place at which one can start. */
export function nextAfter(segment: Buffer, at: number): number {
  return readHeader(segment, at)?.end ?? at + SECTOR_BYTES;
}

/** Whether what is at this place, and is no frame, can be one of which a crash kept some sectors from the disk. */
export function isTornFrame(segment: Buffer, at: number): boolean {
  const end = nextAfter(segment, at);
  for (let sector = at; sector < end; sector += SECTOR_BYTES) {
    if (isZero(segment.subarray(sector, sector + SECTOR_BYTES))) return true;
  }
  return false;
}

/** Whether the memory holds nothing but zeros. */
export function isZero(bytes: Buffer): boolean {
  // Each byte is compared to the one before it.
  return bytes.byteLength === 0 || (bytes[0] === 0 && bytes.subarray(1).equals(bytes.subarray(0, -1)));
}

interface Header extends Omit<FrameContent, 'entries'> {
  readonly length: number;
  readonly end: number;
}

/** Undefined unless it is as it was written. */
function readHeader(segment: Buffer, at: number): Header | undefined {
  if (at + HEADER_BYTES > segment.byteLength) return undefined;
  const crc = crc32(segment.subarray(at, at + HEADER_CRC_OFFSET));
  if (segment.readUInt32LE(at + HEADER_CRC_OFFSET) !== crc) return undefined;
  const length = segment.readUInt32LE(at + LENGTH_OFFSET);
  const end = at + roundedUp(HEADER_BYTES + length);
  if (end > segment.byteLength) return undefined;
  const vote = segment.readUInt32LE(at + VOTE_OFFSET);
  const hardState = {
    currentTerm: segment.readDoubleLE(at + TERM_OFFSET),
    votedFor: vote === 0 ? undefined : vote - 1,
  };
  return { sequence: segment.readDoubleLE(at + SEQUENCE_OFFSET), hardState, length, end };
}

export function roundedUp(byteLength: number): number {
  return Math.ceil(byteLength / SECTOR_BYTES) * SECTOR_BYTES;
}
