/** A log decides which transactions are too much work as it did when it was written. */

import { expect } from 'chai';
import { BatchError, type Command } from '../../src/protocol/command.js';
import { ErrorReply, type RespValue } from '../../src/protocol/resp/value.js';
import { MAX_TRANSACTION_WORK } from '../../src/redis-limits.js';
import { HEADER_BYTES as STAMP_AND_COUNT_BYTES } from '../../src/state-machine/batch-format.js';
import { KeyValueStore } from '../../src/state-machine/key-value-store.js';
import { FIRST_RULE, LATEST_RULE, ruleOf } from '../../src/state-machine/work-rules.js';
import { payloadOf } from '../support/commands.js';
import { HASH_SECRET } from '../support/hash-secret.js';

/** The stamp, the number of commands, and that revisions are counted. */
const HEADER_BYTES = STAMP_AND_COUNT_BYTES + 1;

/** Bytes that name a rule: the operation, and the number. */
const RULE_BYTES = 2;

const STAMP_MS = 1;

function replyTo(payload: Uint8Array, store = new KeyValueStore(HASH_SECRET)): RespValue {
  let reply: RespValue = null;
  store.apply(payload, (result) => {
    if (result.type === 'resp') reply = result.value;
  });
  return reply;
}

function increments(count: number): Command {
  return {
    type: 'redis-transaction',
    watched: [],
    commands: Array.from({ length: count }, () => ['INCR', 'n']),
  };
}

/** The entry with one transaction as versions wrote it that named no rule. */
function withoutRule(payload: Uint8Array): Uint8Array {
  const header = Buffer.from(payload.subarray(0, HEADER_BYTES));
  header.writeUInt32LE(2, STAMP_AND_COUNT_BYTES - 4);
  return Buffer.concat([header, payload.subarray(HEADER_BYTES + RULE_BYTES)]);
}

describe('the rule by which the work of transactions is limited', () => {
  const TOO_MANY = Math.ceil(MAX_TRANSACTION_WORK / ruleOf(LATEST_RULE).commandUnits);

  const FEWER = Math.floor(TOO_MANY / 2);

  it('is the latest one in new entries, where each command counts', () => {
    const refusal = replyTo(payloadOf(STAMP_MS, [increments(TOO_MANY)]));
    expect(refusal).to.be.instanceOf(ErrorReply);
    expect(replyTo(payloadOf(STAMP_MS, [increments(FEWER)]))).to.have.length(FEWER);
  });

  it('is named once in an entry', () => {
    const one = payloadOf(STAMP_MS, [increments(1)]).byteLength;
    const two = payloadOf(STAMP_MS, [increments(1), increments(1)]).byteLength;
    expect(two - one).to.equal(one - HEADER_BYTES - RULE_BYTES);
  });

  it('is the first one in entries that name none, where reading does not count', () => {
    const payload = withoutRule(payloadOf(STAMP_MS, [increments(TOO_MANY)]));
    expect(replyTo(payload)).to.have.length(TOO_MANY);
    const long: Command = {
      type: 'redis-transaction',
      watched: [],
      // Units by the first rule: half of its limit. Reading them is more than the other half.
      commands: Array.from({ length: 160 }, () => ['ECHO', 'x'.repeat(FIRST_RULE.maxUnits / 200)]),
    };
    expect(replyTo(withoutRule(payloadOf(STAMP_MS, [long])))).to.have.length(160);
  }).timeout(20_000);

  it('holds for the entry that names it alone', () => {
    const store = new KeyValueStore(HASH_SECRET);
    replyTo(payloadOf(STAMP_MS, [increments(1)]), store);
    expect(replyTo(withoutRule(payloadOf(STAMP_MS, [increments(TOO_MANY)])), store)).to.have.length(TOO_MANY);
  });

  it('is told to be unknown where a later version has written the entry', () => {
    const payload = payloadOf(STAMP_MS, [increments(1)]);
    payload[HEADER_BYTES + 1] = LATEST_RULE + 1;
    expect(() => replyTo(payload)).to.throw(BatchError, `no rule ${LATEST_RULE + 1}`);
  });
});
