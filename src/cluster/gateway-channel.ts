/** A server's channel as the gateway uses it. */

import type { Channel } from '../channel/index.js';
import type { ServerChannel } from '../gateway/server-traffic.js';

export function gatewayChannel(channel: Channel<Uint8Array>): ServerChannel {
  return {
    trySend: (batch) => !channel.isClosed && channel.sender.trySend(batch),
    tryReceive: () => {
      const received = channel.receiver.tryReceive();
      return received?.ok ? received.value : undefined;
    },
    watch: (watcher) => {
      channel.receiver.watch(() => watcher.onArrival());
      channel.sender.watch(() => watcher.onRoom());
      channel.closed.then(() => watcher.onGone());
    },
  };
}
