/**
 * Values that are too large to lie with their records, by the id of the record.
 *
 * A value that was stored as a whole is a string: to get it costs no copy, and the garbage collector does not look into it.
 * Once a part of it is written it becomes bytes with room to grow, so that writing costs what is written and not what is
 * there. Bytes that an image still needs are copied once before they change.
 */

import { type ByteSpan, type Memory, memoryOf, textOf } from '../bytes/byte-reader.js';
import type { ByteString } from '../bytes/byte-string.js';
import type { RecordId } from './record-id.js';

/** A value's bytes, which change in place. */
interface GrownValue {
  readonly memory: Memory;
  length: number;
  /** An image still needs the bytes as they are: copy them before a change. */
  isShared: boolean;
}

export class LargeValues {
  readonly #values = new Map<RecordId, string | GrownValue>();

  /** The value where it lies: good until it changes. Empty for an id without a large value. */
  text(id: RecordId): ByteString {
    const value = this.#values.get(id) ?? '';
    return typeof value === 'string' ? value : spanOf(value);
  }

  /** Stores a value as a whole. Bytes are copied. */
  set(id: RecordId, value: ByteString): void {
    this.#values.set(id, typeof value === 'string' ? value : textOf(value));
  }

  delete(id: RecordId): void {
    this.#values.delete(id);
  }

  /** The value, which stays as it is now whatever becomes of the record; undefined for an id without a large value. */
  keep(id: RecordId): ByteString | undefined {
    const value = this.#values.get(id);
    if (value === undefined || typeof value === 'string') return value;
    value.isShared = true;
    return spanOf(value);
  }

  /** Cuts the value, whose bytes were written to, to this length. */
  truncate(id: RecordId, length: number): void {
    const value = this.#values.get(id);
    if (value !== undefined && typeof value !== 'string') value.length = length;
  }

  /** Writes a part of the value, at most up to 2^31; a gap before it is filled with zeros. Returns the number of moved bytes. */
  write(id: RecordId, offset: number, part: string): number {
    const before = this.#values.get(id) ?? '';
    const end = offset + part.length;
    const hasRoom = typeof before !== 'string' && !before.isShared && end <= before.memory.bytes.byteLength;
    const value = hasRoom ? before : grown(before, end);
    if (value !== before) this.#values.set(id, value);
    if (offset > value.length) value.memory.bytes.fill(0, value.length, offset);
    value.memory.bytes.write(part, offset, 'latin1');
    value.length = Math.max(value.length, end);
    return hasRoom ? 0 : before.length;
  }
}

/** A copy that can be changed, with room up to `end` and, if it grows, as much again. */
function grown(before: string | GrownValue, end: number): GrownValue {
  const capacity = end > before.length ? 2 * end : before.length;
  const memory = memoryOf(Buffer.allocUnsafeSlow(capacity));
  if (typeof before === 'string') memory.bytes.write(before, 0, 'latin1');
  else before.memory.bytes.copy(memory.bytes, 0, 0, before.length);
  return { memory, length: before.length, isShared: false };
}

function spanOf({ memory, length }: GrownValue): ByteSpan {
  return { memory, start: 0, length };
}
