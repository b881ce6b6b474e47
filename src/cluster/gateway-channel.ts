/** A server's channel as the gateway uses it. */

import type { PortChannel } from '../channel/port-channel.js';
import type { ServerChannel } from '../gateway/server-traffic.js';

export function gatewayChannel({ sender, receiver, done }: PortChannel<Uint8Array>): ServerChannel {
  let onRoom = () => {};
  return {
    trySend: (batch) => {
      if (!sender.closed && sender.trySend(batch)) return true;
      sender.whenRoom(onRoom);
      return false;
    },
    tryReceive: () => receiver.tryReceive()?.value,
    watch: (watcher) => {
      onRoom = () => {
        if (!sender.closed) watcher.onRoom();
      };
      receiver.watch(() => watcher.onArrival());
      done.then(() => watcher.onGone());
    },
  };
}
