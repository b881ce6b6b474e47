/**
 * How clients' sessions, and the results of their commands, are keys of etcd. All keys of a session have its lease, so that they
 * end together.
 *
 * A session: the format (u8), its lease (two u32), its ttl in s (f64), and up to which number its client has the results (f64). A
 * result: the format (u8), the number of changes before that of the command in its transaction (u8), and the result as sessions
 * keep it: nothing where it was too long. A revision in it is not yet known when it is written: it is that of the transaction.
 */

import { ByteReader } from '../bytes/byte-reader.js';
import { ByteWriter } from '../bytes/byte-writer.js';
import { keptOf, resultOf } from '../state-machine/sessions/kept-result.js';
import { revisionOf } from './revisions.js';
import { StoredValueError } from './value-codec.js';

const FORMAT = 1;
const SESSION_BYTES = 25;
const RESULT_HEADER_BYTES = 2;
const WORD_BITS = 32n;

/** Digits of a number, so that numbers are in the order of their bytes. */
const SEQ_DIGITS = 16;

export interface SessionRecord {
  readonly lease: bigint;
  readonly ttlS: number;
  readonly done: number;
}

/** The name of a session's key, after the prefix of all keys. */
export function sessionName(id: string): string {
  return `s/${id}`;
}

/** The name of the key of the result of the session's command with that number. */
export function resultName(id: string, seq: number): string {
  return `r/${id}/${`${seq}`.padStart(SEQ_DIGITS, '0')}`;
}

export function encodeSession({ lease, ttlS, done }: SessionRecord): Uint8Array {
  const out = new ByteWriter(SESSION_BYTES);
  out.u8(FORMAT);
  out.u32(Number(lease >> WORD_BITS));
  out.u32(Number(BigInt.asUintN(Number(WORD_BITS), lease)));
  out.f64(ttlS);
  out.f64(done);
  return out.take();
}

/** Throws StoredValueError. */
export function decodeSession(bytes: Uint8Array): SessionRecord {
  const reader = readerOf(bytes, SESSION_BYTES);
  const lease = (BigInt(reader.u32()) << WORD_BITS) | BigInt(reader.u32());
  return { lease, ttlS: reader.f64(), done: reader.f64() };
}

/** @param kept empty for a result that is not kept */
export function encodeKept(kept: string, ordinal: number): Uint8Array {
  const out = new ByteWriter(RESULT_HEADER_BYTES + kept.length);
  out.u8(FORMAT);
  out.u8(ordinal);
  out.latin1(kept);
  return out.take();
}

/**
 * The result as sessions keep it; empty if it was not kept. Throws StoredValueError, or KeptResultError.
 *
 * @param modRevision etcd's revision of the transaction that has written it
 */
export function decodeKept(bytes: Uint8Array, modRevision: number): string {
  const reader = readerOf(bytes, RESULT_HEADER_BYTES);
  const ordinal = reader.u8();
  const kept = reader.latin1(reader.remaining);
  if (kept === '') return kept;
  const result = resultOf(kept);
  if (result.type !== 'added' && result.type !== 'stored-at') return kept;
  return keptOf({ ...result, revision: revisionOf(modRevision, ordinal) }) ?? '';
}

/** After the format, which must be known. */
function readerOf(bytes: Uint8Array, minBytes: number): ByteReader {
  if (bytes.byteLength < minBytes) throw new StoredValueError(`it has ${bytes.byteLength} bytes`);
  const reader = new ByteReader(bytes);
  const format = reader.u8();
  if (format !== FORMAT) throw new StoredValueError(`its format is ${format}, and ${FORMAT} is known`);
  return reader;
}
