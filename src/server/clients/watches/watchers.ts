/**
 * Tells watchers of the changes of keys.
 *
 * Those who have been told of everything so far are live: a change is encoded once, and goes to all of them whose prefix its
 * key has. A watcher that begins earlier, or does not read, lags behind: it goes through the history by itself until it has
 * caught up. What it needs may be dropped from the history meanwhile: then it is told so, and its watch ends.
 */

import type { LogTime } from '../../../log-time.js';
import type { Reply } from '../../../protocol/reply.js';
import type { WatchRequest } from '../../../protocol/request.js';
import { compactedLine, markLine } from '../../../protocol/text/watch-lines.js';
import type { Raft } from '../../../raft/raft.js';
import type { KeyChange } from '../../../state-machine/history.js';
import type { KeyRecord } from '../../../state-machine/key-record.js';
import {
  LAGGING_CHANGES_PER_TURN,
  LEADERLESS_WATCH_MS,
  MIN_LAGGING_BYTES,
  PLACE_TOLD_CHANGES,
  STATE_KEYS_PER_TURN,
  WATCH_BYTES_PER_TURN,
  WATCH_MARK_MS,
} from '../../../watch-limits.js';
import type { ChangeSource, ChangeStore } from '../change-source.js';
import type { ClientConnection, PendingCommand } from '../client-connection.js';
import type { ReplyFrames } from '../reply-frames.js';
import { changeLine, recordLine } from './change-line.js';
import { CHANGE_COST, MARKS_PERIOD_MS, SEEK_COST, TOLD_COST } from './costs.js';
import { LiveWatches } from './live-watches.js';
import { PagedState } from './paged-state.js';
import { StatePlaces } from './state-places.js';
import { StateTelling } from './state-telling.js';
import { Watch } from './watch.js';

export interface WatchersOptions {
  readonly raft: Pick<Raft, 'leader'>;
  readonly logTime: Pick<LogTime, 'nowMs'>;
  readonly changes: ChangeSource;
  readonly replies: Pick<ReplyFrames, 'isFull' | 'push'>;
  /** Closes the connection. */
  readonly close: (client: ClientConnection) => void;
}

export class Watchers {
  readonly #options: WatchersOptions;
  readonly #watches = new Map<ClientConnection, Watch>();
  readonly #live = new LiveWatches();
  /** All others, the one whose turn is next first. */
  readonly #lagging = new Set<Watch>();
  readonly #statePlaces = new StatePlaces();
  /** The store whose changes are told; another one after a snapshot was installed. */
  #store: ChangeStore;
  /** The last revision that live watchers were told of, if it was theirs. */
  #toldRevision = 0;
  #marksDueMs = Number.POSITIVE_INFINITY;
  #leaderSeenMs = 0;
  #isDue = false;
  #nowMs = 0;
  /** Bytes that the turn may still take: of lines, and what is counted for other work, see costs.ts. */
  #bytesLeft = 0;

  constructor(options: WatchersOptions) {
    this.#options = options;
    this.#store = options.changes.store;
  }

  get count(): number {
    return this.#watches.size;
  }

  /** Whether {@link work} has something to do at once. */
  get isDue(): boolean {
    return this.#isDue && !this.#options.replies.isFull;
  }

  /** When {@link work} has something to do although nothing happens. */
  get deadlineMs(): number {
    return this.#marksDueMs;
  }

  /** Begins a watch from the state as it is, which is current. Returns the reply; undefined for one that is resumed. */
  begin({ client }: Pick<PendingCommand, 'client'>, request: WatchRequest, nowMs: number): Reply | undefined {
    const { prefix, revision, isResumed } = request;
    const { store, statePages } = this.#options.changes;
    const { history, lastRevision } = store;
    const next = revision === undefined || revision === 0 ? lastRevision + 1 : revision;
    const isLost = isResumed && revision === 0;
    if (isLost || next > lastRevision + 1 || (next <= lastRevision && !history.keepsFrom(next))) {
      client.endWatch();
      return { type: 'compacted', firstKept: history.firstKept };
    }
    if (this.#watches.size === 0) this.#wake(nowMs);
    const watch = new Watch(client, prefix, next, nowMs);
    client.watch = watch;
    if (revision === 0) {
      watch.state = statePages === undefined ? new StateTelling(prefix) : new PagedState(statePages, prefix);
      this.#statePlaces.ask(watch);
    }
    this.#watches.set(client, watch);
    this.#lagging.add(watch);
    this.#isDue = true;
    return isResumed ? undefined : { type: 'watching', revision: lastRevision };
  }

  /** The client's watch has ended, or the client is gone. */
  end(client: ClientConnection): void {
    const watch = this.#watches.get(client);
    if (watch === undefined) return;
    client.endWatch();
    watch.state?.close();
    this.#statePlaces.leave(watch);
    this.#watches.delete(client);
    this.#lagging.delete(watch);
    this.#live.delete(watch);
    if (this.#watches.size > 0) return;
    this.#marksDueMs = Number.POSITIVE_INFINITY;
    this.#isDue = false;
    this.#store.history.keepNoParts();
  }

  /** Tells what is to be told. The state is as of an entry. */
  work(nowMs: number): void {
    if (this.#watches.size === 0) return;
    this.#nowMs = nowMs;
    this.#isDue = false;
    if (this.#options.changes.store !== this.#store) this.#storeReplaced();
    if (this.#options.replies.isFull) {
      this.#isDue = true;
      this.putOff(nowMs);
      return;
    }
    const laggingBytes = this.#lagging.size === 0 ? 0 : WATCH_BYTES_PER_TURN / 2;
    this.#bytesLeft = WATCH_BYTES_PER_TURN - laggingBytes;
    this.#tellLive();
    this.#bytesLeft = Math.max(0, this.#bytesLeft) + laggingBytes;
    if (this.#lagging.size > 0) this.#tellLagging();
    if (nowMs >= this.#marksDueMs) this.#tellMarks();
  }

  /** Nothing can be told this turn: no mark is due at once. */
  putOff(nowMs: number): void {
    if (nowMs >= this.#marksDueMs) this.#marksDueMs = nowMs + MARKS_PERIOD_MS;
  }

  #wake(nowMs: number): void {
    this.#store = this.#options.changes.store;
    this.#store.history.keepParts();
    this.#toldRevision = this.#store.lastRevision;
    this.#marksDueMs = nowMs + MARKS_PERIOD_MS;
    this.#leaderSeenMs = nowMs;
  }

  /** A snapshot was installed: the history begins after it. */
  #storeReplaced(): void {
    this.#store = this.#options.changes.store;
    this.#store.history.keepParts();
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
    history.keepParts(WATCH_BYTES_PER_TURN);
    if (this.#live.isEmpty) {
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

  /** Tells all live watchers of the change that it is theirs. Those for whom the turn has no bytes left lag from there on. */
  #tellAll(change: KeyChange): void {
    this.#bytesLeft -= CHANGE_COST;
    let line: string | undefined;
    this.#live.forEach(change, (watch) => {
      if (this.#bytesLeft <= 0) {
        this.#lag(watch, change.revision);
        return;
      }
      line ??= changeLine(this.#store, change, this.#options.logTime.nowMs()) ?? '';
      if (line === '' || watch.client.hasTooMuchUnread) this.#lag(watch, change.revision);
      else this.#tell(watch, line, change.revision + 1);
    });
  }

  /** Goes on with those that lag, one after the other, until the turn has no bytes left. */
  #tellLagging(): void {
    let count = this.#lagging.size;
    const quantum = Math.max(MIN_LAGGING_BYTES, Math.ceil(this.#bytesLeft / count));
    for (const watch of this.#lagging) {
      if (count === 0) return;
      if (this.#bytesLeft <= 0) {
        this.#isDue = true;
        return;
      }
      count -= 1;
      this.#lagging.delete(watch);
      this.#lagging.add(watch);
      this.#goOn(watch, quantum);
    }
  }

  #goOn(watch: Watch, quantum: number): void {
    const { state } = watch;
    if (watch.client.hasTooMuchUnread) {
      const isStalled = this.#nowMs - watch.toldAtMs >= this.#statePlaces.maxUnreadMs;
      if (state?.hasBegun === true && isStalled) this.#compact(watch);
    } else if (state === undefined) this.#catchUp(watch, quantum);
    else if (!state.hasBegun && !this.#beginState(watch, state)) return;
    else if (state instanceof PagedState) this.#tellPages(watch, state, quantum);
    else this.#tellState(watch, state, quantum);
  }

  /** Begins to tell the state as it is, if not too many are told it. */
  #beginState(watch: Watch, state: StateTelling | PagedState): boolean {
    if (!this.#statePlaces.take(watch)) return false;
    watch.next = this.#store.lastRevision + 1;
    watch.toldAtMs = this.#nowMs;
    if (state instanceof PagedState) state.begin(this.#store.lastRevision);
    else state.begin(this.#store.walk());
    return true;
  }

  /** Tells the watcher of changes up to the `last` one. Returns whether it is there. */
  #goThrough(watch: Watch, last: number, quantum: number, take: (change: KeyChange) => boolean): boolean {
    if (watch.next > last) return true;
    const { history } = this.#store;
    if (watch.next < history.first) {
      this.#compact(watch);
      return false;
    }
    this.#bytesLeft -= SEEK_COST;
    const endBytes = Math.max(0, this.#bytesLeft - quantum);
    let [changes, isRefused] = [LAGGING_CHANGES_PER_TURN, false];
    const next = history.visit(watch.next, last, (change) => {
      this.#bytesLeft -= CHANGE_COST;
      isRefused = !take(change);
      changes -= 1;
      return !isRefused && changes > 0 && this.#bytesLeft > endBytes && !watch.client.hasTooMuchUnread;
    });
    if (isRefused) {
      this.#compact(watch, next);
      return false;
    }
    watch.next = next;
    if (next > last) return true;
    this.#isDue = true;
    return false;
  }

  #catchUp(watch: Watch, quantum: number): void {
    const isThere = this.#goThrough(watch, this.#toldRevision, quantum, (change) => {
      if (change.kind !== 'flushed' && !change.key.startsWith(watch.prefix)) return true;
      const line = changeLine(this.#store, change, this.#options.logTime.nowMs());
      if (line === undefined) return false;
      this.#tell(watch, line, change.revision + 1);
      return true;
    });
    if (isThere) this.#joinLive(watch);
  }

  /** First the changes that have happened, then keys whose turn it is, as they are after those changes. */
  #tellState(watch: Watch, state: StateTelling, quantum: number): void {
    const { lastRevision } = this.#store;
    // Changes that live watchers were not told of yet have happened to the keys, too.
    const isThere = this.#goThrough(watch, lastRevision, quantum, (change) =>
      this.#takeWhileState(watch, state, change),
    );
    if (!isThere) return;
    this.#isDue = true;
    if (!state.prepare()) return;
    const endBytes = Math.max(0, this.#bytesLeft - quantum);
    for (let keys = 0; keys < STATE_KEYS_PER_TURN && this.#bytesLeft > endBytes; keys += 1) {
      if (watch.client.hasTooMuchUnread) return;
      const key = state.next();
      if (key === undefined) {
        this.#endState(watch, lastRevision);
        return;
      }
      const record = this.#store.get(key);
      if (record !== undefined) this.#tellRecord(watch, key, record);
    }
  }

  /** Keys as they were at one time; what has changed since then is told afterwards. */
  #tellPages(watch: Watch, state: PagedState, quantum: number): void {
    const endBytes = Math.max(0, this.#bytesLeft - quantum);
    while (this.#bytesLeft > endBytes && !watch.client.hasTooMuchUnread) {
      const next = state.next();
      if (next === undefined) {
        if (state.isLost) this.#compact(watch);
        else if (state.isAtEnd) this.#endState(watch, state.revision);
        return;
      }
      this.#tellRecord(watch, ...next);
    }
    this.#isDue = true;
  }

  #tellRecord(watch: Watch, key: string, record: KeyRecord): void {
    this.#tell(watch, recordLine(key, record, this.#options.logTime.nowMs()), watch.next);
  }

  /** All of the state was told, as of that revision. */
  #endState(watch: Watch, revision: number): void {
    watch.state?.close();
    watch.state = undefined;
    this.#statePlaces.leave(watch);
    this.#tell(watch, markLine(revision), revision + 1);
    this.#isDue = true;
    this.#joinLive(watch);
  }

  #takeWhileState(watch: Watch, state: StateTelling, change: KeyChange): boolean {
    if (change.kind === 'flushed') state.clear();
    else {
      if (!change.key.startsWith(watch.prefix)) return true;
      if (!state.isPast(change.key)) {
        // An older key is among those that there were at the beginning.
        if (change.kind === 'set' && change.version === 1) state.add(change.key);
        return true;
      }
    }
    const line = changeLine(this.#store, change, this.#options.logTime.nowMs());
    if (line === undefined) return false;
    this.#tell(watch, line, change.revision + 1);
    return true;
  }

  #tell(watch: Watch, line: string, next: number): void {
    watch.next = next;
    watch.toldAtMs = this.#nowMs;
    this.#bytesLeft -= TOLD_COST + line.length;
    this.#options.replies.push(watch.client, line);
  }

  /** Tells those who were told of nothing for long how far they have been told; closes all where there is no leader. */
  #tellMarks(): void {
    const nowMs = this.#nowMs;
    if (this.#options.raft.leader !== undefined) this.#leaderSeenMs = nowMs;
    if (nowMs - this.#leaderSeenMs >= LEADERLESS_WATCH_MS) {
      for (const client of [...this.#watches.keys()]) if (!client.routed) this.#options.close(client);
      if (this.#watches.size === 0) return;
    }
    this.#marksDueMs = nowMs + MARKS_PERIOD_MS;
    for (const watch of this.#watches.values()) {
      if (!watch.isLive || watch.client.hasTooMuchUnread) continue;
      if (nowMs - watch.toldAtMs >= WATCH_MARK_MS)
        this.#tell(watch, markLine(this.#toldRevision), this.#toldRevision + 1);
      else if (this.#isFarBehind(watch)) {
        watch.next = this.#toldRevision + 1;
        this.#options.replies.push(watch.client, '');
      }
    }
  }

  /** What it was not told of will not be kept for long, and another server has as much of it. */
  #isFarBehind({ next }: Watch): boolean {
    const last = this.#toldRevision;
    return last - next > PLACE_TOLD_CHANGES || next < (this.#store.history.firstKept + last) / 2;
  }

  /** @param firstKept the first revision that can be told from then on, as far as is known */
  #compact(watch: Watch, firstKept = this.#store.history.firstKept): void {
    this.end(watch.client);
    this.#options.replies.push(watch.client, compactedLine(firstKept));
  }

  /** It becomes live, unless live watchers are still to be told of a change that it was told of, or that it did not ask for. */
  #joinLive(watch: Watch): void {
    if (watch.next > this.#toldRevision + 1) return;
    this.#lagging.delete(watch);
    this.#live.add(watch);
  }

  #lag(watch: Watch, next = watch.next): void {
    watch.next = Math.max(watch.next, next);
    this.#live.delete(watch);
    this.#lagging.add(watch);
    this.#isDue = true;
  }
}
