/**
 * How a key's record is the value of a key of etcd: a header, and the value's bytes.
 *
 * The header: the format and what has made the change (u8, four bits each), the number of changes before this one in its
 * transaction (u8), the version (f64), and the deadline (f64, ms since the epoch, 0 for never). Versions and deadlines are not
 * etcd's own: its versions also count new deadlines, and its leases end late.
 */

import { ByteReader } from '../bytes/byte-reader.js';
import { ChangeEvent, changeEvent } from '../state-machine/change-events.js';

const FORMAT = 1;
const FORMAT_BITS = 4;
const FORMAT_MASK = (1 << FORMAT_BITS) - 1;

const VERSION_OFFSET = 2;
const DEADLINE_OFFSET = 10;
export const VALUE_HEADER_BYTES = 18;

export interface StoredValue {
  /** How many changes of keys came before this one in its transaction. */
  readonly ordinal: number;
  /** What has made the last change, for those who subscribe to events: plain unless given. */
  readonly event?: ChangeEvent;
  readonly version: number;
  /** In ms since the epoch; 0 for never. */
  readonly deadlineMs: number;
  /** One character per byte. */
  readonly value: string;
}

/** What is under the prefix was not written by this program, or by a later version of it. */
export class StoredValueError extends Error {
  readonly code = 'ETCD_FOREIGN_VALUE';

  constructor(reason: string) {
    super(`a value in etcd is not of this program: ${reason}`);
    this.name = 'StoredValueError';
  }
}

export function encodeValue({
  ordinal,
  event = ChangeEvent.plain,
  version,
  deadlineMs,
  value,
}: StoredValue): Uint8Array {
  // From Node's pool, for it is copied into a request soon.
  const bytes = Buffer.allocUnsafe(VALUE_HEADER_BYTES + value.length);
  bytes[0] = FORMAT | (event << FORMAT_BITS);
  bytes[1] = ordinal;
  bytes.writeDoubleLE(version, VERSION_OFFSET);
  bytes.writeDoubleLE(deadlineMs, DEADLINE_OFFSET);
  bytes.write(value, VALUE_HEADER_BYTES, 'latin1');
  return bytes;
}

/** Throws StoredValueError. */
export function decodeValue(bytes: Uint8Array): StoredValue {
  if (bytes.byteLength < VALUE_HEADER_BYTES) throw new StoredValueError(`it has ${bytes.byteLength} bytes`);
  const reader = new ByteReader(bytes);
  const formatAndEvent = reader.u8();
  const format = formatAndEvent & FORMAT_MASK;
  if (format !== FORMAT) throw new StoredValueError(`its format is ${format}, and ${FORMAT} is known`);
  const ordinal = reader.u8();
  const version = reader.f64();
  const deadlineMs = reader.f64();
  const event = changeEvent(formatAndEvent >>> FORMAT_BITS);
  return { ordinal, event, version, deadlineMs, value: reader.latin1(reader.remaining) };
}
