/**
 * Gets of clients in this process, many in one frame: answered at once from the state, or left to be asked as any other client
 * does. They have no connection, so they wait for nothing.
 */

import type { ByteSpan } from '../../bytes/byte-reader.js';
import type { ByteString } from '../../bytes/byte-string.js';
import { MAX_LOOKUP_REPLY_BYTES } from '../../lookup-limits.js';
import { type ClientFrame, readClientFrames } from '../../wire/client-frames.js';
import type { AppliedState } from '../applied-state.js';
import type { ServerMetrics } from '../server-metrics.js';
import type { InFlight } from './in-flight.js';
import type { Reads } from './reads.js';
import type { ReplyFrames } from './reply-frames.js';

type LookupFrame = Extract<ClientFrame<ByteSpan, ByteSpan>, { type: 'lookup' }>;

export interface LookupsOptions {
  readonly state: AppliedState;
  readonly replies: ReplyFrames;
  readonly metrics: ServerMetrics;
  readonly reads: Reads;
  readonly inFlight: InFlight;
  /** Whether gets need not wait for anything, as of the last time that reads were prepared. */
  readonly mayAnswerGets: () => boolean;
}

export class Lookups {
  readonly #options: LookupsOptions;

  constructor(options: LookupsOptions) {
    this.#options = options;
  }

  /** A lookup has come alone, before `nowMs` and between two turns. */
  answerAlone(batch: Uint8Array, nowMs: number): void {
    this.#options.reads.prepare(nowMs);
    for (const frame of readClientFrames(batch))
      if (frame.type === 'lookup') this.answer(frame, nowMs, { isLate: false });
    this.#options.replies.flush();
  }

  /**
   * Answers a lookup, for which reads were prepared: tells the values of its keys, as many as one reply holds; of none where
   * reads have to wait, or it comes too late in its turn.
   */
  answer(frame: LookupFrame, nowMs: number, { isLate }: { readonly isLate: boolean }): void {
    const { state, replies, metrics, inFlight, mayAnswerGets } = this.#options;
    const isFree = !isLate && inFlight.hasRoom && mayAnswerGets();
    const values = isFree ? firstOf(state.store.values(frame.keys)) : [];
    replies.found(frame.lookup, values);
    let found = 0;
    for (const value of values) if (value !== undefined) found += 1;
    metrics.answeredGets(found, values.length - found, nowMs);
  }
}

function firstOf(values: readonly (ByteString | undefined)[]): readonly (ByteString | undefined)[] {
  let byteLength = 0;
  for (const [place, value] of values.entries()) {
    byteLength += value?.length ?? 0;
    if (byteLength > MAX_LOOKUP_REPLY_BYTES) return values.slice(0, place);
  }
  return values;
}
