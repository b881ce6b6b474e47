/** The last events of the cluster, for pages that open later. */

import type { Cluster } from '../../cluster/cluster.js';
import type { ClusterEvent } from '../../cluster/event-log.js';
import { messageOf } from '../../error-message.js';
import { MAX_LIVE_EVENTS } from '../admin-limits.js';
import type { Timeline, TimelineEvent } from './view.js';

export class EventTimeline {
  readonly #stopListening: () => void;
  /** The last events, numbered without gaps from 1 on. */
  #events: TimelineEvent[] = [];
  #last = 0;

  constructor(cluster: Cluster) {
    this.#stopListening = cluster.listen((event) => this.#add(event));
  }

  /** The number of the newest event; 0 without one. */
  get last(): number {
    return this.#last;
  }

  /** The events after this number; all that are kept if some of those are gone. */
  since(number: number): Timeline {
    const known = this.#last - this.#events.length;
    const isWhole = number === 0 || number < known;
    return { isWhole, events: isWhole ? this.#events : this.#events.slice(number - known) };
  }

  close(): void {
    this.#stopListening();
  }

  #add(event: ClusterEvent): void {
    const text = describe(event);
    if (text === undefined) return;
    this.#last += 1;
    this.#events.push({
      number: this.#last,
      atMs: Date.now(),
      type: event.type,
      text,
      server: 'server' in event ? event.server : null,
      term: 'term' in event ? event.term : null,
    });
    if (this.#events.length > MAX_LIVE_EVENTS) this.#events = this.#events.slice(-MAX_LIVE_EVENTS);
  }
}

/** The event in words; undefined for an event that another event tells as well. */
function describe(event: ClusterEvent): string | undefined {
  switch (event.type) {
    case 'server-up':
      return `Server ${event.server} is up`;
    case 'elected':
      return `Server ${event.server} was elected in term ${event.term}`;
    case 'stepped-down':
      return `Server ${event.server} stepped down from term ${event.term}`;
    case 'serving':
      return undefined;
    case 'snapshot-taken':
      return `Server ${event.server} took a snapshot up to ${event.index}`;
    case 'snapshot-installed':
      return `Server ${event.server} installed the leader's snapshot up to ${event.index}`;
    case 'killed':
      return `Server ${event.server} was killed`;
    case 'stopped':
      return `Server ${event.server} stopped`;
    case 'died':
      return `Server ${event.server} died: ${messageOf(event.err)}`;
    case 'failed':
      return `Server ${event.server} cannot run: ${messageOf(event.err)}`;
    case 'stays-down':
      return `Server ${event.server} stays down`;
    case 'does-not-end':
      return `Server ${event.server} cannot end: its disk does not answer`;
    case 'disk-stalled':
      return `The disk of server ${event.server} does not answer`;
    case 'disk-shortage':
      return `The disk of server ${event.server} has a shortage: ${event.reason}`;
    case 'disk-well':
      return `The disk of server ${event.server} is well again`;
    case 'snapshot-dropped':
      return `Server ${event.server} gave a snapshot up: ${event.reason}`;
    case 'subscribers-closed':
      return `Server ${event.server} disconnected subscribers that did not read: ${event.count}`;
    case 'etcd':
      return event.trouble === null
        ? `etcd answers server ${event.server}`
        : `etcd does not answer server ${event.server}: ${event.trouble}`;
    case 'removed':
      return `Server ${event.server} was removed`;
    case 'replaced':
      return `Server ${event.server} was replaced`;
    case 'not-replaced':
      return `Server ${event.server} was not replaced, and stays a member`;
    case 'removal-forced':
      return `Server ${event.server} ends without handing over: ${event.reason}`;
    case 'restarted':
      return `Server ${event.server} is restarted`;
    case 'paused':
      return `Server ${event.server} is paused for ${event.durationMs} ms`;
    case 'transfer':
      return `Server ${event.leader} hands leadership to server ${event.server}`;
    case 'partitioned':
      return `The network is partitioned: ${event.groups.map((group) => group.join(' ')).join(' | ')}`;
    case 'link-disturbed':
      return describeLink(event.link);
    case 'healed':
      return 'The network is whole again';
  }
}

function describeLink({
  from,
  to,
  dropRate = 0,
  delayMs: [minMs, maxMs] = [0, 0],
}: Extract<ClusterEvent, { type: 'link-disturbed' }>['link']): string {
  const faults: string[] = [];
  if (dropRate > 0) faults.push(`loses ${Math.round(dropRate * 100)} %`);
  if (maxMs > 0) faults.push(`is late by ${minMs} to ${maxMs} ms`);
  return `The link from ${from} to ${to} ${faults.join(' and ') || 'is sound'}`;
}
