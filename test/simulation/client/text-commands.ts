/** Commands of the text protocol. */

import type { Outcome } from '../../../tools/linearizability/history.js';
import {
  type Command,
  FINE,
  inHistory,
  judgeValue,
  outcome,
  UNKNOWN,
  type Verdict,
  WRONG,
} from './command.js';
import type { Reply } from './replies.js';

export function textGet(key: string, name: 'get' | 'getm'): Command {
  return {
    bytes: Buffer.from(`${name} ${key}\r\n`, 'latin1'),
    operation: { key, action: { op: 'get' } },
    isSilent: false,
    judge: (reply) => {
      if (reply.type === 'value' && (reply.version !== undefined) === (name === 'getm'))
        return judgeValue(key, reply.text, reply.version);
      return judgeError(reply, { ERR_NOT_FOUND: { type: 'not-found' } });
    },
  };
}

export interface Write {
  readonly key: string;
  readonly value: string;
  readonly exptimeS?: number;
  readonly isSilent?: boolean;
}

export function textSet({ key, value, exptimeS = 0, isSilent = false }: Write): Command {
  return {
    bytes: Buffer.from(
      `set ${key} ${exptimeS} ${value.length}${noreply(isSilent)}\r\n${value}\r\n`,
      'latin1',
    ),
    operation: { key, action: { op: 'set', value: inHistory(value) } },
    isSilent,
    judge: (reply) => judgeStored(reply, {}),
  };
}

export function textCas({ key, value, exptimeS = 0, isSilent = false }: Write, expected: number): Command {
  const line = `cas ${key} ${exptimeS} ${expected} ${value.length}${noreply(isSilent)}`;
  return {
    bytes: Buffer.from(`${line}\r\n${value}\r\n`, 'latin1'),
    operation: { key, action: { op: 'cas', value: inHistory(value), expected } },
    isSilent,
    judge: (reply) =>
      judgeStored(reply, { ERR_NOT_FOUND: { type: 'not-found' }, ERR_VERSION: { type: 'version-mismatch' } }),
  };
}

export function textDelete(key: string): Command {
  return {
    bytes: Buffer.from(`delete ${key}\r\n`, 'latin1'),
    operation: { key, action: { op: 'delete' } },
    isSilent: false,
    judge: (reply) => {
      if (reply.type === 'status' && reply.text === 'DELETED') return outcome({ type: 'deleted' });
      return judgeError(reply, { ERR_NOT_FOUND: { type: 'not-found' } });
    },
  };
}

/** A command of one line that is about no key's history. */
export function textCommand(line: string, judge: (reply: Reply) => Verdict): Command {
  return {
    bytes: Buffer.from(`${line}\r\n`, 'latin1'),
    operation: undefined,
    isSilent: false,
    judge: (reply) => {
      const verdict = judge(reply);
      return verdict === WRONG ? judgeError(reply, {}) : verdict;
    },
  };
}

/** A command that is no good. */
export function textMalformed(line: string): Command {
  return {
    bytes: Buffer.from(`${line}\r\n`, 'latin1'),
    operation: undefined,
    isSilent: false,
    judge: (reply) => (reply.type === 'error' && reply.text === 'ERR_CMD_ERR' ? FINE : WRONG),
  };
}

export const MALFORMED_LINES = [
  '',
  'bogus',
  'get',
  'set k 0',
  'set k 0 -1',
  'delete a b c',
  `get ${'k'.repeat(251)}`,
  // The value of a bad set or cas is consumed along with it.
  'cas k 0 1 1 x y\r\nz',
  'set k zero 3\r\nabc',
];

function noreply(isSilent: boolean): string {
  return isSilent ? ' noreply' : '';
}

function judgeStored(reply: Reply, errors: Readonly<Record<string, Outcome>>): Verdict {
  const version = reply.type === 'status' ? /^OK (\d+)$/.exec(reply.text)?.[1] : undefined;
  if (version !== undefined) return outcome({ type: 'stored', version: Number(version) });
  return judgeError(reply, errors);
}

function judgeError(reply: Reply, own: Readonly<Record<string, Outcome>>): Verdict {
  if (reply.type !== 'error') return WRONG;
  const expected = own[reply.text];
  if (expected !== undefined) return outcome(expected);
  if (reply.text === 'ERR_INTERNAL') return UNKNOWN;
  const [name, , port] = reply.text.split(' ');
  if (name === 'ERR_REDIRECT' && port !== undefined) return { type: 'elsewhere', port: Number(port) };
  return WRONG;
}
