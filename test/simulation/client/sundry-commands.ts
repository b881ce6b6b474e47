/**
 * Commands that tell of the connection, the server or all keys, or that touch a key which no other client's history is about.
 * What they answer is checked by the tests of each; here they stand in the way of the others, are cut, replayed and redirected.
 */

import { type Command, FINE, NOT_DONE, WRONG } from './command.js';
import type { Reply } from './replies.js';
import { respCommand } from './resp-commands.js';

/** Each with the kinds of reply it may have. */
const SUNDRY: readonly (readonly [words: string, replies: readonly Reply['type'][]])[] = [
  ['HELLO 3', ['list']],
  ['HELLO 2', ['list']],
  ['HELLO 3 SETNAME ada', ['list']],
  ['CLIENT SETNAME grace', ['status']],
  ['CLIENT GETNAME', ['value', 'null']],
  ['CLIENT ID', ['number']],
  ['CLIENT INFO', ['value']],
  ['CLIENT LIST', ['value']],
  ['CLIENT LIST TYPE normal', ['value']],
  ['CLIENT SETINFO lib-name simulated', ['status']],
  ['CLIENT KILL ID 999999', ['number']],
  ['CLIENT PAUSE 30 WRITE', ['status']],
  ['CLIENT PAUSE 10 ALL', ['status']],
  ['CLIENT UNPAUSE', ['status']],
  ['CLIENT NO-EVICT ON', ['status']],
  ['CLIENT HELP', ['list']],
  ['CLUSTER INFO', ['value']],
  ['CLUSTER MYID', ['value']],
  ['CLUSTER NODES', ['value']],
  ['CLUSTER SLOTS', ['list']],
  ['CLUSTER SHARDS', ['list']],
  ['CLUSTER KEYSLOT a', ['number']],
  ['CLUSTER COUNTKEYSINSLOT 15495', ['number']],
  ['COMMAND COUNT', ['number']],
  ['COMMAND INFO get scan', ['list']],
  ['COMMAND', ['list']],
  ['CONFIG GET *', ['list']],
  ['CONFIG GET maxmemory', ['list']],
  ['INFO', ['value']],
  ['INFO replication keyspace', ['value']],
  ['TIME', ['list']],
  ['WAIT 1 100', ['number']],
  ['ECHO x', ['value']],
  ['SELECT 0', ['status']],
  ['READWRITE', ['status']],
  ['SCAN 0', ['list']],
  ['SCAN 0 MATCH *a* COUNT 2', ['list']],
  ['KEYS *', ['list']],
  ['KEYS *o*g*', ['list']],
  ['DBSIZE', ['number']],
  ['RANDOMKEY', ['value', 'null']],
  ['EXISTS a b', ['number']],
  ['MGET sundry sundry:2', ['list']],
  ['TYPE a', ['status']],
  ['STRLEN a', ['number']],
  ['TTL a', ['number']],
  ['OBJECT ENCODING sundry', ['value', 'null']],
  ['MSET sundry 1 sundry:2 2', ['status']],
  ['MSETNX sundry 1 sundry:2 2', ['number']],
  ['SETRANGE sundry:r 7 x', ['number']],
  ['GETRANGE sundry:r 0 -1', ['value']],
  ['SETBIT sundry:r 9 1', ['number']],
  ['BITCOUNT sundry:r', ['number']],
  ['SET sundry 1 PX 40', ['status']],
  ['SET sundry:3 1 EX 1 NX', ['status', 'null']],
  ['PEXPIRE sundry:2 25', ['number']],
  ['PERSIST sundry:2', ['number']],
  ['COPY sundry sundry:4 REPLACE', ['number']],
  ['DEL sundry sundry:2 sundry:4', ['number']],
];

/** Numbers of them in {@link sundryCommand}. */
export const SUNDRY_COUNT = SUNDRY.length;

export function sundryCommand(number: number): Command {
  const [words = '', replies = []] = SUNDRY[number] ?? [];
  return respCommand(words.split(' '), undefined, (reply) => {
    // Pauses hold up whoever else writes, and a question to all servers may find none.
    if (reply.type === 'error' && /^(UNKNOWN|TRYAGAIN|MISCONF)/.test(reply.text)) return NOT_DONE;
    return replies.includes(reply.type) ? FINE : WRONG;
  });
}
