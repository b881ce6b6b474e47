import fc from 'fast-check';
import type { Command, TextCommand } from '../../src/protocol/command.js';
import { BatchEncoder } from '../../src/state-machine/batch-encoder.js';

/** One character per byte to bytes. */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'));
}

/** The payload of a log entry with these commands. */
export function payloadOf(stampMs: number, commands: readonly Command[]): Uint8Array {
  const encoder = new BatchEncoder();
  for (const command of commands) {
    encoder.add(command);
    while (encoder.isUnfinished) encoder.goOn();
  }
  return encoder.finish(stampMs);
}

/** When the first batch of {@link anyCommand}s is stamped in a test, in ms since the epoch. */
export const START_MS = 1_700_000_000_000;

/** One of the first revisions of a store whose first batch was stamped at {@link START_MS}. */
const anyRevision = fc.integer({ min: 1, max: 12 }).map((count) => 1000 * START_MS + count);

/** Commands on few keys, with low versions and short lives, so that they meet. */
export const anyCommand: fc.Arbitrary<TextCommand> = (() => {
  const key = fc.constantFrom('a', 'b', 'c', '\xff\x80');
  const value = fc.uint8Array({ maxLength: 8 });
  const exptimeS = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 4 }));
  return fc.oneof(
    fc.record({ type: fc.constant('set' as const), key, value, exptimeS }),
    fc.record({ type: fc.constant('cas' as const), key, value, exptimeS, version: fc.nat({ max: 4 }) }),
    fc.record({ type: fc.constant('delete' as const), key }),
    fc.record({ type: fc.constant('add' as const), key, value, exptimeS }),
    fc.record({ type: fc.constant('cas-revision' as const), key, value, exptimeS, revision: anyRevision }),
    fc.record({
      type: fc.constant('delete-if' as const),
      key,
      by: fc.constant('version' as const),
      expected: fc.nat({ max: 4 }),
    }),
    fc.record({
      type: fc.constant('delete-if' as const),
      key,
      by: fc.constant('revision' as const),
      expected: anyRevision,
    }),
  );
})();
