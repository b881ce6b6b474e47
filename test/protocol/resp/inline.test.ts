import { expect } from 'chai';
import { splitInline } from '../../../src/protocol/resp/inline.js';

describe('the words of an inline command', () => {
  it('are as Redis splits them', () => {
    const lines: readonly (readonly [string, string[] | undefined])[] = [
      ['', []],
      [' \t ', []],
      ['PING', ['PING']],
      ['  set  k   v ', ['set', 'k', 'v']],
      ['\v\fa\vb\fc\t"d"\fe', ['a\vb\fc', 'd', 'e']],
      ['set k ""', ['set', 'k', '']],
      ['set k "a b"', ['set', 'k', 'a b']],
      ["set k 'a \\' b\\n'", ['set', 'k', "a ' b\\n"]],
      ['set k "\\x41\\n\\t\\r\\b\\a\\"\\\\\\q\\x4"', ['set', 'k', 'A\n\t\r\b\x07"\\qx4']],
      ['a"b"', ['ab']],
      ['a"b"c', undefined],
      ['"a', undefined],
      ["'a", undefined],
      ['"a\\"', undefined],
      ['a\0b "', ['a']],
      ['\xff\xe9', ['\xff\xe9']],
    ];
    for (const [line, words] of lines) expect(splitInline(line), line).to.deep.equal(words);
  });
});
