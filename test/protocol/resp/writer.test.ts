import { expect } from 'chai';
import { ByteWriter } from '../../../src/bytes/byte-writer.js';
import {
  ErrorReply,
  MapReply,
  NULL_ARRAY,
  type RespValue,
  SimpleString,
  VerbatimText,
} from '../../../src/protocol/resp/value.js';
import { writeResp } from '../../../src/protocol/resp/writer.js';

function written(value: RespValue, version: 2 | 3): string {
  const out = new ByteWriter();
  writeResp(out, value, version);
  return Buffer.from(out.take()).toString('latin1');
}

describe('a reply in Redis’s protocol', () => {
  const cases: readonly (readonly [what: string, value: RespValue, version2: string, version3: string])[] = [
    ['a string', 'a\r\n\xff', '$4\r\na\r\n\xff\r\n', '$4\r\na\r\n\xff\r\n'],
    ['an empty string', '', '$0\r\n\r\n', '$0\r\n\r\n'],
    ['a number', -7, ':-7\r\n', ':-7\r\n'],
    ['a number of 64 bits', 2n ** 63n - 1n, ':9223372036854775807\r\n', ':9223372036854775807\r\n'],
    ['nothing', null, '$-1\r\n', '_\r\n'],
    ['no list', NULL_ARRAY, '*-1\r\n', '_\r\n'],
    ['a word', new SimpleString('OK'), '+OK\r\n', '+OK\r\n'],
    ['an error of one line', new ErrorReply('ERR a\r\nb'), '-ERR a  b\r\n', '-ERR a  b\r\n'],
    [
      'a list',
      ['a', 1, [null]],
      '*3\r\n$1\r\na\r\n:1\r\n*1\r\n$-1\r\n',
      '*3\r\n$1\r\na\r\n:1\r\n*1\r\n_\r\n',
    ],
    ['a map', new MapReply([['a', 1]]), '*2\r\n$1\r\na\r\n:1\r\n', '%1\r\n$1\r\na\r\n:1\r\n'],
    ['text to read', new VerbatimText('ab'), '$2\r\nab\r\n', '=6\r\ntxt:ab\r\n'],
  ];
  for (const [what, value, version2, version3] of cases) {
    it(`is ${what}, in both versions`, () => {
      expect(written(value, 2)).to.equal(version2);
      expect(written(value, 3)).to.equal(version3);
    });
  }
});
