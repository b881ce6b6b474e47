/**
 * Logs and messages as one writes them on a blackboard.
 *
 * A log is text: `1:a 1:b 2:- 2:(0 | 0 1)` is an entry `a` and an entry `b` of term 1, the no-op that began term 2, and a
 * configuration.
 */

import type {
  AppendEntries,
  AppendEntriesResponse,
  Entry,
  InstallSnapshot,
  LogIndex,
  Message,
  PreVote,
  PreVoteResponse,
  RequestVote,
  RequestVoteResponse,
} from '../../../src/raft/types.js';
import { textOfConfiguration } from './members.js';

const NO_OP = '-';

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Entries written as `term:payload`, the first of them right after `after`. */
export function entries(text: string, { after = 0 }: { after?: LogIndex } = {}): readonly Entry[] {
  return words(text).map((word, position) => {
    const [term, payload = ''] = word.split(':');
    return {
      index: after + position + 1,
      term: Number(term),
      payload: bytesOf(payload === NO_OP ? '' : payload),
    };
  });
}

/** Entries written as their terms alone, as in the paper's figures: `1 1 4` is an entry each of terms 1, 1 and 4. */
export function entriesOfTerms(text: string): readonly Entry[] {
  return words(text).map((word, position) => ({
    index: position + 1,
    term: Number(word),
    payload: bytesOf(`${word}@${position + 1}`),
  }));
}

/** The reverse of {@link entries}. */
export function textOfLog(log: readonly Entry[]): string {
  return log.map((entry) => `${entry.term}:${textOfContent(entry)}`).join(' ');
}

function textOfContent({ payload, configuration }: Entry): string {
  if (configuration !== undefined) return `(${textOfConfiguration(configuration)})`;
  return textOf(payload) || NO_OP;
}

function words(text: string): readonly string[] {
  return text.split(' ').filter((word) => word !== '');
}

/** Picks messages by sender, receiver or type; what is not given matches all. */
export interface Filter {
  readonly from?: number;
  readonly to?: number;
  readonly type?: Message['type'];
}

export function matches(message: Message, { from, to, type }: Filter): boolean {
  return (
    (from === undefined || message.from === from) &&
    (to === undefined || message.to === to) &&
    (type === undefined || message.type === type)
  );
}

/** The messages of one type, in order. */
export function allOf<T extends Message['type']>(
  type: T,
  messages: readonly Message[],
): readonly Extract<Message, { type: T }>[] {
  const isOfType = (message: Message): message is Extract<Message, { type: T }> => message.type === type;
  return messages.filter(isOfType);
}

/** The one message of its type. Throws when there is none, or are several. */
export function theOnly<T extends Message['type']>(
  type: T,
  messages: readonly Message[],
): Extract<Message, { type: T }> {
  const [message, ...others] = allOf(type, messages);
  if (message === undefined || others.length > 0)
    throw new Error(`one ${type} was expected among: ${messages.map((other) => other.type).join(', ')}`);
  return message;
}

// Messages to server 0 from server 1, in term 1, unless told otherwise.

const ENVELOPE = { from: 1, to: 0, term: 1 };

/** A heartbeat unless `entries` are given. */
export function appendEntries(fields: Partial<AppendEntries>): AppendEntries {
  const echo = { round: 1, sentAtMs: 0 };
  const request = { prevLogIndex: 0, prevLogTerm: 0, entries: [], leaderCommit: 0, echo };
  return { type: 'AppendEntries', ...ENVELOPE, ...request, ...fields };
}

export function appendEntriesResponse(
  fields: Partial<AppendEntriesResponse> & Pick<AppendEntriesResponse, 'result'>,
): AppendEntriesResponse {
  return { type: 'AppendEntriesResponse', ...ENVELOPE, echo: { round: 1, sentAtMs: 0 }, ...fields };
}

/** From a candidate with an empty log unless its last entry is given. */
export function requestVote(fields: Partial<RequestVote>): RequestVote {
  const request = { lastLogIndex: 0, lastLogTerm: 0, leaseIsOver: false };
  return { type: 'RequestVote', ...ENVELOPE, ...request, ...fields };
}

export function requestVoteResponse(fields: Partial<RequestVoteResponse>): RequestVoteResponse {
  return { type: 'RequestVoteResponse', ...ENVELOPE, voteGranted: true, ...fields };
}

export function preVote(fields: Partial<PreVote>): PreVote {
  return { type: 'PreVote', ...ENVELOPE, lastLogIndex: 0, lastLogTerm: 0, ...fields };
}

export function preVoteResponse(fields: Partial<PreVoteResponse>): PreVoteResponse {
  return { type: 'PreVoteResponse', ...ENVELOPE, voteGranted: true, ...fields };
}

/** The whole of a snapshot in one chunk, unless `offset` and `byteLength` tell otherwise. */
export function installSnapshot(
  fields: Partial<InstallSnapshot> & Pick<InstallSnapshot, 'snapshot' | 'data'>,
): InstallSnapshot {
  return { type: 'InstallSnapshot', ...ENVELOPE, offset: 0, echo: { round: 1, sentAtMs: 0 }, ...fields };
}
