/** A client of threadraft over TCP: `threadraft/client`. */

export type { Timer } from '../environment.js';
export { Client, type ClientOptions } from './base-client.js';
export type { CallOptions } from './call.js';
export type { Change } from './changes.js';
export {
  AbortedError,
  ArgumentError,
  AuthError,
  ClosedError,
  KvError,
  LockLostError,
  NotFoundError,
  OverloadedError,
  RefusedError,
  TimeoutError,
  UnknownOutcomeError,
  VersionMismatchError,
  WrongTypeError,
} from './client-errors.js';
export type {
  DeleteOptions,
  ElectOptions,
  Expected,
  KeyValueClient,
  VersionedValue,
  WriteOptions,
} from './key-value-client.js';
export { Lock } from './lock.js';
export type { LockOptions } from './lock-keeper.js';
export { KvClient, type KvClientOptions } from './node/kv-client.js';
export type { TlsOptions } from './node/tcp.js';
export { Watch, type WatchOptions } from './watch.js';
export type { Address, ClientEnvironment, ClientWorld, Dial, Link, LinkEvents } from './world.js';
