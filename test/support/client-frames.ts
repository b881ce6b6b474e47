/** Frames of clients in a form that can be compared. */

import type { ByteSpan } from '../../src/bytes/byte-reader.js';
import type { ClientFrame } from '../../src/wire/client-frames.js';

/** The frame as it was written, with its bytes instead of their place in the batch. */
export function withBytes(frame: ClientFrame<ByteSpan>): ClientFrame {
  if (frame.type !== 'data') return frame;
  const { memory, start, length } = frame.bytes;
  return { ...frame, bytes: memory.bytes.subarray(start, start + length) };
}
