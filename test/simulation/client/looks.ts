/** Commands that look at a key in other ways than GET does: among all keys, or whether it is there. */

import { hashSlot } from '../../../src/protocol/resp/hash-slot.js';
import { type Command, judgeValue, NOT_DONE, outcome, type Verdict, WRONG } from './command.js';
import type { Reply } from './replies.js';
import { respCommand } from './resp-commands.js';

/** No simulated store holds that many keys: a page has them all. */
const ALL = 10_000;

/** What each says, and whether its reply shows the key. */
const LOOKS: readonly (readonly [words: string, judge: (key: string, reply: Reply) => Verdict])[] = [
  ['EXISTS $key', (_key, reply) => judgeCount(reply)],
  ['TOUCH $key', (_key, reply) => judgeCount(reply)],
  ['KEYS $key', judgeKeys],
  [`CLUSTER GETKEYSINSLOT $slot ${ALL}`, judgeKeys],
  [
    `SCAN 0 MATCH $key COUNT ${ALL}`,
    (key, reply) => (reply.type === 'list' ? judgePage(key, reply.items) : WRONG),
  ],
  ['TYPE $key', (_key, reply) => (reply.type === 'status' ? counted(reply.text === 'string') : WRONG)],
  ['PTTL $key', (_key, reply) => (reply.type === 'number' ? counted(reply.value !== -2) : WRONG)],
];

/** Numbers of them in {@link look}. */
export const LOOK_COUNT = LOOKS.length + 1;

export function look(key: string, number: number): Command {
  const [words, judge] = LOOKS[number] ?? [];
  if (words === undefined || judge === undefined) return respMultiGet(key);
  const filled = words.replace('$key', key).replace('$slot', `${hashSlot(key)}`);
  return respCommand(filled.split(' '), { key, action: { op: 'exists' } }, (reply) => {
    // Walks wait for each other.
    if (reply.type === 'error' && reply.text.startsWith('TRYAGAIN ')) return NOT_DONE;
    return judge(key, reply);
  });
}

function respMultiGet(key: string): Command {
  return respCommand(['MGET', key], { key, action: { op: 'get' } }, (reply) => {
    const value = reply.type === 'list' ? reply.items[0] : undefined;
    if (value?.type === 'value') return judgeValue(key, value.text, undefined);
    return value?.type === 'null' ? outcome({ type: 'not-found' }) : WRONG;
  });
}

function judgeCount(reply: Reply): Verdict {
  return reply.type === 'number' && reply.value <= 1 ? counted(reply.value === 1) : WRONG;
}

/** A list of keys, in which that one is, or is not. */
function judgeKeys(key: string, reply: Reply): Verdict {
  if (reply.type !== 'list') return WRONG;
  return counted(reply.items.some((item) => item.type === 'value' && item.text === key));
}

function judgePage(key: string, [cursor, keys]: readonly Reply[]): Verdict {
  if (cursor?.type !== 'value' || cursor.text !== '0' || keys === undefined) return WRONG;
  return judgeKeys(key, keys);
}

function counted(isThere: boolean): Verdict {
  return outcome({ type: 'counted', count: isThere ? 1 : 0 });
}
