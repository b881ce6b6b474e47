/**
 * The cluster as the program tells it, for as long as the page is open: connects, notices when the connection is lost,
 * and tries again until the program is back.
 */

import type { Frame, Hello, Sample, Timeline, TimelineEvent } from '../../src/admin/live/view.js';
import { isLocked } from './api.ts';

/** A connection on which nothing comes for this long is lost, whatever the browser says. */
const SILENCE_MS = 3_000;
const RETRY_MS = 1_000;

/** Measurements kept for the charts: three minutes of them. */
const MAX_SAMPLES = 180;

export interface LiveState {
  readonly connection: 'connecting' | 'live' | 'lost' | 'locked';
  readonly hello: Hello | undefined;
  readonly frame: Frame | undefined;
  /** When the frame came, by the page's clock. */
  readonly frameAtMs: number;
  readonly samples: readonly Sample[];
  /** Oldest first. */
  readonly events: readonly TimelineEvent[];
}

export class LiveConnection {
  readonly #url: string;
  readonly #listeners = new Set<() => void>();
  #state: LiveState = {
    connection: 'connecting',
    hello: undefined,
    frame: undefined,
    frameAtMs: 0,
    samples: [],
    events: [],
  };
  #source: EventSource | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(url: string) {
    this.#url = url;
    this.#connect();
  }

  get state(): LiveState {
    return this.#state;
  }

  /** Calls the listener after every change, until the returned function is called. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #connect(): void {
    const source = new EventSource(this.#url);
    this.#source = source;
    source.addEventListener('hello', ({ data }) => this.#onHello(JSON.parse(data)));
    source.addEventListener('frame', ({ data }) => this.#onFrame(JSON.parse(data)));
    source.addEventListener('sample', ({ data }) => this.#onSample(JSON.parse(data)));
    source.addEventListener('timeline', ({ data }) => this.#onTimeline(JSON.parse(data)));
    source.onerror = () => this.#lost();
    this.#expectMore();
  }

  #lost(): void {
    this.#source?.close();
    clearTimeout(this.#silence);
    this.#change({ connection: 'lost' });
    // Why it failed, the browser does not tell.
    isLocked().then((needsPassword) => {
      if (needsPassword) this.#change({ connection: 'locked' });
      else setTimeout(() => this.#connect(), RETRY_MS);
    });
  }

  /** The password was told. */
  unlock(): void {
    this.#change({ connection: 'connecting' });
    this.#connect();
  }

  #expectMore(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#lost(), SILENCE_MS);
  }

  #onHello(hello: Hello): void {
    const isOther = this.#state.hello !== undefined && this.#state.hello.run !== hello.run;
    this.#change(isOther ? { hello, samples: [] } : { hello });
  }

  #onFrame(frame: Frame): void {
    this.#expectMore();
    this.#change({ connection: 'live', frame, frameAtMs: performance.now() });
  }

  #onSample(sample: Sample): void {
    this.#change({ samples: [...this.#state.samples, sample].slice(-MAX_SAMPLES) });
  }

  #onTimeline({ isWhole, events }: Timeline): void {
    this.#change({ events: isWhole ? events : [...this.#state.events, ...events] });
  }

  #change(change: Partial<LiveState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }
}
