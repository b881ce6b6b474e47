import type { HashSecret } from '../../src/bytes/byte-string.js';

/** For stores in tests, where keys lie in the same places in each run. */
export const HASH_SECRET: HashSecret = { k0: 0x1234567, k1: -0x7654321 };
