/** The payload of RESTORE: what is not Redis's is refused, and what is taken is given out again as the same value. */

import { MAX_VALUE_BYTES } from '../../../src/limits.js';
import { crc64 } from '../../../src/state-machine/redis/crc64.js';
import { dumpString, restoreString } from '../../../src/state-machine/redis/rdb.js';
import { promise, type Target } from '../target.js';

const CHECKSUM_BYTES = 8;

export const dump: Target = {
  name: 'dump',
  seeds: ['', 'a', '12', '-70000', 'x'.repeat(100), 'abc'.repeat(2_000)].map((value) =>
    Buffer.from(dumpString(value), 'latin1').subarray(0, -CHECKSUM_BYTES),
  ),
  words: ['\x00\xc3', '\x80\x00\x00\x00\x05', '\x81', '\xc0', '\xc1', '\xc2', '\x09\x00'],
  maxBytes: 2_048,
  run(input) {
    // With a wrong checksum there is not much to see.
    const payload = Buffer.concat([input, crc64(Buffer.from(input))]).toString('latin1');
    const restored = restoreString(payload, MAX_VALUE_BYTES);
    if ('failure' in restored) return;
    const again = restoreString(dumpString(restored.value), MAX_VALUE_BYTES);
    promise('value' in again && again.value === restored.value, () => 'the value comes back as another');
    promise(restored.value.length <= MAX_VALUE_BYTES, () => `${restored.value.length} bytes were restored`);
  },
};
