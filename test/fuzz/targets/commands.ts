/** Redis commands, executed as a transaction: whatever their arguments are, each has a reply, and all servers come to the same. */

import { spanOf } from '../../../src/bytes/byte-reader.js';
import type { RedisTransaction } from '../../../src/protocol/command.js';
import { RedisStream } from '../../../src/protocol/resp/redis-stream.js';
import type { RespValue } from '../../../src/protocol/resp/value.js';
import { KeyValueStore } from '../../../src/state-machine/key-value-store.js';
import { payloadOf } from '../../support/commands.js';
import { HASH_SECRET } from '../../support/hash-secret.js';
import { promise, type Target, textOf } from '../target.js';

const STAMP_MS = 1_700_000_000_000;
/** A store takes longer to make than most commands take: of this many inputs one is executed by two servers. */
const COMPARED_OF = 8;

export const commands: Target = {
  name: 'commands',
  seeds: [
    'set a 1\nincr a\nincrby a 41\nappend a x\nget a\nstrlen a\ndel a a\n',
    'set a foobar ex 10\nttl a\npexpire a 5 gt\npersist a\ngetrange a -3 -1\nsetrange a 10 zz\n',
    'setbit b 7 1\nbitcount b 0 -1 bit\nbitpos b 1\nbitop xor c b a\nbitfield b set u8 #1 255 overflow sat incrby i5 0 9\n',
    'mset x 1 y 2\nmget x y z\nlcs x y idx withmatchlen\nincrbyfloat x 0.1\nrename x w\ncopy w v replace\n',
    'dump a\nrestore r 0 abc\nobject encoding a\nmemory usage a\nscan 0 match * count 10\nrandomkey\nkeys *\ndbsize\ntype a\n',
    'getex a persist\ngetdel a\nsetnx a 1\npsetex a 1 v\nmsetnx a 1 q 2\nexpireat a 1\nflushall\ntouch a b\nexists a a\n',
  ].map((text) => Buffer.from(text)),
  words: (
    'append bitcount bitfield bitop bitpos copy decr decrby del dump exists expire expireat get getbit getdel getex getrange getset ' +
    'incr incrby incrbyfloat keys lcs mget mset msetnx persist pexpire psetex pttl rename renamenx restore set setbit setex setnx ' +
    'setrange strlen substr ttl type ex px nx xx keepttl get idx len minmatchlen withmatchlen and or xor not overflow wrap sat fail ' +
    'incrby i64 u63 i1 #0 #1 bit byte match count replace absttl persist gt lt * ? [a-z] \\'
  )
    .split(' ')
    .map((word) => `${word} `)
    .concat('\n', '"\\x00\\xff" '),
  maxBytes: 1_024,
  run(input) {
    const transaction = transactionOf(input);
    if (transaction === undefined) return;
    const payload = payloadOf(STAMP_MS, [transaction]);
    const one = new KeyValueStore(HASH_SECRET);
    const replies = applied(one, payload);
    if (input.byteLength % COMPARED_OF === 0) {
      const other = new KeyValueStore(HASH_SECRET);
      const again = textOf(applied(other, payload));
      promise(again === textOf(replies), () => `${textOf(replies)} at one server, ${again} at another`);
      promise(one.size === other.size, () => `${one.size} keys at one server, ${other.size} at another`);
    }
    const [reply] = replies;
    if (!Array.isArray(reply)) return;
    const [asked, answered] = [transaction.commands.length, reply.length];
    promise(asked === answered, () => `${answered} replies to ${asked} commands`);
  },
};

/** What the input's lines come to between MULTI and EXEC; undefined when a line is refused. */
function transactionOf(input: Uint8Array): RedisTransaction | undefined {
  const stream = new RedisStream(1);
  const bytes = Buffer.concat([Buffer.from('multi\r\n'), input, Buffer.from('\r\nexec\r\n')]);
  stream.push(spanOf(bytes));
  while (true) {
    const request = stream.next();
    if (request?.type === 'redis-transaction') return request;
    if (request !== undefined) continue;
    if (stream.isHeld) stream.release();
    else if (!stream.isUnfinished) return undefined;
  }
}

function applied(store: KeyValueStore, payload: Uint8Array): readonly RespValue[] {
  const replies: RespValue[] = [];
  store.apply(payload, (result) => {
    if (result.type === 'resp') replies.push(result.value);
  });
  return replies;
}
