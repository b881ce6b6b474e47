/** BITOP combines words, and steps of many: the same comes out as byte by byte. */

import { expect } from 'chai';
import fc from 'fast-check';
import { textOf } from '../../../src/bytes/byte-reader.js';
import type { Args } from '../../../src/protocol/command.js';
import { KeyValueStore } from '../../../src/state-machine/key-value-store.js';
import { payloadOf } from '../../support/commands.js';
import { HASH_SECRET } from '../../support/hash-secret.js';

const STEP_BYTES = 32 * 1024;
const LENGTHS = [0, 1, 3, 4, 5, 127, STEP_BYTES - 1, STEP_BYTES, STEP_BYTES + 1, 2 * STEP_BYTES + 3];

const OPERATIONS: Readonly<Record<string, (a: number, b: number) => number>> = {
  AND: (a, b) => a & b,
  OR: (a, b) => a | b,
  XOR: (a, b) => a ^ b,
};

function bytesOf(length: number, seed: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (seed * (i + 3) * 2_654_435_761) >>> 11));
}

/** The value of BITOP's destination. */
function combined(operation: string, values: readonly Buffer[]): Buffer {
  const store = new KeyValueStore(HASH_SECRET);
  const apply = (args: Args) => store.apply(payloadOf(1, [{ type: 'redis', args }]));
  values.forEach((value, i) => {
    apply(['SET', `${i}`, value.toString('latin1')]);
  });
  apply(['BITOP', operation, 'dest', ...values.map((_, i) => `${i}`)]);
  const value = store.value('dest');
  return Buffer.from(value === undefined ? '' : typeof value === 'string' ? value : textOf(value), 'latin1');
}

describe('BITOP', () => {
  it('AND, OR and XOR combine values of any lengths', () => {
    const value = fc.tuple(fc.constantFrom(...LENGTHS), fc.integer({ min: 1, max: 1_000 }));
    const values = fc.array(value, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.constantFrom('AND', 'OR', 'XOR'), values, (operation, drawn) => {
        const [first = Buffer.alloc(0), ...others] = drawn.map(([length, seed]) => bytesOf(length, seed));
        const wanted = Buffer.alloc(Math.max(...drawn.map(([length]) => length)));
        first.copy(wanted);
        for (const other of others)
          for (let at = 0; at < wanted.length; at += 1)
            wanted[at] = OPERATIONS[operation]?.(wanted[at] ?? 0, other[at] ?? 0) ?? 0;
        expect(combined(operation, [first, ...others]).equals(wanted)).to.equal(true);
      }),
      { numRuns: 60 },
    );
  });

  it('NOT turns each bit of a value', () => {
    for (const length of LENGTHS) {
      const value = bytesOf(length, 7);
      const wanted = Buffer.from(value.map((byte) => ~byte));
      expect(combined('NOT', [value]).equals(wanted), `${length}`).to.equal(true);
    }
  });
});
