/** Commands of Redis's protocol. */

import type { Action, Outcome } from '../../../tools/linearizability/history.js';
import {
  type Command,
  FINE,
  inHistory,
  judgeValue,
  NOT_DONE,
  outcome,
  UNKNOWN,
  type Verdict,
  WRONG,
} from './command.js';
import type { Reply } from './replies.js';

export function respGet(key: string): Command {
  return respCommand(['GET', key], { key, action: { op: 'get' } }, (reply) => {
    if (reply.type === 'value') return judgeValue(key, reply.text, undefined);
    return reply.type === 'null' ? outcome({ type: 'not-found' }) : WRONG;
  });
}

export function respSet(key: string, value: string): Command {
  const action: Action = { op: 'set', value: inHistory(value) };
  return respCommand(['SET', key, value], { key, action }, (reply) =>
    isStatus(reply, 'OK') ? outcome(STORED) : WRONG,
  );
}

/** SET with GET: replies with what was there. */
export function respSwap(key: string, value: string): Command {
  const action: Action = { op: 'swap', value: inHistory(value) };
  return respCommand(['SET', key, value, 'GET'], { key, action }, (reply) => judgeBefore(key, reply));
}

export function respDelete(key: string): Command {
  return respCommand(['DEL', key], { key, action: { op: 'delete' } }, (reply) => {
    if (reply.type !== 'number') return WRONG;
    return outcome(reply.value === 1 ? { type: 'deleted' } : { type: 'not-found' });
  });
}

export function respIncrement(key: string): Command {
  return respCommand(['INCR', key], { key, action: { op: 'increment' } }, judgeCount);
}

export function respAppend(key: string, value: string): Command {
  return respCommand(['APPEND', key, value], { key, action: { op: 'append', value } }, judgeCount);
}

/** As somebody types it, with a blank line after it. */
export function respPing(text: string): Command {
  const command = respCommand(['PING', text], undefined, (reply) =>
    reply.type === 'value' && reply.text === text ? FINE : WRONG,
  );
  return { ...command, bytes: Buffer.from(`ping "${text}"\r\n\r\n`) };
}

/** From now on a server that does not lead answers reads; or sends them on again. */
export function respReadOnly(): Command {
  return respCommand(['READONLY'], undefined, (reply) => (isStatus(reply, 'OK') ? FINE : WRONG));
}

export function respReadWrite(): Command {
  return respCommand(['READWRITE'], undefined, (reply) => (isStatus(reply, 'OK') ? FINE : WRONG));
}

/** A command that is no good. It has no effect in a transaction but to end that. */
export function respMalformed(words: readonly string[]): Command {
  return respCommand(words, undefined, (reply) => (isError(reply, 'ERR ') ? FINE : WRONG));
}

export const MALFORMED_COMMANDS = [['BOGUS'], ['GET'], ['SET', 'k'], ['INCR', 'a', 'b'], ['EXEC']];

/** Reads and replaces a value in a transaction. */
export function respTransaction(key: string, value: string): Command[] {
  const action: Action = { op: 'swap', value: inHistory(value) };
  return [
    multi(),
    queued(['GET', key]),
    queued(['SET', key, value]),
    exec(key, action, (items) => {
      const [before, stored] = items;
      if (items.length !== 2 || before === undefined || stored === undefined || !isStatus(stored, 'OK'))
        return WRONG;
      return judgeBefore(key, before);
    }),
  ];
}

/** Begins to watch a key. */
export function respWatch(key: string): Command {
  return respCommand(['WATCH', key], undefined, (reply) => (isStatus(reply, 'OK') ? FINE : WRONG));
}

/** Replaces a value that is watched since it was `expected`, unless it has changed. */
export function respGuarded(key: string, expected: string | undefined, value: string): Command[] {
  const action: Action = { op: 'exchange', value: inHistory(value), expected };
  return [
    multi(),
    queued(['SET', key, value]),
    exec(key, action, (items) => {
      const [stored] = items;
      return items.length === 1 && stored !== undefined && isStatus(stored, 'OK') ? outcome(STORED) : WRONG;
    }),
  ];
}

/** A transaction that is given up: its writes must not happen. */
export function respDiscarded(key: string, value: string): Command[] {
  const discard = respCommand(['DISCARD'], undefined, (reply) =>
    // Without MULTI, which a server may have refused that does not lead, it is an error.
    isStatus(reply, 'OK') || isError(reply, 'ERR DISCARD without MULTI') ? FINE : WRONG,
  );
  return [multi(), queued(['SET', key, value]), discard];
}

const STORED: Outcome = { type: 'stored', version: undefined };

export function multi(): Command {
  return respCommand(['MULTI'], undefined, (reply) => (isStatus(reply, 'OK') ? FINE : WRONG));
}

export function queued(words: readonly string[]): Command {
  return respCommand(words, undefined, (reply) => (isStatus(reply, 'QUEUED') ? FINE : WRONG));
}

function exec(key: string, action: Action, judge: (items: readonly Reply[]) => Verdict): Command {
  return respCommand(['EXEC'], { key, action }, (reply) => {
    if (reply.type === 'null' || isError(reply, 'EXECABORT')) return NOT_DONE;
    return reply.type === 'list' ? judge(reply.items) : WRONG;
  });
}

export function respCommand(
  words: readonly string[],
  operation: Command['operation'],
  judge: (reply: Reply) => Verdict,
): Command {
  const lines = words.map((word) => `$${word.length}\r\n${word}\r\n`);
  return {
    bytes: Buffer.from(`*${words.length}\r\n${lines.join('')}`, 'latin1'),
    operation,
    isSilent: false,
    judge: (reply) => {
      const verdict = judge(reply);
      return verdict === WRONG ? judgeError(reply) : verdict;
    },
  };
}

function judgeError(reply: Reply): Verdict {
  if (reply.type !== 'error') return WRONG;
  const { text } = reply;
  if (text.startsWith('MOVED '))
    return { type: 'elsewhere', port: Number(text.slice(text.lastIndexOf(':') + 1)) };
  if (text.startsWith('CLUSTERDOWN ') || text.startsWith('MISCONF ')) return NOT_DONE;
  if (text.startsWith('UNKNOWN ')) return UNKNOWN;
  return WRONG;
}

function judgeBefore(key: string, reply: Reply): Verdict {
  if (reply.type === 'null') return outcome({ type: 'swapped', before: undefined });
  if (reply.type !== 'value' || !reply.text.startsWith(`${key}:`)) return WRONG;
  return outcome({ type: 'swapped', before: inHistory(reply.text) });
}

function judgeCount(reply: Reply): Verdict {
  return reply.type === 'number' ? outcome({ type: 'counted', count: reply.value }) : WRONG;
}

function isStatus(reply: Reply, text: string): boolean {
  return reply.type === 'status' && reply.text === text;
}

function isError(reply: Reply, start: string): boolean {
  return reply.type === 'error' && reply.text.startsWith(start);
}
