import { expect } from 'chai';
import { parseInteger } from '../../../src/protocol/resp/numbers.js';

describe('Redis’s numbers', () => {
  it('are 64-bit integers in their only spelling', () => {
    expect(parseInteger('9223372036854775807')).to.equal(9223372036854775807n);
    expect(parseInteger('-9223372036854775808')).to.equal(-9223372036854775808n);
    for (const text of ['', '-', '-0', '01', '+1', ' 1', '1 ', '1.0', '9223372036854775808', '1e3'])
      expect(parseInteger(text), text).to.equal(undefined);
  });
});
