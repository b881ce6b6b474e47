/**
 * The live feed: while pages watch, it asks the servers for their state several times a second, and sends it to all pages.
 *
 * Memory is bounded whatever a reader does. A reader that has not taken all it was sent misses frames and samples. Events
 * are kept once for all readers, and each reader has its place among them. A reader that takes nothing for long is cut off.
 */

import type { Writable } from 'node:stream';
import type { Cluster } from '../../cluster/cluster.js';
import { MAX_SERVERS } from '../../cluster/cluster-options.js';
import { AddressShares } from '../../gateway/address-shares.js';
import type { ServerId } from '../../raft/types.js';
import { LIVE_READER_TIMEOUT_MS } from '../../time-limits.js';
import type { ServerObservation } from '../../wire/control.js';
import type { ObservedMembers, ObservedMessage } from '../../wire/observations.js';
import { MAX_LIVE_READERS } from '../admin-limits.js';
import { HttpError } from '../http-error.js';
import { packageVersion } from '../package-version.js';
import { type Measured, sampleOf } from './sampling.js';
import { EventTimeline } from './timeline.js';
import type { Frame, Hello, LoadView, ServerSight, ServerView } from './view.js';

const FRAME_MS = 100;
const FRAMES_PER_SAMPLE = 10;

/** A server that has not answered a question for this long is shown as busy. */
const BUSY_AFTER_MS = 500;

export const LIVE_HEADERS = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
} as const;

/** An HTTP response, as far as the feed uses it. */
export interface LiveResponse extends Writable {
  writeHead(status: number, headers: Readonly<Record<string, string>>): unknown;
}

interface Reader {
  readonly response: LiveResponse;
  /** Events up to this number were sent. */
  lastSentEvent: number;
  /** Since when something waits for it to be taken, in ms; undefined when nothing does. */
  blockedSinceMs: number | undefined;
}

export class LiveFeed {
  readonly #cluster: Cluster;
  readonly #loadView: () => LoadView;
  readonly #timeline: EventTimeline;
  readonly #readers = new Set<Reader>();
  readonly #places = new AddressShares();
  readonly #run = `${process.pid}-${Math.floor(performance.timeOrigin)}`;
  readonly #sights = new Map<ServerId, ServerSight>();
  readonly #members = new Map<ServerId, ObservedMembers>();
  /** Servers that were asked and have not answered. */
  readonly #asked = new Set<ServerId>();
  /** Since when a server has not answered, in ms. */
  readonly #silentSinceMs = new Map<ServerId, number>();
  #messages: ObservedMessage[] = [];
  #measured: Measured | undefined;
  #isMeasuring = false;
  #timer: NodeJS.Timeout | undefined;
  #frames = 0;

  constructor(cluster: Cluster, loadView: () => LoadView) {
    this.#cluster = cluster;
    this.#loadView = loadView;
    this.#timeline = new EventTimeline(cluster);
  }

  /** How many readers there are. */
  get readerCount(): number {
    return this.#readers.size;
  }

  /**
   * Sends everything to the response until that is closed; nothing if its client is gone already. Throws HttpError 503 when too
   * many watch.
   *
   * @param address where the page is
   */
  open(response: LiveResponse, address: string): void {
    // It does not tell of its end a second time.
    if (response.destroyed) return;
    if (this.#places.isFullFor(address, MAX_LIVE_READERS))
      throw new HttpError(503, `${this.#readers.size} pages watch already: close one`);
    const leave = this.#places.take(address);
    response.writeHead(200, LIVE_HEADERS);
    const reader: Reader = { response, lastSentEvent: 0, blockedSinceMs: undefined };
    response.once('close', () => {
      leave();
      this.#leave(reader);
    });
    this.#readers.add(reader);
    response.write(eventText('hello', this.#hello()));
    this.#tellEvents(reader);
    this.#timer ??= setInterval(() => this.#tick(), FRAME_MS);
  }

  /** Stops listening for events. The readers' connections are closed by their owner. */
  close(): void {
    this.#timeline.close();
    clearInterval(this.#timer);
  }

  #hello(): Hello {
    const { electionTimeoutMs, heartbeatMs } = this.#cluster.options;
    return {
      version: packageVersion,
      run: this.#run,
      electionTimeoutMs,
      heartbeatMs,
      frameMs: FRAME_MS,
      maxServers: MAX_SERVERS,
    };
  }

  #leave(reader: Reader): void {
    this.#readers.delete(reader);
    if (this.#readers.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#measured = undefined;
    this.#messages = [];
    this.#sights.clear();
    this.#members.clear();
    this.#silentSinceMs.clear();
  }

  #tick(): void {
    this.#tellAll('frame', this.#frame());
    for (const reader of this.#readers) this.#tellEvents(reader);
    for (const id of this.#cluster.ids) void this.#look(id);
    this.#frames += 1;
    if (this.#frames % FRAMES_PER_SAMPLE === 0) void this.#sample();
  }

  async #look(id: ServerId): Promise<void> {
    if (this.#asked.has(id)) return;
    if (!this.#cluster.isUp(id)) {
      this.#silentSinceMs.delete(id);
      return;
    }
    this.#asked.add(id);
    if (!this.#silentSinceMs.has(id)) this.#silentSinceMs.set(id, performance.now());
    const seen = await this.#cluster.observe(id).catch(() => undefined);
    this.#asked.delete(id);
    if (seen === undefined || this.#readers.size === 0) return;
    this.#silentSinceMs.delete(id);
    this.#sights.set(id, sightOf(seen));
    this.#members.set(id, seen.members);
    for (const message of seen.messages)
      this.#messages.push({ ...message, atMs: performance.timeOrigin + message.atMs });
  }

  async #sample(): Promise<void> {
    if (this.#isMeasuring) return;
    this.#isMeasuring = true;
    const cluster = await this.#cluster.measure().catch(() => undefined);
    this.#isMeasuring = false;
    if (cluster === undefined || this.#readers.size === 0) return;
    const measured = { atMs: Date.now(), cluster };
    if (this.#measured !== undefined) this.#tellAll('sample', sampleOf(this.#measured, measured));
    this.#measured = measured;
  }

  #frame(): Frame {
    const messages = this.#messages;
    const { ids, leader, routerAddress: router } = this.#cluster;
    this.#messages = [];
    this.#forgetOthers(ids);
    return {
      atMs: Date.now(),
      leader: leader ?? null,
      router: router === undefined ? null : `${router.host}:${router.port}`,
      servers: ids.map((id) => this.#view(id)),
      members: this.#membersNow(leader),
      messages,
      faults: this.#cluster.faults,
      load: this.#loadView(),
    };
  }

  #membersNow(leader: ServerId | undefined): ObservedMembers | null {
    const lengthOf = (id: ServerId) => this.#sights.get(id)?.lastIndex ?? 0;
    const [longest] = [...this.#members.keys()].sort((a, b) => lengthOf(b) - lengthOf(a));
    return this.#members.get(leader ?? -1) ?? this.#members.get(longest ?? -1) ?? null;
  }

  /** Servers that were removed may come back as others. */
  #forgetOthers(ids: readonly ServerId[]): void {
    for (const known of [this.#sights, this.#members, this.#silentSinceMs])
      for (const id of known.keys()) if (!ids.includes(id)) known.delete(id);
  }

  #view(id: ServerId): ServerView {
    const { host, port } = this.#cluster.serverAddress(id);
    const seen = this.#sights.get(id);
    const silentSinceMs = this.#silentSinceMs.get(id) ?? Number.POSITIVE_INFINITY;
    const running = performance.now() - silentSinceMs > BUSY_AFTER_MS ? 'busy' : 'running';
    const state = this.#cluster.isUp(id) ? running : 'stopped';
    const isDiskLost = this.#cluster.withoutDisk.includes(id);
    const reason = this.#cluster.troubleOf(id) ?? null;
    return { id, state, address: `${host}:${port}`, reason, isDiskLost, seen };
  }

  #tellAll(event: string, data: Frame | ReturnType<typeof sampleOf>): void {
    const text = eventText(event, data);
    for (const reader of this.#readers) {
      if (this.#isReady(reader)) reader.response.write(text);
    }
  }

  #tellEvents(reader: Reader): void {
    if (reader.lastSentEvent === this.#timeline.last || !this.#isReady(reader)) return;
    reader.response.write(eventText('timeline', this.#timeline.since(reader.lastSentEvent)));
    reader.lastSentEvent = this.#timeline.last;
  }

  /** Whether the reader has taken all that it was sent. Cuts it off if something has waited for too long. */
  #isReady(reader: Reader): boolean {
    if (!reader.response.writableNeedDrain) {
      reader.blockedSinceMs = undefined;
      return true;
    }
    const nowMs = performance.now();
    reader.blockedSinceMs ??= nowMs;
    if (nowMs - reader.blockedSinceMs > LIVE_READER_TIMEOUT_MS) reader.response.destroy();
    return false;
  }
}

function sightOf({ id: _, messages: __, members: ___, ...seen }: ServerObservation): ServerSight {
  return { ...seen, atMs: Date.now() };
}

function eventText(event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
