/**
 * The slot of a key, as Redis Cluster has it: CRC-16 (XMODEM) of the key, or of its hash tag, modulo 16384.
 *
 * Not the package cluster-key-slot: it reads a string as UTF-8, and takes `a` for the hash tag of `{}a}`, which has none.
 */

export const SLOT_COUNT = 16_384;

const POLYNOMIAL = 0x1021;

const CRC_TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? (crc << 1) ^ POLYNOMIAL : crc << 1;
  return crc & 0xffff;
});

/** @param key one character per byte */
export function hashSlot(key: string): number {
  const tagged = hashTag(key);
  let crc = 0;
  for (let i = 0; i < tagged.length; i += 1) {
    crc = ((crc << 8) ^ (CRC_TABLE[((crc >> 8) ^ tagged.charCodeAt(i)) & 0xff] ?? 0)) & 0xffff;
  }
  return crc % SLOT_COUNT;
}

/** What stands between the first `{` and the next `}`, unless that is nothing. */
function hashTag(key: string): string {
  const open = key.indexOf('{');
  if (open === -1) return key;
  const close = key.indexOf('}', open + 1);
  return close === -1 || close === open + 1 ? key : key.slice(open + 1, close);
}
