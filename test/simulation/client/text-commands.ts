/** Commands of the text protocol. */

import type { Outcome } from '../../../tools/linearizability/history.js';
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

/** A value and the revision at which the key had it. */
export interface SeenRevision {
  readonly revision: number;
  readonly value: string;
}

export function textGet(
  key: string,
  name: 'get' | 'getm' | 'gets',
  onRevision: (seen: SeenRevision) => void = () => undefined,
): Command {
  return {
    bytes: Buffer.from(`${name} ${key}\r\n`, 'latin1'),
    operation: { key, action: { op: 'get' } },
    isSilent: false,
    judge: (reply) => {
      if (reply.type === 'value' && (reply.version !== undefined) === (name !== 'get')) {
        const { revision } = reply;
        if ((revision !== undefined) !== (name === 'gets')) return WRONG;
        if (revision !== undefined) onRevision({ revision, value: inHistory(reply.text) });
        return judgeValue(key, reply.text, reply.version);
      }
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

/** A cas that names the revision at which the key had a value: no other time has it. */
export function textCasRevision({ key, value }: Write, { revision, value: expected }: SeenRevision): Command {
  return {
    bytes: Buffer.from(`cas ${key} 0 @${revision} ${value.length}\r\n${value}\r\n`, 'latin1'),
    operation: { key, action: { op: 'exchange', value: inHistory(value), expected } },
    isSilent: false,
    judge: (reply) => {
      const told = reply.type === 'status' ? /^OK (\d+) (\d+)$/.exec(reply.text) : null;
      if (told !== null)
        return Number(told[2]) > revision ? outcome({ type: 'stored', version: Number(told[1]) }) : WRONG;
      return judgeRefusal(reply, ['ERR_VERSION', 'ERR_NOT_FOUND']);
    },
  };
}

export function textAdd({ key, value }: Write): Command {
  return {
    bytes: Buffer.from(`add ${key} 0 ${value.length}\r\n${value}\r\n`, 'latin1'),
    operation: { key, action: { op: 'exchange', value: inHistory(value), expected: undefined } },
    isSilent: false,
    judge: (reply) =>
      reply.type === 'status' && /^ADDED \d+$/.test(reply.text)
        ? outcome({ type: 'stored', version: 1 })
        : judgeRefusal(reply, ['ERR_EXISTS']),
  };
}

/** An exchange that was refused is no operation. */
function judgeRefusal(reply: Reply, refusals: readonly string[]): Verdict {
  return reply.type === 'error' && refusals.includes(reply.text) ? NOT_DONE : judgeError(reply, {});
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
