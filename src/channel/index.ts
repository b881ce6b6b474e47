export {
  Channel,
  type ChannelOptions,
  openChannel,
  type Received,
  type Receiver,
  type Sender,
} from './channel.js';
export { ChannelClosedError } from './errors.js';
export { onReceive, onSend, type SelectCase, type SelectOptions, select } from './select.js';
