/**
 * What of a client's connection outlives the server that it is at: where its stream stands after its last complete request,
 * and what the requests before have made of the connection. Another server goes on from there.
 *
 * To add a part: a field with a default value, which is written in checkpoint-bytes.ts.
 */

import { NO_SUBSCRIPTIONS, Subscriptions } from './resp/subscriptions.js';

export type StreamCheckpoint = TextCheckpoint | RespCheckpoint;

/** The place in a stream of the text protocol; of a server with a password, also whether the client has told it. */
export type TextCheckpoint =
  | TextPlace
  | { readonly place: 'locked'; readonly at: TextPlace }
  | { readonly place: 'unlocked'; readonly at: TextPlace };

/** The place in a stream, and the watch of its client if there is one. */
export type TextPlace = PlainPlace & { readonly watch?: WatchPlace | undefined };

/** What a client watches, and how far it was told. */
export interface WatchPlace {
  /** One character per byte. */
  readonly prefix: string;
  /** The next revision to be told; 0 while the state is told, when nobody can go on. */
  readonly revision: number;
}

type PlainPlace =
  /** Between two requests: the next one starts here. */
  | { readonly place: 'command' }
  /** Before the value of a bad command: `byteCount` bytes, and then the rest of a line, are to be skipped. */
  | { readonly place: 'bad value'; readonly byteCount: number }
  /** Within a bad line: the rest of it is to be skipped together with its line break. */
  | { readonly place: 'bad line' };

/** In a stream of the Redis protocol, between two commands: what the ones before have made of the connection. */
export interface RespCheckpoint extends RespState {
  readonly place: 'resp';
}

export interface RespState {
  /** What HELLO agreed on; 2 at the start. */
  readonly version: 2 | 3;
  /** `open` after MULTI and before EXEC; `broken` if EXEC will be refused, because one of the commands was. */
  readonly transaction: 'none' | 'open' | 'broken';
  /** WATCH has named keys for the next EXEC. */
  readonly hasWatched: boolean;
  /** What CLIENT SETNAME said, one character per byte; empty at the start. */
  readonly name: string;
  /** What CLIENT SETINFO said of the client's library, as above. */
  readonly libName: string;
  readonly libVersion: string;
  /** What CLIENT REPLY said; `skip` if the next command is not answered. */
  readonly replies: 'on' | 'off' | 'skip';
  /** MONITOR was said: the connection is told of all commands. */
  readonly isMonitor: boolean;
  /** READONLY was said: a server that does not lead answers reads. */
  readonly isReadOnly: boolean;
  /** What SUBSCRIBE and PSUBSCRIBE have named. */
  readonly subscriptions: Subscriptions;
  /** With subscriptions, where another server goes on: changes before this revision were told. */
  readonly toldTo: number;
  /** `free` where there is no password; `locked` until the client has told it. */
  readonly access: 'free' | 'locked' | 'unlocked';
  /** The rest of a command that was refused for its size: bytes of an argument, and arguments after that. */
  readonly dropped: DroppedRest;
}

export interface DroppedRest {
  readonly bytes: number;
  readonly args: number;
}

export const NOTHING_DROPPED: DroppedRest = { bytes: 0, args: 0 };

export const AT_COMMAND_START: TextPlace = { place: 'command' };

export const AT_RESP_START: RespCheckpoint = {
  place: 'resp',
  version: 2,
  transaction: 'none',
  hasWatched: false,
  name: '',
  libName: '',
  libVersion: '',
  replies: 'on',
  isMonitor: false,
  isReadOnly: false,
  subscriptions: NO_SUBSCRIPTIONS,
  toldTo: 0,
  access: 'free',
  dropped: NOTHING_DROPPED,
};

export const AT_RESP3_START: RespCheckpoint = { ...AT_RESP_START, version: 3 };

/** Whether the password is due there. */
export function isLocked(at: StreamCheckpoint): boolean {
  return at.place === 'locked' || (at.place === 'resp' && at.access === 'locked');
}

/** The same at a server with a password, before the client has told it. */
export function locked(at: TextPlace | RespCheckpoint): StreamCheckpoint {
  return at.place === 'resp' ? { ...at, access: 'locked' } : { place: 'locked', at };
}

/** The checkpoint with this state, as at the start where nothing else is said. It is a shared object if that is all. */
export function respCheckpoint(state: Partial<RespState>): RespCheckpoint {
  const at: RespCheckpoint = { ...AT_RESP_START, ...state };
  const isPlain =
    at.transaction === 'none' &&
    !at.hasWatched &&
    at.name === '' &&
    at.libName === '' &&
    at.libVersion === '' &&
    at.replies === 'on' &&
    !at.isMonitor &&
    !at.isReadOnly &&
    at.subscriptions === NO_SUBSCRIPTIONS &&
    at.access === 'free' &&
    at.dropped === NOTHING_DROPPED;
  if (!isPlain) return at;
  return at.version === 2 ? AT_RESP_START : AT_RESP3_START;
}

/** The watch of the checkpoint, if there is one. */
export function watchOf(at: StreamCheckpoint): WatchPlace | undefined {
  if (at.place === 'resp') return undefined;
  return at.place === 'locked' || at.place === 'unlocked' ? at.at.watch : at.watch;
}

/** Whether the client is told of something although it sends nothing: by MONITOR, subscriptions or a watch. It needs a server. */
export function isToldUnasked(at: StreamCheckpoint): boolean {
  if (at.place !== 'resp') return watchOf(at) !== undefined;
  return at.isMonitor || at.subscriptions !== NO_SUBSCRIPTIONS;
}

/** The checkpoint with this watch, or without one. */
export function withWatch(at: TextCheckpoint, watch: WatchPlace | undefined): TextCheckpoint {
  if (at.place === 'locked' || at.place === 'unlocked') return { ...at, at: placeWithWatch(at.at, watch) };
  return placeWithWatch(at, watch);
}

function placeWithWatch(at: TextPlace, watch: WatchPlace | undefined): TextPlace {
  return watch === undefined && at.place === 'command' ? AT_COMMAND_START : { ...at, watch };
}

/** A checkpoint for somebody who has the last one; with {@link SAME_SUBSCRIPTIONS} it leaves out what has not changed. */
export type CheckpointUpdate =
  | StreamCheckpoint
  /** Nothing else has changed: only how far a subscriber was told. */
  | { readonly place: 'told'; readonly toldTo: number };

/** Stands for those of the last checkpoint. */
export const SAME_SUBSCRIPTIONS = new Subscriptions([''], []);

/** The checkpoint after the update. */
export function updated(last: StreamCheckpoint, update: CheckpointUpdate): StreamCheckpoint {
  if (update.place === 'told') return last.place === 'resp' ? { ...last, toldTo: update.toldTo } : last;
  if (update.place !== 'resp' || update.subscriptions !== SAME_SUBSCRIPTIONS) return update;
  return { ...update, subscriptions: last.place === 'resp' ? last.subscriptions : NO_SUBSCRIPTIONS };
}
