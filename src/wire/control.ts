/**
 * What the main thread and a server's thread say to each other outside the data path: how a server is started,
 * the calls it answers, and the events it reports.
 */

import type { MessagePort } from 'node:worker_threads';
import type { Port } from '../channel/port.js';
import type { ChangeStatus } from '../raft/change-status.js';
import type { MembersRefusal } from '../raft/start-change.js';
import type { TraceEvent } from '../raft/trace.js';
import type {
  ChangeOutcome,
  Configuration,
  LogIndex,
  LogPosition,
  Member,
  RoleName,
  ServerId,
  SlotId,
  Term,
} from '../raft/types.js';
import type { MetricsReading } from './measurements.js';
import type { LogTail, ObservedMembers, ObservedMessage, ShownRole } from './observations.js';

/** Everything a server's thread needs to start. Sent as the pool's task, with the ports transferred. */
export interface ServerStart {
  readonly id: ServerId;
  /** Where it is, by which all but the servers know it. */
  readonly slot: SlotId;
  /** How many servers the cluster began with: those of ids 0 to `clusterSize` - 1, each in the slot of its number. */
  readonly clusterSize: number;
  readonly clusterId: string;
  /** This server's own directory. */
  readonly dataDir: string;
  /** Whether an acknowledged write was synced to the disk, or only handed to the operating system. */
  readonly fsync: boolean;
  readonly electionTimeoutMs: number;
  readonly heartbeatMs: number;
  /** How long new servers may take to catch up; then a change of members is given up. */
  readonly catchUpTimeoutMs: number;
  /** When the log has grown by this many bytes, a snapshot is due. */
  readonly snapshotLogBytes: number;
  readonly maxValueBytes: number;
  /** Changes that are kept for those who watch. */
  readonly watchHistory: number;
  /** No server has run in this process since this one ran last, and no other process uses the data directory. */
  readonly leasesAreOver: boolean;
  /** The state of log-time.ts that all servers of the process share. */
  readonly logTime: SharedArrayBuffer;
  /** Where the keys are kept; in this process if undefined. */
  readonly etcd: EtcdAccess | undefined;
  /** Where the clients of each slot connect: for redirects. */
  readonly clientAddresses: ReadonlyMap<SlotId, ClientAddress>;
  readonly ports: ServerPorts;
}

/** How to get to etcd, and where in it the keys are. */
export interface EtcdAccess {
  /** `http://host:port` or `https://host:port`, of one or more of its members. */
  readonly endpoints: readonly string[];
  /** What all names of keys in etcd begin with; one character per byte. */
  readonly prefix: string;
  readonly user?: { readonly name: string; readonly password: string };
  /** In PEM: certificates of authorities, and this client's own certificate with its key. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Where a server's clients connect to. A host '' stands for the address by which a client has reached the server it asks. */
export interface ClientAddress {
  readonly host: string;
  readonly port: number;
}

export interface ServerPorts {
  /** comlink: {@link ServerControl} is exposed here. */
  readonly control: MessagePort;
  /** Batches of client traffic (see client-frames.ts), both directions. */
  readonly traffic: MessagePort;
  /** {@link ServerEvent}s from the server to the main thread, {@link PeerNews} the other way. */
  readonly events: MessagePort;
}

/** The calls a running server answers, through comlink. */
export interface ServerControl {
  status(): ServerStatus;
  measure(): ServerMeasurements;
  /** How it looks now. From then on it keeps a sample of its messages for the next call, for some seconds. */
  observe(): ServerObservation;
  /** Makes the direction from this server to `peer` lossy or slow; {@link NO_FAULT} undoes it. */
  setLinkFault(peer: ServerId, fault: LinkFault): void;
  /** Hands leadership to `target`; resolves once asked, not once done. Throws when this server does not lead. */
  transferLeadership(target: ServerId): void;
  /** Who the members are, as far as this server knows. */
  members(): Promise<MembersView>;
  /** Changes the voters to these. Resolves once that is done, given up or refused, or this server leads no more. */
  changeMembers(voters: readonly Member[]): Promise<MembersAnswer>;
  /**
   * Sends a snapshot of the state as it is now through the port, as a channel of `Uint8Array`s, which it closes
   * after the last; resolves once it has begun. Rejects when this server does not lead. Transfer the port.
   */
  backup(port: MessagePort): Promise<void>;
  /** Blocks the thread's event loop, as a stalled machine would. For tests and demonstrations. */
  block(durationMs: number): void;
  /** Stops cleanly: answers what is committed, closes the log. The thread's task resolves after it. */
  stop(): Promise<void>;
}

export interface MembersView {
  readonly isLeading: boolean;
  /** The end of its log. */
  readonly lastLog: LogPosition;
  /** The configuration in force. */
  readonly configuration: Configuration;
  /** Whether that is committed. */
  readonly isDecided: boolean;
  /** How far a change is, as the leader knows; null while there is none. */
  readonly change: ChangeStatus | null;
}

/** What became of a change of members. */
export type MembersAnswer =
  | ChangeOutcome
  | { readonly outcome: 'refused'; readonly refusal: MembersRefusal; readonly reason: string };

/** What happens to messages in one direction of a link. */
export interface LinkFault {
  /** Fraction of messages lost, 0 to 1. */
  readonly dropRate: number;
  /** Each message is late by a time drawn uniformly from this range, in ms. */
  readonly delayMs: readonly [min: number, max: number];
}

export const NO_FAULT: LinkFault = { dropRate: 0, delayMs: [0, 0] };

export interface ServerStatus {
  readonly id: ServerId;
  readonly role: ShownRole;
  readonly term: Term;
  readonly votedFor: ServerId | null;
  /** The leader, as far as this server knows. */
  readonly leader: ServerId | null;
  readonly commitIndex: LogIndex;
  readonly lastApplied: LogIndex;
  readonly lastIndex: LogIndex;
  /** The newest snapshot reaches this far; 0 without one. */
  readonly snapshotIndex: LogIndex;
  readonly disk: DiskCondition;
}

/** The condition of a server's disk. */
export type DiskCondition =
  | { readonly name: 'well' }
  /** A write has been under way for this long. */
  | { readonly name: 'stalled'; readonly forMs: number }
  /** It is short of something, as of space, for this long, and the same write is retried until it succeeds. */
  | { readonly name: 'shortage'; readonly forMs: number; readonly reason: string };

/** What a server measured: how it stands now, and what it counted since its thread began to serve. */
export interface ServerMeasurements {
  readonly status: ServerStatus;
  readonly metrics: MetricsReading;
  readonly keys: number;
  /** Commands that were taken from clients and are not answered. */
  readonly pendingCommands: number;
  /** Connections of this server that watch keys, and those that have subscribed to events. */
  readonly watchers: number;
  readonly subscribers: number;
  /** Batches that wait in each of the thread's channels. */
  readonly queues: { readonly traffic: number; readonly peers: number; readonly replies: number };
  readonly thread: ThreadMeasurements;
}

export interface ThreadMeasurements {
  /** For how long the event loop had something to do, and nothing. */
  readonly loopActiveMs: number;
  readonly loopIdleMs: number;
  /** The longest time that the event loop was blocked in the last 15 s, and the seconds in which it was for over 20 ms. */
  readonly loopLongestBlockMs: number;
  readonly loopBlockedSeconds: number;
  readonly heapUsedBytes: number;
  readonly heapTotalBytes: number;
  readonly heapLimitBytes: number;
  /** Buffers and the like, which the heap holds and which lie outside of it. */
  readonly externalBytes: number;
}

export interface ServerObservation extends ServerStatus {
  /** When it campaigns unless it hears from a leader before, in ms from now; null for a leader. */
  readonly electionInMs: number | null;
  readonly pendingCommands: number;
  readonly log: LogTail;
  /** The members as this server knows them. */
  readonly members: ObservedMembers;
  /** Messages sent since the last call. */
  readonly messages: readonly ObservedMessage[];
}

/** News of the other servers, in the order in which they happened: faster than calls through comlink. */
export type PeerNews<P extends Port = MessagePort> =
  /** `peer` runs: the port joins this server with it, in place of an earlier one. */
  | { readonly type: 'joined'; readonly peer: ServerId; readonly port: P }
  /** Where the clients of a slot connect. */
  | { readonly type: 'address'; readonly slot: SlotId; readonly address: ClientAddress }
  /** `peer` has stopped serving, and its answers reach nobody any more. If it led, a successor must campaign at once. */
  | { readonly type: 'ended'; readonly peer: ServerId };

/** A turn of a server, and what was done in it. */
export interface TurnWork {
  readonly tookMs: number;
  /** Units of work (state-machine/work.ts) on entries, and on commands that go through all keys. */
  readonly appliedUnits: number;
  readonly walkedUnits: number;
  /** Messages of other servers, and bytes from clients. */
  readonly messages: number;
  readonly clientBytes: number;
}

/** What a server reports on its own accord. */
export type ServerEvent =
  /** The thread has all its modules, and may be terminated. Always the first event. */
  | { readonly type: 'loaded'; readonly threadId: number }
  /** The server recovered from its disk and takes calls and connections. Always the second. */
  | { readonly type: 'up'; readonly lastIndex: LogIndex; readonly term: Term }
  /** Role, term or known leader changed. */
  | { readonly type: 'role'; readonly role: RoleName; readonly term: Term; readonly leader: ServerId | null }
  /** It cannot go on, and ends: its status at the end. */
  | { readonly type: 'failing'; readonly status: ServerStatus }
  /** The disk is in another condition than before. At first it is well. */
  | { readonly type: 'disk'; readonly condition: DiskCondition }
  /** A snapshot of its own state was given up for a shortage, and is taken later. */
  | { readonly type: 'snapshot-dropped'; readonly reason: string }
  /** So many subscribers were disconnected, since the last time that this was told, because they did not read. */
  | { readonly type: 'subscribers-closed'; readonly count: number }
  /** Whether etcd answers: null, or why it does not. Told at first, and when that changes. */
  | { readonly type: 'etcd'; readonly trouble: string | null }
  /** Something happened in an election. When a role changes by that, it is told before the change. */
  | { readonly type: 'election'; readonly trace: TraceEvent }
  /** A snapshot of everything up to `index` was taken, and the log before it is going. */
  | {
      readonly type: 'snapshot';
      readonly index: LogIndex;
      readonly byteLength: number;
      readonly tookMs: number;
    }
  /** The leader's snapshot was installed, and the state machine restored from it. */
  | {
      readonly type: 'installed';
      readonly index: LogIndex;
      readonly byteLength: number;
      readonly tookMs: number;
    }
  /**
   * The thread's event loop was blocked for this long: `turn` tells the server's longest turn about that time. Where that is
   * much shorter, something else has blocked it.
   */
  | { readonly type: 'blocked'; readonly blockedMs: number; readonly turn: TurnWork }
  /** The leader has applied its first entry of its term: from now on reads and writes are answered. */
  | { readonly type: 'serving'; readonly term: Term };
