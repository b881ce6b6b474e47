/**
 * Looks for damage in LevelDB's write-ahead log before LevelDB reads it.
 *
 * LevelDB takes a record whose checksum is wrong for the end of the log, and says nothing: an acknowledged entry or a
 * vote would be forgotten. A record that a crash cut off at the end of the file is another matter: its write was not
 * over, so nothing depends on it. The format is LevelDB's doc/log_format.md: blocks of 32 KiB, and in them fragments of
 * checksum (u32, masked CRC-32C of type and data), length (u16), type (u8), data.
 */

import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

const BLOCK_BYTES = 32 * 1024;
const HEADER_BYTES = 7;
const BLOCKS_PER_READ = 32;

const ZERO_TYPE = 0;
const LAST_TYPE = 4;

const CRC_POLYNOMIAL = 0x82f63b78;
const CRC_MASK_DELTA = 0xa282ead8;

/** A record is damaged that was complete once. */
export class DamagedLevelError extends Error {
  readonly code = 'DAMAGED_LEVEL';

  constructor(file: string, offset: number, reason: string) {
    super(`${file} is damaged at byte ${offset}: ${reason}`);
    this.name = 'DamagedLevelError';
  }
}

/**
 * Checks every write-ahead log in a LevelDB directory, which a thread that is about to end may still write. Rejects with
 * {@link DamagedLevelError}.
 */
export async function checkLevelLogs(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name.endsWith('.log')) await checkLog(join(directory, name), name);
  }
}

async function checkLog(path: string, name: string): Promise<void> {
  const file = await open(path, 'r').catch(() => undefined);
  // Its last writer has just replaced it by another.
  if (file === undefined) return;
  try {
    const { size } = await file.stat();
    const buffer = Buffer.allocUnsafe(BLOCKS_PER_READ * BLOCK_BYTES);
    for (let start = 0; start < size; start += buffer.byteLength) {
      const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, start);
      for (let at = 0; at < bytesRead; at += BLOCK_BYTES)
        checkBlock(buffer.subarray(at, Math.min(at + BLOCK_BYTES, bytesRead)), name, start + at);
    }
  } finally {
    await file.close();
  }
}

/** Only the last block of a file is short. Throws {@link DamagedLevelError}. */
function checkBlock(block: Buffer, name: string, blockOffset: number): void {
  let at = 0;
  while (block.byteLength - at >= HEADER_BYTES) {
    const length = block.readUInt16LE(at + 4);
    const type = block.readUInt8(at + 6);
    // Space that was set aside and never written.
    if (type === ZERO_TYPE && length === 0) return;
    const end = at + HEADER_BYTES + length;
    if (end > block.byteLength) {
      if (block.byteLength < BLOCK_BYTES) return;
      throw new DamagedLevelError(name, blockOffset + at, 'a record is longer than its block');
    }
    if (type > LAST_TYPE || block.readUInt32LE(at) !== masked(crc32c(block.subarray(at + 6, end))))
      throw new DamagedLevelError(name, blockOffset + at, 'the checksum of a record is wrong');
    at = end;
  }
}

/** LevelDB stores the checksums so, because checksums of data that holds checksums are weak. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + CRC_MASK_DELTA) >>> 0;
}

/** For each of four bytes in a row, by its value: what it does to the CRC, and the bytes behind it have not yet. */
const CRC_TABLES = crcTables();

function crcTables(): Uint32Array {
  const tables = new Uint32Array(4 * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ CRC_POLYNOMIAL : crc >>> 1;
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at += 1) {
    const before = tables[at - 256] ?? 0;
    tables[at] = (before >>> 8) ^ (tables[before & 0xff] ?? 0);
  }
  return tables;
}

/** CRC-32C (Castagnoli), which node:zlib does not have, four bytes at a time. */
function crc32c(bytes: Buffer): number {
  const tables = CRC_TABLES;
  let crc = 0xffffffff;
  let at = 0;
  for (; at + 4 <= bytes.byteLength; at += 4) {
    const word = crc ^ bytes.readInt32LE(at);
    crc =
      (tables[768 + (word & 0xff)] ?? 0) ^
      (tables[512 + ((word >>> 8) & 0xff)] ?? 0) ^
      (tables[256 + ((word >>> 16) & 0xff)] ?? 0) ^
      (tables[word >>> 24] ?? 0);
  }
  for (; at < bytes.byteLength; at += 1) crc = (crc >>> 8) ^ (tables[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0);
  return (crc ^ 0xffffffff) >>> 0;
}
