/** The reply to a Redis command as the text protocol tells it, to `once` whose number a command of a Redis client had. */

import { ByteWriter } from '../../bytes/byte-writer.js';
import type { RespValue } from '../resp/value.js';
import { writeResp } from '../resp/writer.js';

/** Appends a `VALUE` whose bytes are the reply as RESP2 has it. */
export function writeRedisResult(out: ByteWriter, value: RespValue): void {
  const resp = new ByteWriter();
  writeResp(resp, value, 2);
  out.latin1(`VALUE ${resp.length}\r\n`);
  out.bytes(resp.view());
  out.latin1('\r\n');
}
