/** What each Redis command that reads or writes does, by its name in the table of the protocol. */

import { BITFIELD_READS } from './bitfield.js';
import { BIT_READS, BIT_WRITES } from './bits.js';
import { DUMP_READS, DUMP_WRITES } from './dump.js';
import { INTROSPECTION_READS } from './introspection.js';
import { KEY_READS, KEY_WRITES } from './keys.js';
import type { Read, Write } from './keyspace.js';
import { STRING_READS, STRING_WRITES } from './strings.js';

export const READS: ReadonlyMap<string, Read> = new Map(
  Object.entries({
    ...STRING_READS,
    ...KEY_READS,
    ...BIT_READS,
    ...DUMP_READS,
    ...BITFIELD_READS,
    ...INTROSPECTION_READS,
  }),
);

export const WRITES: ReadonlyMap<string, Write> = new Map(
  Object.entries({ ...STRING_WRITES, ...KEY_WRITES, ...BIT_WRITES, ...DUMP_WRITES }),
);
