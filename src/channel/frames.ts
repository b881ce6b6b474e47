/**
 * What the two ends of a port say to each other. Values travel in arrays, so that no value can be taken for
 * anything else.
 */

import type { Port } from './port.js';

export type Frame<T> =
  /** A value, and the credits granted along with it, often 0. */
  | readonly [value: T, credits: number]
  /** Credits alone: as many more values may be sent. The first grant, at opening, is the capacity. */
  | number
  /** The sender is out of credits and has more to send: grant what there is instead of saving up. */
  | 'starved'
  /** The sender is closed. Nothing but grants follows. */
  | 'end';

/**
 * Posts a value by the default rule: a `Uint8Array` that is alone in its buffer is moved; one that is a view of
 * a larger buffer is copied and the copy is moved, so that its neighbours neither travel nor vanish; one over
 * shared memory stays shared; everything else is cloned.
 */
export function postValue<T>(port: Port, value: T, credits: number): void {
  if (!(value instanceof Uint8Array) || !(value.buffer instanceof ArrayBuffer)) {
    port.postMessage([value, credits]);
    return;
  }
  const { buffer } = value;
  if (value.byteLength === buffer.byteLength) {
    port.postMessage([value, credits], [buffer]);
    return;
  }
  const copy = new Uint8Array(value);
  port.postMessage([copy, credits], [copy.buffer]);
}
