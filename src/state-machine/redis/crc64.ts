/** The checksum of Redis's dumps: CRC-64 (Jones), whose halves are computed apart. */

/** The polynomial with its bits reversed. */
const HIGH_POLYNOMIAL = 0x95ac9329;
const LOW_POLYNOMIAL = 0xac4bc9b5;

const HIGH = new Uint32Array(256);
const LOW = new Uint32Array(256);
for (let byte = 0; byte < 256; byte += 1) {
  let high = 0;
  let low = byte;
  for (let bit = 0; bit < 8; bit += 1) {
    const isOdd = (low & 1) !== 0;
    low = (low >>> 1) | (high << 31);
    high >>>= 1;
    if (isOdd) {
      low ^= LOW_POLYNOMIAL;
      high ^= HIGH_POLYNOMIAL;
    }
  }
  HIGH[byte] = high;
  LOW[byte] = low;
}

/** The checksum as it stands in a dump: eight bytes, the lowest first. */
export function crc64(bytes: Uint8Array): Buffer {
  let high = 0;
  let low = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const place = (low ^ (bytes[at] ?? 0)) & 0xff;
    low = ((low >>> 8) | (high << 24)) ^ (LOW[place] ?? 0);
    high = (high >>> 8) ^ (HIGH[place] ?? 0);
  }
  const encoded = Buffer.alloc(8);
  encoded.writeUInt32LE(low >>> 0, 0);
  encoded.writeUInt32LE(high >>> 0, 4);
  return encoded;
}
