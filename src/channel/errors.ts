/** Something was sent on a channel that is closed, by this end or by the end of the other thread. */
export class ChannelClosedError extends Error {
  readonly code = 'CHANNEL_CLOSED';

  constructor() {
    super('send on a closed channel');
    this.name = 'ChannelClosedError';
  }
}
