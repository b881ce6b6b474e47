/** A client of threadraft over TCP: `threadraft/client`. */

export type { Timer } from '../environment.js';
export type { CallOptions } from './call.js';
export { Client, type ClientOptions } from './client.js';
export {
  AbortedError,
  ArgumentError,
  AuthError,
  ClosedError,
  KvError,
  NotFoundError,
  OverloadedError,
  RefusedError,
  TimeoutError,
  UnknownOutcomeError,
  VersionMismatchError,
  WrongTypeError,
} from './errors.js';
export { KvClient, type KvClientOptions } from './node/kv-client.js';
export type { TlsOptions } from './node/tcp.js';
export type { KeyValueClient, VersionedValue, WriteOptions } from './types.js';
export type { Address, ClientEnvironment, ClientWorld, Dial, Link, LinkEvents } from './world.js';
