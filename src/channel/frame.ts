/**
 * What a channel puts on its port: small arrays, which structured clone is quick with.
 */

export const FrameKind = { data: 0, credit: 1, end: 2 } as const;

export type Frame<T> =
  | readonly [kind: typeof FrameKind.data, value: T]
  | readonly [kind: typeof FrameKind.credit, credits: number]
  | readonly [kind: typeof FrameKind.end];

/**
 * What of the value changes hands instead of being copied: the memory of a Uint8Array that is alone in it. A view of a
 * larger buffer is copied, or its neighbours would vanish with it.
 */
export function transferable(value: unknown): ArrayBuffer[] {
  if (!(value instanceof Uint8Array) || !(value.buffer instanceof ArrayBuffer)) return [];
  return value.byteLength === value.buffer.byteLength ? [value.buffer] : [];
}
