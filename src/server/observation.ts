/**
 * What a server shows to somebody who watches: how it stands, the end of its log, and a sample of the messages that it
 * sent since it was asked last.
 *
 * The sample is bounded whatever the load: of each type to each peer a few messages are kept, and the last of them
 * stands for those that follow. While nobody asks, nothing is kept.
 */

import type { Environment } from '../environment.js';
import { MAX_OBSERVED_ENTRIES, MAX_OBSERVED_MESSAGES_PER_KIND } from '../limits.js';
import type { Raft } from '../raft/raft.js';
import type { Message, Term } from '../raft/types.js';
import type { LogTail, ObservedMessage } from '../wire/observations.js';

/** A watcher that asks at least this often sees every kind of message. */
const ATTENTION_MS = 2_000;

export class MessageSampler {
  readonly #environment: Environment;
  #kinds = new Map<string, ObservedMessage[]>();
  #activeUntilMs = 0;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** Whether somebody watches. */
  get isActive(): boolean {
    return this.#environment.nowMs() < this.#activeUntilMs;
  }

  /** The messages go out, or are lost, for all of which a fault had one decision. */
  note(
    messages: readonly Message[],
    { isLost, delayMs }: { readonly isLost: boolean; readonly delayMs: number },
  ): void {
    const atMs = this.#environment.nowMs();
    for (const message of messages) {
      const { type, from, to, term } = message;
      const { entries, byteLength } = contentOf(message);
      const isGranted = grantedBy(message);
      const kind = `${type} ${to} ${isLost} ${entries > 0}`;
      const samples = this.#kinds.get(kind) ?? [];
      this.#kinds.set(kind, samples);
      const last = samples.at(-1);
      if (last !== undefined && samples.length === MAX_OBSERVED_MESSAGES_PER_KIND) {
        last.count += 1;
        last.entries += entries;
        last.byteLength += byteLength;
        continue;
      }
      samples.push({ type, from, to, term, atMs, delayMs, isLost, isGranted, count: 1, entries, byteLength });
    }
  }

  /** The sample since the last call, oldest first, and attention for a while. */
  take(): ObservedMessage[] {
    this.#activeUntilMs = this.#environment.nowMs() + ATTENTION_MS;
    const taken = [...this.#kinds.values()].flat();
    this.#kinds = new Map();
    return taken.sort((a, b) => a.atMs - b.atMs);
  }
}

function contentOf(message: Message): { readonly entries: number; readonly byteLength: number } {
  switch (message.type) {
    case 'AppendEntries': {
      const byteLength = message.entries.reduce((sum, { payload }) => sum + payload.byteLength, 0);
      return { entries: message.entries.length, byteLength };
    }
    case 'InstallSnapshot':
      return { entries: 0, byteLength: message.data.byteLength };
    default:
      return { entries: 0, byteLength: 0 };
  }
}

function grantedBy(message: Message): boolean | undefined {
  switch (message.type) {
    case 'PreVoteResponse':
    case 'RequestVoteResponse':
      return message.voteGranted;
    case 'AppendEntriesResponse':
      return message.result.outcome === 'accepted';
    default:
      return undefined;
  }
}

export function logTail(raft: Raft): LogTail {
  const end = raft.lastLog.index;
  const entries = raft.entries(Math.max(raft.logStart.index, end - MAX_OBSERVED_ENTRIES) + 1, end);
  const terms: [Term, number][] = [];
  const byteLengths: number[] = [];
  for (const { term, payload } of entries) {
    const run = terms.at(-1);
    if (run?.[0] === term) run[1] += 1;
    else terms.push([term, 1]);
    byteLengths.push(payload.byteLength);
  }
  return { start: end - entries.length, terms, byteLengths };
}
