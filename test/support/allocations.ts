/**
 * Bytes of the buffers that streams are copied into while an action runs. Parsers take them from there alone, and copy into a
 * new one no more than it is long.
 */
export function bytesAllocatedDuring(action: () => void): number {
  const { allocUnsafeSlow } = Buffer;
  let byteCount = 0;
  Buffer.allocUnsafeSlow = (size) => {
    byteCount += size;
    return allocUnsafeSlow(size);
  };
  try {
    action();
  } finally {
    Buffer.allocUnsafeSlow = allocUnsafeSlow;
  }
  return byteCount;
}
