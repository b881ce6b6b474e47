/** Frames of clients in a form that can be compared. */

import type { ByteSpan } from '../../src/bytes/byte-reader.js';
import { AT_COMMAND_START } from '../../src/protocol/checkpoint.js';
import type { AssignmentOpening, ClientFrame } from '../../src/wire/client-frames.js';

/** The frame as it was written, with its bytes instead of their place in the batch. */
export function withBytes(frame: ClientFrame<ByteSpan>): ClientFrame {
  if (frame.type !== 'data') return frame;
  const { memory, start, length } = frame.bytes;
  return { ...frame, bytes: memory.bytes.subarray(start, start + length) };
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
