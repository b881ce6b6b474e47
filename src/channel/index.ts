/** Go's channels and `select` for Node: between two threads, and within one. docs/channel.md explains them. */

export type {
  Channel,
  Offer,
  Received,
  Receiver,
  Request,
  Sender,
  Withdraw,
} from './channel.js';
export { ChannelCapacityError, ChannelClosedError, type ClosedBy } from './channel-errors.js';
export { makeChannel } from './local-channel.js';
export type { Port } from './port.js';
export { openChannel, type PortChannel, type PortChannelOptions } from './port-channel.js';
export {
  after,
  type Case,
  type Race,
  receiveFrom,
  type SelectOptions,
  type StartTimer,
  select,
  sendTo,
} from './select.js';
