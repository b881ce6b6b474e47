/**
 * A client's connection while it is assigned to this server: its stream of commands, how far they are answered, and how much the
 * client has left unread. What executes commands exactly once are client sessions, in state-machine/sessions/.
 */

import type { ByteSpan } from '../../bytes/byte-reader.js';
import {
  MAX_MODEST_UNREAD_REPLY_BYTES,
  MAX_PENDING_BYTES_PER_CLIENT,
  MAX_PENDING_COMMANDS_PER_CLIENT,
  MAX_PENDING_WORK_PER_CLIENT,
  MAX_TOTAL_UNREAD_REPLY_BYTES,
  MAX_UNREAD_REPLY_BYTES,
} from '../../limits.js';
import { type StreamCheckpoint, type WatchPlace, watchOf } from '../../protocol/checkpoint.js';
import type { Request } from '../../protocol/request.js';
import { type ClientFacts, endpoint } from '../../protocol/resp/client-facts.js';
import { RedisStream } from '../../protocol/resp/redis-stream.js';
import { GuardedText, textStream } from '../../protocol/text/guarded-text.js';
import type { TextParser } from '../../protocol/text/text-parser.js';
import type { AssignmentId, AssignmentOpening, ConnectionId } from '../../wire/client-frames.js';
import type { ClientAddress } from '../../wire/control.js';
import type { DedupeKey } from '../../wire/dedupe-key.js';
import type { ReturningClient } from './group-commit-delay.js';

/** A command that was taken from its client's stream and waits for its answer. */
export interface PendingCommand {
  readonly client: ClientConnection;
  readonly request: Request;
  /** Where in the stream the command ends, in bytes from where it began at this server. */
  readonly endOffset: number;
  /** Where the stream stands right after it. */
  readonly at: StreamCheckpoint;
  /** When it was taken, in ms of the clock that the server's turns go by. */
  readonly takenAtMs: number;
  /** Log time when it began to wait for the state that it reads; undefined for a command that has not waited. */
  asOfMs: number | undefined;
  /** Only the leader may execute it, and this server did not lead when it was taken. */
  isElsewhere: boolean;
  /** Bytes of its answer that were counted as unread beforehand. */
  reservedBytes: number;
  /** Units of work that it is taken to be, if that was estimated: see work-estimate.ts. */
  pendingUnits: number;
  /** The client wants no answer: CLIENT REPLY has said so. */
  readonly isSilenced: boolean;
  /** It was answered before the outcome was known, and is not answered again. */
  isAnswered: boolean;
  /** All servers were asked about it. */
  isAsked: boolean;
}

/** A client's stream of commands, in whatever protocol. */
export interface RequestStream {
  /** How many bytes of the stream the requests returned so far took. */
  readonly consumed: number;
  /** Where in the stream the request began whose rest is still to come, be it bad and thrown away; undefined if there is none. */
  readonly halfStart: number | undefined;
  /** {@link next} has returned undefined although it can go on: a request is so long that it takes several calls. */
  readonly isUnfinished: boolean;
  /** The connection closes once everything is answered that was returned, and nothing more is returned. */
  readonly isClosing: boolean;
  checkpoint(): StreamCheckpoint;
  push(bytes: ByteSpan): void;
  /** Nothing will be taken for a while: keeps little more memory than what waits is long. */
  wait(): void;
  next(): Request | undefined;
}

/** Reply bytes that the sockets of all clients have not taken yet. */
export class TotalUnread {
  byteCount = 0;
}

export class ClientConnection implements ReturningClient {
  readonly id: AssignmentId;
  readonly connection: ConnectionId;
  /** Came through the router: what this server cannot serve goes back to it, never to the client. */
  readonly routed: boolean;
  /** By what its writes are known, if it came through the router. */
  readonly dedupeKey: DedupeKey | undefined;
  /** The client's own address, and the one by which it reached us. */
  readonly from: ClientAddress;
  readonly reached: ClientAddress;
  readonly parser: RequestStream;
  /** The client's stream, if it speaks RESP. */
  readonly redis: RedisStream | undefined = undefined;
  /** The client's stream, if it speaks the text protocol and there is a password. */
  readonly guarded: GuardedText | undefined = undefined;
  /** When its connection was accepted, and when a command of it was taken last, in ms of the clock that turns go by. */
  readonly acceptedAtMs: number;
  takenAtMs: number;
  /** Bytes of the stream that have come in. */
  receivedBytes = 0;
  /** Commands taken and not answered. */
  pendingCount = 0;
  /** Units of work that those are taken to be: see work-estimate.ts. */
  pendingUnits = 0;
  /** The stream is answered up to here, where it stands as follows. */
  answeredOffset = 0;
  answeredAt: StreamCheckpoint;
  /** The stream up to here is proposed: writes in it may take effect whatever happens to this server. */
  proposedOffset = 0;
  /** Bytes of the largest write among those that are pending. */
  largestWriteBytes = 0;
  /** Since when commands wait for a leader to be known, in ms; undefined when no command does. */
  leaderlessSinceMs: number | undefined;
  /** Where the stream stands, as last reported to the gateway. */
  reportedAt: StreamCheckpoint;
  /** The client sends no more. */
  hasEnded = false;
  /** Nothing more was taken although there may be more: see {@link mayTake}. */
  isStopped = false;
  expectedInRound = 0;
  /** A command of it waits for its turn: see work-turns.ts. */
  waitsForTurn = false;
  /** A command of it is executed beside all others. */
  standsAside = false;
  /** A command of it waits for the end of a pause. */
  isPaused = false;
  /** What the client watches. */
  watch: { readonly place: WatchPlace } | undefined;
  /** What it is subscribed to, and how far it was told. */
  subscriber: { readonly next: number } | undefined;
  /** How far that is, as last reported to the gateway. */
  reportedToldTo: number;
  /** It is served no more: whatever of it is pending is not answered. */
  isGone = false;
  /** The client's stream, if it speaks the text protocol. */
  readonly #text: TextParser | GuardedText | undefined = undefined;
  readonly #totalUnread: TotalUnread;
  #unreadBytes = 0;

  constructor(id: AssignmentId, opening: AssignmentOpening, totalUnread: TotalUnread, nowMs: number) {
    const { connection, routed, from, reached, ageMs, at, dedupeKey } = opening;
    this.id = id;
    this.#totalUnread = totalUnread;
    this.connection = connection;
    this.acceptedAtMs = nowMs - ageMs;
    this.takenAtMs = nowMs;
    this.routed = routed;
    this.dedupeKey = dedupeKey;
    this.from = from;
    this.reached = reached;
    this.reportedAt = at;
    this.reportedToldTo = at.place === 'resp' ? at.toldTo : 0;
    this.answeredAt = at;
    if (at.place === 'resp') {
      this.redis = new RedisStream(connection, at);
      this.parser = this.redis;
    } else {
      this.#text = textStream(at);
      this.parser = this.#text;
      if (this.#text instanceof GuardedText) this.guarded = this.#text;
    }
  }

  /** Whether what comes next may have been executed by another server. */
  get isRepeating(): boolean {
    return this.dedupeKey !== undefined && this.parser.consumed < this.dedupeKey.repeatedBytes;
  }

  /** Bytes that have come in and belong to no command that was taken. */
  get waitingBytes(): number {
    return this.receivedBytes - this.parser.consumed;
  }

  /** Nothing more is taken, and the connection closes once what was taken is answered. */
  get isEnding(): boolean {
    return this.hasEnded || this.parser.isClosing;
  }

  /** Whether another command may be taken: not while the client leaves too much unread, or has too much pending. */
  get mayTake(): boolean {
    return (
      !this.isPaused &&
      !this.waitsForTurn &&
      !this.standsAside &&
      !this.hasTooMuchUnread &&
      this.pendingCount < MAX_PENDING_COMMANDS_PER_CLIENT &&
      this.pendingUnits < MAX_PENDING_WORK_PER_CLIENT &&
      this.parser.consumed - this.answeredOffset < MAX_PENDING_BYTES_PER_CLIENT
    );
  }

  /** Whether the client leaves so much unread that nothing should be told it unasked. */
  get hasTooMuchUnread(): boolean {
    return this.#unreadBytes >= this.#maxUnreadBytes;
  }

  get #maxUnreadBytes(): number {
    return this.#totalUnread.byteCount < MAX_TOTAL_UNREAD_REPLY_BYTES
      ? MAX_UNREAD_REPLY_BYTES
      : MAX_MODEST_UNREAD_REPLY_BYTES;
  }

  /** Reply bytes that the client's socket has not taken yet. */
  get unreadBytes(): number {
    return this.#unreadBytes;
  }

  /** N reply bytes more are unread; fewer when negative. */
  addUnread(byteCount: number): void {
    this.#unreadBytes += byteCount;
    if (!this.isGone) this.#totalUnread.byteCount += byteCount;
  }

  /** It is served no more, and what it leaves unread does not count any more. */
  leave(): void {
    if (!this.isGone) this.#totalUnread.byteCount -= this.#unreadBytes;
    this.isGone = true;
  }

  /** The client's connection as CLIENT LIST shows it. */
  facts(nowMs: number): ClientFacts {
    const { redis } = this;
    return {
      id: this.connection,
      from: endpoint(this.from),
      reached: endpoint(this.reached),
      name: redis?.settings.name ?? '',
      ageS: Math.floor((nowMs - this.acceptedAtMs) / 1000),
      idleS: Math.floor((nowMs - this.takenAtMs) / 1000),
      queuedCount: redis?.queuedCount,
      isMonitor: redis?.isMonitor === true,
      channelCount: redis?.settings.subscriptions.channels.size ?? 0,
      patternCount: redis?.settings.subscriptions.patterns.size ?? 0,
      bufferedBytes: redis?.bufferedBytes ?? 0,
      unreadBytes: this.unreadBytes,
      lastCommand: redis?.lastCommand ?? '',
      version: redis?.version ?? 0,
      libName: redis?.settings.libName ?? '',
      libVersion: redis?.settings.libVersion ?? '',
    };
  }

  /** A server's address as this client can use it: a server without a host has the one by which the client reached us. */
  seen({ host, port }: ClientAddress): ClientAddress {
    return { host: host === '' ? this.reached.host : host, port };
  }

  /** Takes the next whole command of the stream; undefined until more bytes come. */
  take(nowMs: number): PendingCommand | undefined {
    const request = this.parser.next();
    return request === undefined ? undefined : this.#pending(request, nowMs);
  }

  /** What goes on with the watch that the stream begins with, if it begins with one. */
  resume(nowMs: number): PendingCommand | undefined {
    const watch = watchOf(this.answeredAt);
    return watch === undefined
      ? undefined
      : this.#pending({ type: 'watch', ...watch, isResumed: true }, nowMs);
  }

  /** The watch has ended, or has not begun: commands are taken again. */
  endWatch(): void {
    this.watch = undefined;
    this.#text?.endWatch();
  }

  #pending(request: Request, nowMs: number): PendingCommand {
    this.pendingCount += 1;
    this.takenAtMs = nowMs;
    return {
      client: this,
      request,
      endOffset: this.parser.consumed,
      at: this.parser.checkpoint(),
      takenAtMs: nowMs,
      asOfMs: undefined,
      isElsewhere: false,
      reservedBytes: 0,
      pendingUnits: 0,
      isSilenced: this.redis?.isSilenced === true,
      isAnswered: false,
      isAsked: false,
    };
  }
}
