/** The small parts that Redis commands are made of. */

import { expect } from 'chai';
import { GlobMatch, matchesGlob } from '../../../src/state-machine/redis/glob.js';
import {
  addLongDoubles,
  formatLongDouble,
  parseLongDouble,
} from '../../../src/state-machine/redis/long-double.js';
import { Work } from '../../../src/state-machine/work.js';

describe('Redis’s patterns', () => {
  const cases: readonly (readonly [pattern: string, matching: string[], others: string[]])[] = [
    ['*', ['', 'a', 'abc'], []],
    ['h?llo', ['hello', 'hallo'], ['hllo', 'heello']],
    ['h*llo', ['hllo', 'heeello'], ['hell']],
    ['h[ae]llo', ['hello', 'hallo'], ['hillo']],
    ['h[^e]llo', ['hallo', 'hbllo'], ['hello']],
    ['h[a-c]llo', ['hallo', 'hcllo'], ['hdllo']],
    ['h[c-a]llo', ['hbllo'], ['hdllo']],
    ['h\\*llo', ['h*llo'], ['hello']],
    ['[\\]]', [']'], ['\\']],
    ['a*b*c', ['abc', 'aXbYc', 'abcbc'], ['abcb']],
    ['[ab', ['a', 'b'], ['[ab']],
    ['*a*a*a*a*b', ['aaaab'], ['a'.repeat(200)]],
    ['', [''], ['a']],
  ];
  for (const [pattern, matching, others] of cases) {
    it(`"${pattern}" match what they should`, () => {
      for (const text of matching) expect(matchesGlob(pattern, text), text).to.equal(true);
      for (const text of others) expect(matchesGlob(pattern, text), text).to.equal(false);
    });
  }
});

describe('matching a long pattern', () => {
  const LONGEST_STEP_UNITS = 20_000;

  function unitsOf(pattern: string, text: string): { readonly slices: number; readonly result: boolean } {
    const match = new GlobMatch(pattern);
    const work = new Work();
    match.begin(text);
    for (let slices = 1; ; slices += 1) {
      const before = work.units;
      work.allow(1_000_000);
      const result = match.goOn(work);
      expect(work.units - before).to.be.below(1_000_000 + LONGEST_STEP_UNITS);
      if (result !== undefined) return { slices, result };
    }
  }

  it('stops when the work is spent, and goes on where it was', () => {
    const { slices, result } = unitsOf(`*${'a'.repeat(300)}b`, 'a'.repeat(20_000));
    expect(result).to.equal(false);
    expect(slices).to.be.above(20);
    expect(unitsOf(`*${'a'.repeat(300)}b`, `${'a'.repeat(20_000)}b`).result).to.equal(true);
  });

  it('counts the stars that match nothing, and the characters of a class', () => {
    expect(unitsOf(`a${'*'.repeat(1000)}b`, 'a').result).to.equal(false);
    const { slices, result } = unitsOf(`*[${'b'.repeat(1000)}]`, 'a'.repeat(1000));
    expect(result).to.equal(false);
    expect(slices).to.be.above(4);
  });
});

describe('the numbers of INCRBYFLOAT', () => {
  it('are rounded as floats of 80 bits are, and written without exponents', () => {
    const sums: readonly (readonly [a: string, b: string, sum: string])[] = [
      ['0.1', '0.2', '0.3'],
      ['0', '0.024390243902439025', '0.02439024390243902'],
      ['0.02439024390243902', '-0.024390243902439025', '0'],
      ['5.0e3', '200', '5200'],
      ['100000000000000000', '1', '100000000000000001'],
      ['18446744073709551615', '1', '18446744073709551616'],
      ['18446744073709551615', '2', '18446744073709551616'],
      ['18446744073709551616', '3', '18446744073709551620'],
      ['3.0', '0', '3'],
      ['-1.5', '+.5', '-1'],
      ['5', '-5', '0'],
      ['-0.25', '0', '-0.25'],
      ['1e-10', '0', '0.0000000001'],
      ['1', '4e-18', '1'],
      ['1e21', '5.', '1000000000000000000000'],
      ['0x1.8p3', '0xa', '22'],
      ['1e-4940', '1', '1'],
    ];
    for (const [a, b, sum] of sums) {
      const [left, right] = [parseLongDouble(a), parseLongDouble(b)];
      if (typeof left !== 'object' || typeof right !== 'object')
        throw new TypeError(`${a}, ${b}: no numbers`);
      const added = addLongDoubles(left, right);
      expect(added === 'infinite' ? added : formatLongDouble(added), `${a} + ${b}`).to.equal(sum);
    }
    const largest = parseLongDouble('1.1897e4932');
    expect(typeof largest === 'object' && addLongDoubles(largest, largest)).to.equal('infinite');
  });

  it('are no floats when they are infinite, or anything else', () => {
    for (const text of ['inf', '-Infinity', '+INF']) expect(parseLongDouble(text), text).to.equal('infinite');
    for (const text of [
      '',
      '.',
      '-',
      ' 1',
      '1 ',
      'nan',
      '0x',
      '0x1p',
      '1,5',
      '1e',
      '1e5000',
      '1e-5000',
      '1.19e4932',
      '1'.repeat(5120),
    ])
      expect(parseLongDouble(text), text).to.equal(undefined);
  });
});
