/**
 * The links to the other servers: one channel each, with the faults that a test or a demonstration puts on it.
 *
 * A link loses messages when it is full or has a fault, may deliver late, and closes when the other server has stopped or its
 * thread has ended. A link to a thread that is being terminated is given up before the thread's end: that thread must not see
 * its own links close, or it would take the others for dead. So *closed* means that the peer has stopped serving.
 */

import type { Port } from '../channel/port.js';
import { openChannel, type PortChannel } from '../channel/port-channel.js';
import type { Environment, Timer } from '../environment.js';
import { LINK_CAPACITY } from '../limits.js';
import type { Message, ServerId } from '../raft/types.js';
import { type LinkFault, NO_FAULT } from '../wire/control.js';
import { decodeMessages, encodeMessages } from '../wire/peer-messages.js';
import type { MessageSampler } from './observation.js';
import type { ServerMetrics } from './server-metrics.js';

/** What {@link Peers.receive} hands out, in the order in which it happened on a link. */
export interface PeerEvents {
  onMessage(message: Message): void;
  /** The peer serves nobody any more; everything it sent before was handed out. */
  onLinkClosed(peer: ServerId): void;
}

export interface PeersOptions {
  readonly environment: Environment;
  readonly metrics: ServerMetrics;
  readonly sampler: MessageSampler;
  /** Called when {@link Peers.receive} has something to hand out. */
  readonly onActivity: () => void;
}

export class Peers {
  readonly #environment: Environment;
  readonly #onActivity: () => void;
  readonly #metrics: ServerMetrics;
  readonly #sampler: MessageSampler;
  readonly #links = new Map<ServerId, PortChannel<Uint8Array>>();
  /** Whose links are to be given up. */
  readonly #ending = new Set<ServerId>();
  readonly #faults = new Map<ServerId, LinkFault>();
  readonly #late = new Set<Timer>();

  constructor({ environment, metrics, sampler, onActivity }: PeersOptions) {
    this.#environment = environment;
    this.#onActivity = onActivity;
    this.#metrics = metrics;
    this.#sampler = sampler;
  }

  /**
   * Joins this server with `peer`, which has begun anew, through `port`. Hands out first what had come through a link to its
   * earlier self, and that this link is closed.
   */
  connect(peer: ServerId, port: Port, events: PeerEvents): void {
    const earlier = this.#links.get(peer);
    this.disconnect(peer);
    if (earlier !== undefined) this.receive(events);
    earlier?.close();
    this.#ending.delete(peer);
    const link = openChannel<Uint8Array>(port, { capacity: LINK_CAPACITY });
    link.receiver.watch(this.#onActivity);
    this.#links.set(peer, link);
  }

  /** Gives up the link to `peer`; {@link receive} hands out what had arrived, and then that it is closed. */
  disconnect(peer: ServerId): void {
    if (this.#links.has(peer)) this.#ending.add(peer);
  }

  /** What happens from now on to messages sent to `peer`, whether it is connected or not. */
  setFault(peer: ServerId, fault: LinkFault): void {
    this.#faults.set(peer, fault);
  }

  /** Sends each message on its link, all for one peer as one buffer. Messages may be lost. */
  send(messages: readonly Message[]): void {
    if (messages.length === 0) return;
    for (const [peer, link] of this.#links) {
      const own = messages.filter((message) => message.to === peer);
      if (own.length > 0) this.#sendTo(link, own, this.#faults.get(peer) ?? NO_FAULT);
    }
  }

  /** Whether there is a link to `peer`: that server serves, as far as is known. */
  isLinked(peer: ServerId): boolean {
    return this.#links.has(peer) && !this.#ending.has(peer);
  }

  /** Batches that have arrived and were not looked at yet. */
  get waiting(): number {
    let waiting = 0;
    for (const { receiver } of this.#links.values()) waiting += receiver.buffered;
    return waiting;
  }

  /** Hands out everything that has arrived. */
  receive(events: PeerEvents): void {
    for (const [peer, link] of this.#links) {
      let got = link.receiver.tryReceive();
      for (; got?.ok === true; got = link.receiver.tryReceive()) {
        this.#metrics.receivedBytes += got.value.byteLength;
        for (const message of decodeMessages(got.value)) {
          this.#metrics.messagesReceived += 1;
          events.onMessage(message);
        }
      }
      if (got === undefined && !this.#ending.delete(peer)) continue;
      this.#links.delete(peer);
      events.onLinkClosed(peer);
    }
  }

  /** Closes every link, which tells the peers that this server has stopped serving. */
  close(): void {
    for (const timer of this.#late) timer.cancel();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
  }

  #sendTo(link: PortChannel<Uint8Array>, messages: readonly Message[], fault: LinkFault): void {
    const isLost = this.#environment.random() < fault.dropRate;
    const [minMs, maxMs] = fault.delayMs;
    const delayMs = minMs + this.#environment.random() * (maxMs - minMs);
    if (this.#sampler.isActive) this.#sampler.note(messages, { isLost, delayMs });
    if (isLost) {
      this.#metrics.droppedByFault += messages.length;
      return;
    }
    const bytes = encodeMessages(messages);
    if (maxMs === 0) {
      this.#post(link, bytes, messages.length);
      return;
    }
    const timer = this.#environment.startTimer(() => {
      this.#late.delete(timer);
      this.#post(link, bytes, messages.length);
    }, delayMs);
    this.#late.add(timer);
  }

  #post(link: PortChannel<Uint8Array>, bytes: Uint8Array, messageCount: number): void {
    if (link.sender.closed) return;
    // A buffer that was transferred has no length any more.
    const { byteLength } = bytes;
    if (!link.sender.trySend(bytes)) {
      this.#metrics.droppedFull += messageCount;
      return;
    }
    this.#metrics.messagesSent += messageCount;
    this.#metrics.sentBytes += byteLength;
  }
}
