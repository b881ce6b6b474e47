/** Channels within one thread. */

import type { Channel } from './channel.js';
import { requireCapacity } from './channel-errors.js';
import { ReceiveQueue } from './receive-queue.js';
import { SendQueue } from './send-queue.js';

/**
 * A channel between tasks of one thread, as Go's `make(chan T, capacity)`. Values are handed over as they are.
 * With capacity 0 a send waits until somebody receives.
 *
 * Throws ChannelCapacityError unless `capacity` is a whole number, 0 or more.
 */
export function makeChannel<T>(capacity: number): Channel<T> {
  requireCapacity(capacity, 0);
  const receiver = new ReceiveQueue<T>(capacity, {
    taken: () => sender.admit(),
    wanted: () => sender.admit(),
  });
  const sender: SendQueue<T> = new SendQueue<T>({
    hasRoom: () => receiver.awaited || receiver.buffered < capacity,
    put: (value) => receiver.deliver(value),
    starved: () => undefined,
    end: () => receiver.end(),
  });
  return { sender, receiver };
}
