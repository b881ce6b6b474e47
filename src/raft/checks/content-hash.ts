/** What checks remember of an entry's content. */

import { crc32 } from 'node:zlib';
import { encodeConfiguration } from '../configuration-format.js';
import type { Entry } from '../types.js';

export function hashOf({ payload, configuration }: Entry): number {
  return crc32(configuration === undefined ? payload : encodeConfiguration(configuration));
}
