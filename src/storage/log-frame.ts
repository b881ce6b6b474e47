/**
 * The format of the log on disk. Entries and the hard state are written in frames, one for each write, from the start of a
 * segment on:
 *
 * | field | |
 * |---|---|
 * | crc | u32: CRC-32 of the entries |
 * | length | u32: bytes that the entries take |
 * | sequence | f64: 1 more than that of the frame before, in this segment or an earlier one |
 * | currentTerm | f64: as of the last frame, it counts |
 * | votedFor | u32: the server's id + 1, or 0 |
 * | zero sectors | u32: how many of the frame's sectors hold nothing but zeros |
 * | segment length | u32: bytes of the segment |
 * | header crc | u32: CRC-32 of the above, which begins with a number of the log's own |
 * | entries | each index (f64), term (f64), length of its content (u32), content: a configuration if the length's top bit is 1 |
 * | | zeros up to the next multiple of {@link SECTOR_BYTES} |
 *
 * A segment is full of zeros at first, and disks write whole sectors. So a sector of a frame that a crash kept from the
 * disk is zeros: a frame that was never whole, of which nobody was told, has more such sectors than its header says, or
 * its header is zeros. That is how it differs from one that was damaged later, unless by zeros.
 *
 * Clients choose what is in payloads. The log's own number keeps them from being taken for frames.
 */

import { crc32 } from 'node:zlib';
import { ByteReader } from '../bytes/byte-reader.js';
import { decodeConfiguration, encodeConfiguration } from '../raft/configuration-format.js';
import type { Entry, HardState } from '../raft/types.js';

/** A sector: a disk writes all its bytes or none of them. */
export const SECTOR_BYTES = 512;

const LENGTH_OFFSET = 4;
const SEQUENCE_OFFSET = 8;
const TERM_OFFSET = 16;
const VOTE_OFFSET = 24;
const ZERO_SECTORS_OFFSET = 28;
const SEGMENT_BYTES_OFFSET = 32;
const HEADER_CRC_OFFSET = 36;
const HEADER_BYTES = 40;
const ENTRY_HEADER_BYTES = 20;

/** Added to the length of an entry's content when that is a configuration. */
const CONFIGURATION = 2 ** 31;

const NO_PAYLOAD = new Uint8Array(0);

export interface FrameContent {
  readonly sequence: number;
  /** As it is when the entries are there. */
  readonly hardState: HardState;
  readonly entries: readonly Entry[];
}

/** Where a frame is. */
export interface FramePlace {
  /** The log's own number, a u32. */
  readonly logNumber: number;
  readonly segmentBytes: number;
}

function contentOf({ payload, configuration }: Entry): Uint8Array {
  return configuration === undefined ? payload : encodeConfiguration(configuration);
}

/** How many bytes of a segment a frame with these entries takes. */
export function frameBytes(entries: readonly Entry[]): number {
  let byteLength = HEADER_BYTES;
  for (const entry of entries) byteLength += ENTRY_HEADER_BYTES + contentOf(entry).byteLength;
  return roundedUp(byteLength);
}

/** Writes a frame to the start of the memory, which has {@link frameBytes} or more. */
export function writeFrame(
  out: Buffer,
  { sequence, hardState, entries }: FrameContent,
  { logNumber, segmentBytes }: FramePlace,
): void {
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  let at = HEADER_BYTES;
  for (const entry of entries) {
    const content = contentOf(entry);
    view.setFloat64(at, entry.index, true);
    view.setFloat64(at + 8, entry.term, true);
    view.setUint32(
      at + 16,
      content.byteLength + (entry.configuration === undefined ? 0 : CONFIGURATION),
      true,
    );
    out.set(content, at + ENTRY_HEADER_BYTES);
    at += ENTRY_HEADER_BYTES + content.byteLength;
  }
  view.setUint32(LENGTH_OFFSET, at - HEADER_BYTES, true);
  view.setFloat64(SEQUENCE_OFFSET, sequence, true);
  view.setFloat64(TERM_OFFSET, hardState.currentTerm, true);
  view.setUint32(VOTE_OFFSET, hardState.votedFor === undefined ? 0 : hardState.votedFor + 1, true);
  view.setUint32(0, crc32(out.subarray(HEADER_BYTES, at)), true);
  const end = roundedUp(at);
  out.fill(0, at, end);
  view.setUint32(ZERO_SECTORS_OFFSET, zeroSectorsIn(out, SECTOR_BYTES, end), true);
  view.setUint32(SEGMENT_BYTES_OFFSET, segmentBytes, true);
  view.setUint32(HEADER_CRC_OFFSET, crc32(out.subarray(0, HEADER_CRC_OFFSET), logNumber), true);
}

export interface Frame extends FrameContent {
  readonly segmentBytes: number;
  /** Where the next frame starts. */
  readonly end: number;
}

/**
 * The frame at this place; undefined when there is none, or not all of it. Its payloads share the segment's buffer.
 */
export function readFrame(segment: Buffer, at: number, logNumber: number): Frame | undefined {
  const header = readHeader(segment, at, logNumber);
  if (header === undefined) return undefined;
  const { sequence, hardState, segmentBytes, length, end } = header;
  const body = segment.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length);
  if (segment.readUInt32LE(at) !== crc32(body)) return undefined;
  const reader = new ByteReader(body);
  const entries: Entry[] = [];
  while (reader.remaining > 0) {
    const index = reader.f64();
    const term = reader.f64();
    const length = reader.u32();
    if (length < CONFIGURATION) {
      entries.push({ index, term, payload: reader.bytes(length) });
      continue;
    }
    const configuration = decodeConfiguration(reader.bytes(length - CONFIGURATION));
    entries.push({ index, term, payload: NO_PAYLOAD, configuration });
  }
  return { sequence, hardState, segmentBytes, entries, end };
}

/** The next place at which a frame can start, after bytes at this place that are no frame. */
export function nextAfter(segment: Buffer, at: number, logNumber: number): number {
  return readHeader(segment, at, logNumber)?.end ?? at + SECTOR_BYTES;
}

/** Whether what is at this place, and is no frame, can be one of which a crash kept some sectors from the disk. */
export function isTornFrame(segment: Buffer, at: number, logNumber: number): boolean {
  const header = readHeader(segment, at, logNumber);
  if (header === undefined) return isZero(segment.subarray(at, at + SECTOR_BYTES));
  return zeroSectorsIn(segment, at, header.end) > header.zeroSectors;
}

/** How many sectors between these places hold nothing but zeros. */
function zeroSectorsIn(bytes: Buffer, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; at += SECTOR_BYTES) {
    if (bytes[at] === 0 && isZero(bytes.subarray(at, at + SECTOR_BYTES))) count += 1;
  }
  return count;
}

/** Whether the memory holds nothing but zeros. */
export function isZero(bytes: Buffer): boolean {
  // Each byte is compared to the one before it.
  return bytes.byteLength === 0 || (bytes[0] === 0 && bytes.subarray(1).equals(bytes.subarray(0, -1)));
}

export interface Header extends Omit<Frame, 'entries'> {
  readonly length: number;
  readonly zeroSectors: number;
}

/** The header at this place; undefined unless it is as it was written. */
export function readHeader(segment: Buffer, at: number, logNumber: number): Header | undefined {
  if (at + HEADER_BYTES > segment.byteLength) return undefined;
  const crc = crc32(segment.subarray(at, at + HEADER_CRC_OFFSET), logNumber);
  if (segment.readUInt32LE(at + HEADER_CRC_OFFSET) !== crc) return undefined;
  const length = segment.readUInt32LE(at + LENGTH_OFFSET);
  const end = at + roundedUp(HEADER_BYTES + length);
  if (end > segment.byteLength) return undefined;
  const vote = segment.readUInt32LE(at + VOTE_OFFSET);
  const hardState = {
    currentTerm: segment.readDoubleLE(at + TERM_OFFSET),
    votedFor: vote === 0 ? undefined : vote - 1,
  };
  return {
    sequence: segment.readDoubleLE(at + SEQUENCE_OFFSET),
    hardState,
    segmentBytes: segment.readUInt32LE(at + SEGMENT_BYTES_OFFSET),
    length,
    zeroSectors: segment.readUInt32LE(at + ZERO_SECTORS_OFFSET),
    end,
  };
}

export function roundedUp(byteLength: number): number {
  return Math.ceil(byteLength / SECTOR_BYTES) * SECTOR_BYTES;
}
