/**
 * Tells watchers of the changes of keys.
 *
 * Those who have been told of everything so far are live: a change is encoded once, and goes to all of them whose prefix its
 * key has. A watcher that begins earlier, or does not read, lags behind: it goes through the history by itself until it has
 * caught up. What it needs may be dropped from the history meanwhile: then it is told so, and its watch ends.
 */

import type { LogTime } from '../../../log-time.js';
import { type Reply, secondsLeft } from '../../../protocol/reply.js';
import type { WatchRequest } from '../../../protocol/request.js';
import { compactedLine, markLine, setLine } from '../../../protocol/text/watch-lines.js';
import type { Raft } from '../../../raft/raft.js';
import type { KeyChange } from '../../../state-machine/history.js';
import type { KeyValueStore } from '../../../state-machine/key-value-store.js';
import {
  LAGGING_CHANGES_PER_TURN,
  LEADERLESS_WATCH_MS,
  MAX_STATE_WATCHERS,
  PLACE_TOLD_CHANGES,
  STATE_KEYS_PER_TURN,
  UNREAD_STATE_MS,
  WATCH_BYTES_PER_TURN,
  WATCH_MARK_MS,
} from '../../../watch-limits.js';
import type { AppliedState } from '../../applied-state.js';
import type { ReplyFrames } from '../reply-frames.js';
import type { PendingCommand, Session } from '../session.js';
import { changeLine } from './change-line.js';
import { StateTelling } from './state-telling.js';
import { Watch } from './watch.js';

export interface WatchersOptions {
  readonly raft: Raft;
  readonly logTime: LogTime;
  readonly state: AppliedState;
  readonly replies: ReplyFrames;
  /** Closes the connection. */
  readonly close: (session: Session) => void;
}

export class Watchers {
  readonly #raft: Raft;
  readonly #logTime: LogTime;
  readonly #state: AppliedState;
  readonly #replies: ReplyFrames;
  readonly #close: (session: Session) => void;
  readonly #watches = new Map<Session, Watch>();
  /** Live watches by their prefix, and how long prefixes are. */
  readonly #live = new Map<string, Set<Watch>>();
  #prefixLengths: readonly number[] = [];
  /** All others. */
  readonly #lagging = new Set<Watch>();
  /** The store whose changes are told; another one after a snapshot was installed. */
  #store: KeyValueStore;
  /** The last revision that live watchers were told of, if it was theirs. */
  #toldRevision = 0;
  #marksDueMs = Number.POSITIVE_INFINITY;
  #leaderSeenMs = 0;
  #isDue = false;
  #nowMs = 0;
  #bytesLeft = 0;

  constructor({ raft, logTime, state, replies, close }: WatchersOptions) {
    this.#raft = raft;
    this.#logTime = logTime;
    this.#state = state;
    this.#replies = replies;
    this.#close = close;
    this.#store = state.store;
  }

  get count(): number {
    return this.#watches.size;
  }

  /** Whether {@link work} has something to do at once. */
  get isDue(): boolean {
    return this.#isDue && !this.#replies.isFull;
  }

  /** When {@link work} has something to do although nothing happens. */
  get deadlineMs(): number {
    return this.#marksDueMs;
  }

  /** Begins a watch from the state as it is, which is current. Returns the reply; undefined for one that is resumed. */
  begin({ session }: PendingCommand, request: WatchRequest, nowMs: number): Reply | undefined {
    const { prefix, revision, isResumed } = request;
    const { store } = this.#state;
    const { history, lastRevision } = store;
    const next = revision === undefined || revision === 0 ? lastRevision + 1 : revision;
    const isLost = isResumed && revision === 0;
    if (isLost || next > lastRevision + 1 || (next < history.first && next <= lastRevision)) {
      session.endWatch();
      return { type: 'compacted', firstKept: history.first };
    }
    if (this.#watches.size === 0) this.#wake(nowMs);
    const watch = new Watch(session, prefix, next, nowMs);
    session.watch = watch;
    if (revision === 0) watch.state = new StateTelling(prefix);
    this.#watches.set(session, watch);
    this.#lagging.add(watch);
    this.#isDue = true;
    return isResumed ? undefined : { type: 'watching', revision: lastRevision };
  }

  /** The session's watch has ended, or the session has. */
  end(session: Session): void {
    const watch = this.#watches.get(session);
    if (watch === undefined) return;
    session.endWatch();
    watch.state?.close();
    this.#watches.delete(session);
    this.#lagging.delete(watch);
    this.#leaveLive(watch);
    if (this.#watches.size > 0) return;
    this.#marksDueMs = Number.POSITIVE_INFINITY;
    this.#isDue = false;
    this.#store.history.keepsParts = false;
  }

  /** Tells what is to be told. The state is as of an entry. */
  work(nowMs: number): void {
    if (this.#watches.size === 0) return;
    this.#nowMs = nowMs;
    this.#bytesLeft = WATCH_BYTES_PER_TURN;
    this.#isDue = false;
    if (this.#state.store !== this.#store) this.#storeReplaced();
    if (this.#replies.isFull) {
      this.#isDue = true;
      return;
    }
    this.#tellLive();
    if (this.#lagging.size > 0) this.#tellLagging();
    if (nowMs >= this.#marksDueMs) this.#tellMarks();
  }

  #wake(nowMs: number): void {
    this.#store = this.#state.store;
    this.#store.history.keepsParts = true;
    this.#toldRevision = this.#store.lastRevision;
    this.#marksDueMs = nowMs + WATCH_MARK_MS;
    this.#leaderSeenMs = nowMs;
  }

  /** A snapshot was installed: the history begins after it. */
  #storeReplaced(): void {
    this.#store = this.#state.store;
    this.#store.history.keepsParts = true;
    for (const watch of this.#watches.values()) {
      if (watch.isLive) watch.next = Math.max(watch.next, this.#toldRevision + 1);
      this.#lag(watch);
      // The keys that it was told, and those that are still to come, are of another state.
      if (watch.state !== undefined) this.#compact(watch);
    }
    this.#toldRevision = this.#store.lastRevision;
  }

  #tellLive(): void {
    const { history, lastRevision } = this.#store;
    if (this.#toldRevision >= lastRevision) return;
    if (this.#live.size === 0) {
      this.#toldRevision = lastRevision;
      return;
    }
    if (this.#toldRevision + 1 < history.first && history.first > 1) {
      for (const watch of [...this.#watches.values()])
        if (watch.isLive) this.#lag(watch, this.#toldRevision + 1);
      this.#toldRevision = lastRevision;
      return;
    }
    const end = history.visit(this.#toldRevision + 1, lastRevision, (change) => {
      this.#tellAll(change);
      return this.#bytesLeft > 0;
    });
    this.#toldRevision = Math.max(this.#toldRevision, end - 1);
    this.#isDue ||= this.#toldRevision < lastRevision;
  }

  /** Tells all live watchers of the change that it is theirs. */
  #tellAll(change: KeyChange): void {
    this.#bytesLeft -= CHANGE_COST;
    let line: string | undefined;
    const tell = (watches: Iterable<Watch>) => {
      for (const watch of watches) {
        line ??= changeLine(this.#store, change, this.#logTime.nowMs()) ?? '';
        if (line === '' || watch.session.hasTooMuchUnread) this.#lag(watch, change.revision);
        else this.#tell(watch, line, change.revision + 1);
      }
    };
    if (change.kind === 'flushed') {
      for (const watches of this.#live.values()) tell(watches);
      return;
    }
    for (const length of this.#prefixLengths) {
      if (length > change.key.length) break;
      const watches = this.#live.get(change.key.slice(0, length));
      if (watches !== undefined) tell(watches);
    }
  }

  #tellLagging(): void {
    const quantum = Math.ceil(this.#bytesLeft / this.#lagging.size);
    for (const watch of this.#lagging) {
      const { state } = watch;
      if (watch.session.hasTooMuchUnread) {
        if (state?.hasBegun === true && this.#nowMs - watch.toldAtMs >= UNREAD_STATE_MS) this.#compact(watch);
      } else if (state === undefined) this.#catchUp(watch, quantum);
      else if (state.hasBegun || this.#beginState(watch, state)) this.#tellState(watch, state, quantum);
    }
  }

  /** Begins to tell the state as it is, if not too many are told it, and if it is what live watchers were told of. */
  #beginState(watch: Watch, state: StateTelling): boolean {
    let begun = 0;
    for (const other of this.#lagging) if (other.state?.hasBegun === true) begun += 1;
    if (begun >= MAX_STATE_WATCHERS || this.#toldRevision < this.#store.lastRevision) return false;
    watch.next = this.#toldRevision + 1;
    state.begin(this.#store.walk());
    return true;
  }

  /** Tells the watcher of changes up to the last one that live watchers were told of. Returns whether it is there. */
  #goThrough(watch: Watch, quantum: number, take: (change: KeyChange) => boolean): boolean {
    const { history } = this.#store;
    if (watch.next < history.first && watch.next <= this.#toldRevision) {
      this.#compact(watch);
      return false;
    }
    const endBytes = this.#bytesLeft - quantum;
    let changes = LAGGING_CHANGES_PER_TURN;
    let isRefused = false;
    const last = this.#toldRevision;
    const next = history.visit(watch.next, last, (change) => {
      isRefused = !take(change);
      changes -= 1;
      return !isRefused && changes > 0 && this.#bytesLeft > endBytes && !watch.session.hasTooMuchUnread;
    });
    if (isRefused) {
      this.#compact(watch);
      return false;
    }
    watch.next = next;
    if (next > last) return true;
    this.#isDue = true;
    return false;
  }

  #catchUp(watch: Watch, quantum: number): void {
    const isThere = this.#goThrough(watch, quantum, (change) => {
      if (change.kind !== 'flushed' && !change.key.startsWith(watch.prefix)) return true;
      const line = changeLine(this.#store, change, this.#logTime.nowMs());
      if (line === undefined) return false;
      this.#tell(watch, line, change.revision + 1);
      return true;
    });
    if (isThere) this.#joinLive(watch);
  }

  /** First the changes that have happened, then keys whose turn it is, as they are after those changes. */
  #tellState(watch: Watch, state: StateTelling, quantum: number): void {
    const isThere = this.#goThrough(watch, quantum, (change) => this.#takeWhileState(watch, state, change));
    if (!isThere) return;
    // Changes that live watchers were not told of yet have happened to the keys, too.
    if (this.#toldRevision < this.#store.lastRevision) return;
    this.#isDue = true;
    if (!state.prepare()) return;
    const endBytes = this.#bytesLeft - quantum;
    for (let keys = 0; keys < STATE_KEYS_PER_TURN && this.#bytesLeft > endBytes; keys += 1) {
      if (watch.session.hasTooMuchUnread) return;
      const key = state.next();
      if (key === undefined) {
        state.close();
        watch.state = undefined;
        this.#tell(watch, markLine(this.#toldRevision), this.#toldRevision + 1);
        this.#joinLive(watch);
        return;
      }
      const record = this.#store.get(key);
      if (record === undefined) continue;
      this.#tell(
        watch,
        setLine({ ...record, key, exptimeS: secondsLeft(record.deadlineMs, this.#logTime.nowMs()) }),
        watch.next,
      );
    }
  }

  #takeWhileState(watch: Watch, state: StateTelling, change: KeyChange): boolean {
    if (change.kind === 'flushed') state.clear();
    else {
      if (!change.key.startsWith(watch.prefix)) return true;
      if (!state.isPast(change.key)) {
        if (change.kind === 'set') state.add(change.key);
        return true;
      }
    }
    const line = changeLine(this.#store, change, this.#logTime.nowMs());
    if (line === undefined) return false;
    this.#tell(watch, line, change.revision + 1);
    return true;
  }

  #tell(watch: Watch, line: string, next: number): void {
    watch.next = next;
    watch.toldAtMs = this.#nowMs;
    this.#bytesLeft -= line.length;
    this.#replies.push(watch.session, line);
  }

  /** Tells those who were told of nothing for long how far they have been told; closes all where there is no leader. */
  #tellMarks(): void {
    const nowMs = this.#nowMs;
    if (this.#raft.leader !== undefined) this.#leaderSeenMs = nowMs;
    if (nowMs - this.#leaderSeenMs >= LEADERLESS_WATCH_MS) {
      for (const session of [...this.#watches.keys()]) if (!session.routed) this.#close(session);
      if (this.#watches.size === 0) return;
    }
    this.#marksDueMs = nowMs + MARKS_PERIOD_MS;
    for (const watch of this.#watches.values()) {
      if (!watch.isLive || watch.session.hasTooMuchUnread) continue;
      if (nowMs - watch.toldAtMs >= WATCH_MARK_MS)
        this.#tell(watch, markLine(this.#toldRevision), this.#toldRevision + 1);
      else if (this.#toldRevision - watch.next > PLACE_TOLD_CHANGES) {
        watch.next = this.#toldRevision + 1;
        this.#replies.push(watch.session, '');
      }
    }
  }

  #compact(watch: Watch): void {
    const { session } = watch;
    this.end(session);
    this.#replies.push(session, compactedLine(this.#store.history.first));
  }

  #joinLive(watch: Watch): void {
    this.#lagging.delete(watch);
    watch.isLive = true;
    const watches = this.#live.get(watch.prefix);
    if (watches !== undefined) watches.add(watch);
    else {
      this.#live.set(watch.prefix, new Set([watch]));
      this.#notePrefixes();
    }
  }

  #leaveLive(watch: Watch): void {
    if (!watch.isLive) return;
    watch.isLive = false;
    const watches = this.#live.get(watch.prefix);
    watches?.delete(watch);
    if (watches?.size !== 0) return;
    this.#live.delete(watch.prefix);
    this.#notePrefixes();
  }

  #lag(watch: Watch, next = watch.next): void {
    watch.next = Math.max(watch.next, next);
    this.#leaveLive(watch);
    this.#lagging.add(watch);
    this.#isDue = true;
  }

  #notePrefixes(): void {
    const lengths = new Set([...this.#live.keys()].map(({ length }) => length));
    this.#prefixLengths = [...lengths].sort((a, b) => a - b);
  }
}

/** Looking at a change counts as that many bytes. */
const CHANGE_COST = 64;

/** How often it is looked for those who were told of nothing for long, in ms. */
const MARKS_PERIOD_MS = 500;
