/**
 * Those messages and methods of etcd's gRPC API that this program uses, with the numbers of their fields as etcd's documentation
 * of its API has them. Fields that nobody here sets or reads are left out: a reader of protobuf skips what it does not know.
 *
 * Numbers of 64 bits are bigints, for ids of leases do not fit into less.
 */

import type { MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import {
  bytes,
  bytesList,
  choice,
  either,
  flag,
  large,
  list,
  message,
  one,
  service,
  small,
  streaming,
  text,
  unary,
} from './describe.js';

/** Of a Compare: its result, and what of the key is compared. */
const EQUAL = 0;
const CREATE_REVISION = 1;
const MOD_REVISION = 2;

/** Of an Event: its type. A PUT is 0. */
export const DELETE = 1;

const ResponseHeader = message('ResponseHeader', { clusterId: large(1), revision: large(3) });

const KeyValue = message('KeyValue', {
  key: bytes(1),
  createRevision: large(2),
  modRevision: large(3),
  value: bytes(5),
  lease: large(6),
});

const RangeRequest = message('RangeRequest', {
  key: bytes(1),
  /** Keys from `key` on, before this one; alone where it is left out. */
  rangeEnd: bytes(2),
  limit: large(3),
  /** As of this revision; of now if it is 0. */
  revision: large(4),
  sortOrder: small(5),
  sortTarget: small(6),
  keysOnly: flag(8),
  countOnly: flag(9),
});
const RangeResponse = message('RangeResponse', {
  header: one(1, ResponseHeader),
  kvs: list(2, KeyValue),
  /** There are more than `limit`. */
  more: flag(3),
  count: large(4),
});

const PutRequest = message('PutRequest', { key: bytes(1), value: bytes(2), lease: large(3) });
const PutResponse = message('PutResponse', { header: one(1, ResponseHeader) });

const DeleteRangeRequest = message('DeleteRangeRequest', { key: bytes(1), rangeEnd: bytes(2) });
const DeleteRangeResponse = message('DeleteRangeResponse', {
  header: one(1, ResponseHeader),
  deleted: large(2),
});

const RequestOp = message('RequestOp', {
  request: choice({
    requestRange: either(1, RangeRequest),
    requestPut: either(2, PutRequest),
    requestDeleteRange: either(3, DeleteRangeRequest),
  }),
});
const ResponseOp = message('ResponseOp', {
  response: choice({
    responseRange: either(1, RangeResponse),
    responsePut: either(2, PutResponse),
    responseDeleteRange: either(3, DeleteRangeResponse),
  }),
});

const Compare = message('Compare', {
  result: small(1),
  target: small(2),
  key: bytes(3),
  targetUnion: choice({ createRevision: large(5), modRevision: large(6) }),
  /** All keys from `key` on, before this one, are compared; `key` alone where it is left out. */
  rangeEnd: bytes(64),
});

const TxnRequest = message('TxnRequest', {
  compare: list(1, Compare),
  success: list(2, RequestOp),
  failure: list(3, RequestOp),
});
const TxnResponse = message('TxnResponse', {
  header: one(1, ResponseHeader),
  succeeded: flag(2),
  responses: list(3, ResponseOp),
});

/** A TxnRequest whose Compares and RequestOps were encoded before: see txn-parts.ts. */
const PartedTxnRequest = message('TxnRequest', { compare: bytesList(1), success: bytesList(2) });
/** A TxnResponse of which nobody wants to know what the operations came to. */
const TxnOutcome = message('TxnResponse', { header: one(1, ResponseHeader), succeeded: flag(2) });

const LeaseGrantRequest = message('LeaseGrantRequest', { TTL: large(1) });
const LeaseGrantResponse = message('LeaseGrantResponse', {
  header: one(1, ResponseHeader),
  ID: large(2),
  TTL: large(3),
});
const LeaseRevokeRequest = message('LeaseRevokeRequest', { ID: large(1) });
const LeaseRevokeResponse = message('LeaseRevokeResponse', { header: one(1, ResponseHeader) });
const LeaseKeepAliveRequest = message('LeaseKeepAliveRequest', { ID: large(1) });
const LeaseKeepAliveResponse = message('LeaseKeepAliveResponse', {
  header: one(1, ResponseHeader),
  ID: large(2),
  /** In seconds. 0: there is no such lease. */
  TTL: large(3),
});

const WatchCreateRequest = message('WatchCreateRequest', {
  key: bytes(1),
  rangeEnd: bytes(2),
  /** The first revision that is wanted; 0 for what comes from now on. */
  startRevision: large(3),
  /** Tell the revision now and then where nothing changes. */
  progressNotify: flag(4),
  prevKv: flag(6),
  /** What is too long for one answer comes in several: see {@link WatchResponse}. */
  fragment: flag(8),
});
const WatchProgressRequest = message('WatchProgressRequest', {});
const WatchRequest = message('WatchRequest', {
  request: choice({
    createRequest: either(1, WatchCreateRequest),
    progressRequest: either(3, WatchProgressRequest),
  }),
});
const Event = message('Event', {
  type: small(1),
  /** Of what was removed, the key and the revision of its removal. */
  kv: one(2, KeyValue),
  prevKv: one(3, KeyValue),
});
const WatchResponse = message('WatchResponse', {
  header: one(1, ResponseHeader),
  watchId: large(2),
  created: flag(3),
  canceled: flag(4),
  /** Not 0: what comes before it is no longer kept, and the watch has asked for some of that. */
  compactRevision: large(5),
  cancelReason: text(6),
  /** More of the same answer follows: a revision's changes may go on there. */
  fragment: flag(7),
  events: list(11, Event),
});

const AuthenticateRequest = message('AuthenticateRequest', { name: text(1), password: text(2) });
const AuthenticateResponse = message('AuthenticateResponse', { token: text(2) });

export const KV = service('KV', {
  range: unary(RangeRequest, RangeResponse),
  put: unary(PutRequest, PutResponse),
  txn: unary(TxnRequest, TxnResponse),
});

/** KV, for transactions that only compare, put and remove. */
export const Commit = service('KV', { txn: unary(PartedTxnRequest, TxnOutcome) });

export const Lease = service('Lease', {
  leaseGrant: unary(LeaseGrantRequest, LeaseGrantResponse),
  leaseRevoke: unary(LeaseRevokeRequest, LeaseRevokeResponse),
  leaseKeepAlive: streaming(LeaseKeepAliveRequest, LeaseKeepAliveResponse),
});

export const Watch = service('Watch', { watch: streaming(WatchRequest, WatchResponse) });

export const Auth = service('Auth', { authenticate: unary(AuthenticateRequest, AuthenticateResponse) });

export type KeyValue = MessageShape<typeof KeyValue>;
export type RangeStart = MessageInitShape<typeof RangeRequest>;
export type RangeResponse = MessageShape<typeof RangeResponse>;
export type TxnResponse = MessageShape<typeof TxnResponse>;
export type WatchStart = MessageInitShape<typeof WatchCreateRequest>;
export type WatchRequest = MessageInitShape<typeof WatchRequest>;
export type WatchResponse = MessageShape<typeof WatchResponse>;

/** An operation of a transaction. */
type Operation = MessageInitShape<typeof RequestOp>;

export function range(value: MessageInitShape<typeof RangeRequest>): Operation {
  return { request: { case: 'requestRange', value } };
}

export function put(value: MessageInitShape<typeof PutRequest>): Operation {
  return { request: { case: 'requestPut', value } };
}

export function remove(value: MessageInitShape<typeof DeleteRangeRequest>): Operation {
  return { request: { case: 'requestDeleteRange', value } };
}

/** That the key's last change was at this revision; 0: that there is no such key. */
export function unchanged(key: Uint8Array, modRevision: bigint): MessageInitShape<typeof Compare> {
  return {
    result: EQUAL,
    target: MOD_REVISION,
    key,
    targetUnion: { case: 'modRevision', value: modRevision },
  };
}

/** That there is no key in this range. */
export function noneIn(key: Uint8Array, rangeEnd: Uint8Array): MessageInitShape<typeof Compare> {
  return {
    result: EQUAL,
    target: CREATE_REVISION,
    key,
    rangeEnd,
    targetUnion: { case: 'createRevision', value: 0n },
  };
}
