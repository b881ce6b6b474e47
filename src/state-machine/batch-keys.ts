/** Finds the keys of a batch before it is applied, so that they can be looked up together. */

import { ByteReader, type ByteSpan } from '../bytes/byte-reader.js';
import {
  COUNT_OFFSET,
  DEDUPE_BYTES,
  HEADER_BYTES,
  NUMBER_BYTES,
  ONCE_NUMBERS_BYTES,
  Operation,
  START_BYTES,
  STRIDE_BYTES,
  TTL_BYTES,
  VALUE_LIMIT_BYTES,
} from './batch-format.js';

/**
 * The keys of the sets, cas and deletes before a batch's first transaction, in order. Where the payload is no batch, it
 * stops or throws TruncatedBytesError.
 */
export function visitKeys(payload: Uint8Array, visit: (key: ByteSpan) => void): void {
  if (payload.byteLength < HEADER_BYTES) return;
  const reader = new ByteReader(payload);
  reader.skip(COUNT_OFFSET);
  for (let count = reader.u32(); count > 0; count -= 1) {
    const operation = reader.u8();
    if (operation > Operation.delete) {
      if (operation === Operation.workRule) return;
      if (operation === Operation.redisTransaction || operation === Operation.formerTransaction) return;
      if (operation < Operation.casRevision || operation > Operation.redisTransaction) {
        skipKeyless(reader, operation);
        continue;
      }
    }
    visit(reader.span(reader.u8()));
    if (operation === Operation.delete) continue;
    reader.skip(NUMBER_BYTES);
    if (operation === Operation.deleteVersion || operation === Operation.deleteRevision) continue;
    if (operation === Operation.cas || operation === Operation.casRevision) reader.skip(NUMBER_BYTES);
    reader.skip(reader.u32());
  }
}

/** Passes over a command that has no key in front and is no transaction. */
function skipKeyless(reader: ByteReader, operation: number): void {
  switch (operation) {
    case Operation.redis:
      for (let args = reader.u32(); args > 0; args -= 1) reader.skip(reader.u32());
      return;
    case Operation.valueLimit:
      reader.skip(VALUE_LIMIT_BYTES);
      return;
    case Operation.sessionOpen:
      reader.skip(reader.u32());
      reader.skip(TTL_BYTES);
      return;
    case Operation.sessionClose:
      reader.skip(reader.u32());
      return;
    case Operation.once:
      reader.skip(reader.u32());
      reader.skip(ONCE_NUMBERS_BYTES);
      return;
    case Operation.dedupe:
      reader.skip(DEDUPE_BYTES);
      return;
    case Operation.stride:
      reader.skip(STRIDE_BYTES);
      return;
    case Operation.routerStart:
      reader.skip(START_BYTES);
      return;
  }
}
