/**
 * The result of a command as it is kept for whoever repeats the command: bytes from which any protocol's reply can be made.
 *
 * Layout: the kind (u8), and for `stored` and `stored-at` the version (f64), for `stored-at` and `added` the revision (f64),
 * for a Redis reply the value, for an opened session its id (u32 length, bytes). A value is its kind (u8) and: a text (u32
 * length, bytes), a number (f64), or the values in it (u32 count, each).
 */

import { ByteReader } from '../../bytes/byte-reader.js';
import { ByteWriter } from '../../bytes/byte-writer.js';
import { type CommandResult, isOfWrite, type WriteResult } from '../../protocol/command.js';
import { takesOver } from '../../protocol/resp/reply-size.js';
import {
  ErrorReply,
  MapReply,
  NULL_ARRAY,
  NullArray,
  type RespValue,
  SimpleString,
  VerbatimText,
} from '../../protocol/resp/value.js';
import { MAX_KEPT_RESULT_BYTES } from '../../session-limits.js';

const Kind = {
  stored: 1,
  deleted: 2,
  'not-found': 3,
  'version-mismatch': 4,
  resp: 5,
  'stored-at': 6,
  added: 7,
  exists: 8,
  session: 9,
  'session-closed': 10,
  'no-session': 11,
  'result-not-kept': 12,
  'result-forgotten': 13,
  'result-too-long': 14,
  'result-unknown': 15,
} as const;

/** The kind of a result of which nothing but the version follows. */
export const STORED = Kind.stored;

const ValueKind = {
  string: 1,
  number: 2,
  bigint: 3,
  null: 4,
  nullArray: 5,
  simple: 6,
  error: 7,
  map: 8,
  verbatim: 9,
  array: 10,
} as const;

/** The bytes are no result that this version of the program keeps. */
export class KeptResultError extends Error {
  readonly code = 'BAD_KEPT_RESULT';

  constructor(what: string, found: number) {
    super(`a session's result has an unknown ${what}, ${found}`);
    this.name = 'KeptResultError';
  }
}

const writer = new ByteWriter();

/** The result's bytes; undefined if they are more than {@link MAX_KEPT_RESULT_BYTES}. */
export function keptOf(result: WriteResult): string | undefined {
  const bytes = encodeResult(result, MAX_KEPT_RESULT_BYTES);
  return bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** What {@link keptOf} made text of. Throws {@link KeptResultError}. */
export function resultOf(kept: string): WriteResult {
  const result = resultIn(Buffer.from(kept, 'latin1'));
  if (!isOfWrite(result)) throw new KeptResultError('kind', Kind[result.type]);
  return result;
}

/** The result's bytes, valid until the next call; undefined if they are more than `maxBytes`. */
export function encodeResult(result: CommandResult, maxBytes: number): Uint8Array | undefined {
  if (result.type === 'resp' && takesOver(result.value, 2 * maxBytes)) return undefined;
  writer.clear();
  writer.u8(Kind[result.type]);
  switch (result.type) {
    case 'stored':
      writer.f64(result.version);
      break;
    case 'stored-at':
      writer.f64(result.version);
      writer.f64(result.revision);
      break;
    case 'added':
      writer.f64(result.revision);
      break;
    case 'resp':
      writeValue(result.value);
      break;
    case 'session':
      writer.u32(result.id.length);
      writer.latin1(result.id);
      break;
    default:
  }
  return writer.length > maxBytes ? undefined : writer.view();
}

/** What {@link encodeResult} made bytes of. Throws {@link KeptResultError}. */
export function resultIn(bytes: Uint8Array): CommandResult {
  const reader = new ByteReader(bytes);
  const kind = reader.u8();
  switch (kind) {
    case Kind.stored:
      return { type: 'stored', version: reader.f64() };
    case Kind['stored-at']:
      return { type: 'stored-at', version: reader.f64(), revision: reader.f64() };
    case Kind.added:
      return { type: 'added', revision: reader.f64() };
    case Kind.exists:
      return { type: 'exists' };
    case Kind.deleted:
      return { type: 'deleted' };
    case Kind['not-found']:
      return { type: 'not-found' };
    case Kind['version-mismatch']:
      return { type: 'version-mismatch' };
    case Kind.resp:
      return { type: 'resp', value: readValue(reader) };
    case Kind.session:
      return { type: 'session', id: readText(reader) };
    case Kind['session-closed']:
      return { type: 'session-closed' };
    case Kind['no-session']:
      return { type: 'no-session' };
    case Kind['result-not-kept']:
      return { type: 'result-not-kept' };
    case Kind['result-forgotten']:
      return { type: 'result-forgotten' };
    default:
      throw new KeptResultError('kind', kind);
  }
}

function writeValue(value: RespValue): void {
  if (typeof value === 'string') writeText(ValueKind.string, value);
  else if (typeof value === 'number') {
    writer.u8(ValueKind.number);
    writer.f64(value);
  } else if (typeof value === 'bigint') writeText(ValueKind.bigint, value.toString());
  else if (value === null) writer.u8(ValueKind.null);
  else if (value instanceof NullArray) writer.u8(ValueKind.nullArray);
  else if (value instanceof SimpleString) writeText(ValueKind.simple, value.text);
  else if (value instanceof ErrorReply) writeText(ValueKind.error, value.message);
  else if (value instanceof VerbatimText) writeText(ValueKind.verbatim, value.text);
  else if (value instanceof MapReply) {
    writeCount(ValueKind.map, value.entries.length);
    for (const [key, of] of value.entries) {
      writeValue(key);
      writeValue(of);
    }
  } else {
    writeCount(ValueKind.array, value.length);
    for (const element of value) writeValue(element);
  }
}

function writeText(kind: number, text: string): void {
  writeCount(kind, text.length);
  writer.latin1(text);
}

function writeCount(kind: number, count: number): void {
  writer.u8(kind);
  writer.u32(count);
}

function readValue(reader: ByteReader): RespValue {
  const kind = reader.u8();
  switch (kind) {
    case ValueKind.string:
      return readText(reader);
    case ValueKind.number:
      return reader.f64();
    case ValueKind.bigint:
      return BigInt(readText(reader));
    case ValueKind.null:
      return null;
    case ValueKind.nullArray:
      return NULL_ARRAY;
    case ValueKind.simple:
      return new SimpleString(readText(reader));
    case ValueKind.error:
      return new ErrorReply(readText(reader));
    case ValueKind.verbatim:
      return new VerbatimText(readText(reader));
    case ValueKind.map:
      return new MapReply(
        Array.from({ length: reader.u32() }, () => [readValue(reader), readValue(reader)] as const),
      );
    case ValueKind.array:
      return Array.from({ length: reader.u32() }, () => readValue(reader));
    default:
      throw new KeptResultError('value', kind);
  }
}

function readText(reader: ByteReader): string {
  return reader.latin1(reader.u32());
}
