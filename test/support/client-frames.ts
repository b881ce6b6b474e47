/** Frames of clients in a form that can be compared. */

import { type ByteSpan, textOf } from '../../src/bytes/byte-reader.js';
import { AT_COMMAND_START } from '../../src/protocol/checkpoint.js';
import type { AssignmentOpening, ClientFrame, ServerFrame } from '../../src/wire/client-frames.js';

/** The frame as it was written, with bytes and keys instead of their place in the batch. */
export function withBytes(frame: ClientFrame<ByteSpan, ByteSpan>): ClientFrame {
  if (frame.type === 'lookup') return { ...frame, keys: frame.keys.map(textOf) };
  if (frame.type !== 'data') return frame;
  const { memory, start, length } = frame.bytes;
  return { ...frame, bytes: memory.bytes.subarray(start, start + length) };
}

/** The same for values that a server tells. */
export function withValues(frame: ServerFrame<ByteSpan>): ServerFrame {
  if (frame.type !== 'found') return frame;
  return { ...frame, values: frame.values.map((value) => value && textOf(value)) };
}

/** A connection that has sent nothing yet. */
export function opening(connection: number, { routed } = { routed: false }): AssignmentOpening {
  const from = { host: '127.0.0.1', port: connection };
  return {
    connection,
    routed,
    from,
    reached: { host: '127.0.0.1', port: 1 },
    ageMs: 0,
    at: AT_COMMAND_START,
  };
}
