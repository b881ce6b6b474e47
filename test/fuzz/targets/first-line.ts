/** Which protocol a stream speaks: once that is known, no further byte changes it, and it is known before long. */

import { MAX_LINE_BYTES } from '../../../src/limits.js';
import { startOf } from '../../../src/protocol/first-line.js';
import { promise, type Target, textOf } from '../target.js';

const LINE_BREAK_BYTES = 2;

export const firstLine: Target = {
  name: 'first-line',
  seeds: ['*1\r\n', 'get k\r\n', 'PING\r\n', 'POST /api HTTP/1.1\r\n', ' \t ping'].map((text) =>
    Buffer.from(text),
  ),
  words: ['GET ', 'POST ', ' HTTP/1.1\r\n', 'get ', 'set ', 'ping', 'PING', '\r\n', '\n', ' '],
  maxBytes: 640,
  run(input) {
    let decided: string | undefined;
    for (let length = 1; length <= input.byteLength; length += 1) {
      const start = startOf(input.subarray(0, length));
      if (start === undefined) {
        promise(decided === undefined, () => `it was ${decided}, and is unknown after ${length} bytes`);
        promise(length < MAX_LINE_BYTES + LINE_BREAK_BYTES, () => `nothing is known after ${length} bytes`);
        continue;
      }
      const now = textOf(start);
      promise(decided === undefined || decided === now, () => `it was ${decided}, and is ${now}`);
      decided = now;
    }
  },
};
