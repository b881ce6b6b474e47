/** What can go wrong with a channel, apart from what a value's own cloning throws. */

export type ClosedBy = 'this end' | 'the other end';

/** Something was sent on a channel that is closed. The value was not sent. */
export class ChannelClosedError extends Error {
  readonly code = 'CHANNEL_CLOSED';

  constructor(closedBy: ClosedBy) {
    super(
      closedBy === 'this end'
        ? 'this end has closed the channel: send before closing it'
        : 'the other end of the channel is gone: open a new channel to reach its successor',
    );
    this.name = 'ChannelClosedError';
  }
}

/** A channel was asked for with a capacity that it cannot have. */
export class ChannelCapacityError extends RangeError {
  readonly code = 'CHANNEL_CAPACITY';

  constructor(capacity: number, minimum: number) {
    super(`a channel's capacity must be a whole number of at least ${minimum}, not ${capacity}`);
    this.name = 'ChannelCapacityError';
  }
}

/** Throws {@link ChannelCapacityError} unless `capacity` is a whole number of at least `minimum`. */
export function requireCapacity(capacity: number, minimum: number): void {
  if (!Number.isSafeInteger(capacity) || capacity < minimum)
    throw new ChannelCapacityError(capacity, minimum);
}
