import { expect } from 'chai';
import { ByteWriter } from '../../src/bytes/byte-writer.js';
import { type Reply, secondsLeft, writeTextReply } from '../../src/protocol/reply.js';

function textOf(...replies: Reply[]): string {
  const out = new ByteWriter();
  for (const reply of replies) writeTextReply(out, reply);
  return Buffer.from(out.take()).toString('latin1');
}

describe('a reply in the text protocol', () => {
  const lines: [string, Reply][] = [
    ['OK 7\r\n', { type: 'ok', version: 7 }],
    ['OK 9007199254740991\r\n', { type: 'ok', version: Number.MAX_SAFE_INTEGER }],
    ['DELETED\r\n', { type: 'deleted' }],
    ['VALUE 3\r\nabc\r\n', { type: 'value', value: 'abc' }],
    ['VALUE 0\r\n\r\n', { type: 'value', value: '' }],
    ['VALUE 4\r\n\r\n\xff\0\r\n', { type: 'value', value: '\r\n\xff\0' }],
    [
      'VALUE 2 30 3\r\nabc\r\n',
      { type: 'value-with-meta', value: 'abc', version: 2, revision: undefined, exptimeS: 30 },
    ],
    ['ERR_NOT_FOUND\r\n', { type: 'not-found' }],
    ['ERR_VERSION\r\n', { type: 'version-mismatch' }],
    ['ERR_CMD_ERR\r\n', { type: 'command-error' }],
    ['ERR_REDIRECT 127.0.0.1 9001\r\n', { type: 'redirect', host: '127.0.0.1', port: 9001 }],
    ['ERR_INTERNAL\r\n', { type: 'internal-error' }],
  ];
  for (const [text, reply] of lines) {
    it(`of type ${reply.type} is written as ${JSON.stringify(text)}`, () => {
      expect(textOf(reply)).to.equal(text);
    });
  }

  it('is appended to the ones before', () => {
    expect(textOf({ type: 'deleted' }, { type: 'ok', version: 1 })).to.equal('DELETED\r\nOK 1\r\n');
  });
});

describe('secondsLeft', () => {
  it('is 0 for a key without a deadline', () => {
    expect(secondsLeft(0, 5_000)).to.equal(0);
  });

  it('is rounded up, so that a key set for n seconds shows n at once', () => {
    expect(secondsLeft(12_000, 2_000)).to.equal(10);
    expect(secondsLeft(12_000, 2_001)).to.equal(10);
    expect(secondsLeft(12_000, 2_999)).to.equal(10);
    expect(secondsLeft(12_000, 3_000)).to.equal(9);
  });

  it('is never 0 for a key with a deadline, even at or after it', () => {
    for (const nowMs of [11_999, 12_000, 13_000]) expect(secondsLeft(12_000, nowMs), `${nowMs}`).to.equal(1);
  });
});
