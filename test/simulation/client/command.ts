/**
 * One command of a client: its bytes, and what the reply to it means for the history.
 */

import type { Action, Outcome } from '../../../tools/linearizability/history.js';
import type { Reply } from './replies.js';

/** What a reply tells. */
export type Verdict =
  | { readonly type: 'outcome'; readonly outcome: Outcome }
  /** It was not executed, and never will be. */
  | { readonly type: 'not done' }
  /** It was not executed: the server at this port is to be asked. */
  | { readonly type: 'elsewhere'; readonly port: number }
  /** As it should be, and no operation's outcome. */
  | { readonly type: 'fine' }
  /** No such reply may come to this command. */
  | { readonly type: 'wrong' };

export interface Command {
  readonly bytes: Uint8Array;
  /** What it does to a key, if it does something. */
  readonly operation: { readonly key: string; readonly action: Action } | undefined;
  /** Whether a reply comes in any case. */
  readonly isSilent: boolean;
  judge(reply: Reply): Verdict;
}

export const FINE: Verdict = { type: 'fine' };
export const WRONG: Verdict = { type: 'wrong' };
export const NOT_DONE: Verdict = { type: 'not done' };
export const UNKNOWN: Verdict = { type: 'outcome', outcome: { type: 'unknown' } };

export function outcome(result: Outcome): Verdict {
  return { type: 'outcome', outcome: result };
}

/** Large values end in many of these. */
const FILLER = '~';

/** A value that nobody else writes, with its key in front; `byteLength` is the least that it has. */
export function newValue(key: string, token: string, byteLength: number): string {
  return `${key}:${token};`.padEnd(byteLength, FILLER);
}

/** The value as it is in the history: short. */
export function inHistory(value: string): string {
  const end = value.indexOf(FILLER);
  return end === -1 ? value : `${value.slice(0, end)}${value.length - end}`;
}

/** A get's reply: it tells whose value it is. */
export function judgeValue(key: string, text: string, version: number | undefined): Verdict {
  const isOfKey = isCounter(key) ? /^\d+$/.test(text) : text.startsWith(`${key}:`);
  if (!isOfKey) return WRONG;
  return outcome({ type: 'found', value: inHistory(text), version });
}

/** Keys that are only counted up. */
export function isCounter(key: string): boolean {
  return key.startsWith('counter');
}
