/** The text protocol's parser: however the bytes are cut, the requests are the same, and a successor goes on where one has stopped. */

import { spanOf } from '../../../src/bytes/byte-reader.js';
import type { TextPlace } from '../../../src/protocol/checkpoint.js';
import type { TextRequest } from '../../../src/protocol/request.js';
import { TextParser } from '../../../src/protocol/text/text-parser.js';
import { isSame, piecesOf, promise, type Target, textOf } from '../target.js';

export const textStream: Target = {
  name: 'text-stream',
  seeds: [
    'set k 0 5\r\nvalue\r\nget k\r\ngetm k\r\ncas k 10 1 2 noreply\r\nab\r\ndelete k noreply\r\n',
    'set k 0 9999999\r\nxx\r\nget\r\nset k 0 3 \r\nabcd\r\nget k\n\nget  k  \n',
    'GET / HTTP/1.1\r\n\r\n',
  ].map((text) => Buffer.from(text)),
  words: [
    'set ',
    'get ',
    'getm ',
    'gets ',
    'cas ',
    'add ',
    'delete ',
    'once ',
    'noreply',
    ' 0 ',
    '\r\n',
    '\n',
    ' HTTP/1.1',
    'watch ',
  ],
  maxBytes: 512,
  run(input) {
    const whole = parse([input]);
    const { requests } = whole;
    const cut = parse(piecesOf(input), { expected: requests });
    const isAlike = requests.length === cut.requests.length && isSame(ends(cut), ends(whole));
    promise(isAlike, () => `cut: ${textOf(cut)}, whole: ${textOf(whole)}`);
    promise(
      whole.consumed <= input.byteLength,
      () => `${whole.consumed} of ${input.byteLength} bytes were taken`,
    );
    const first = parse([input], { max: 1 });
    // How far a watch has come is known to whoever tells it, not to the parser.
    if (first.hasWatch || first.isClosing) return;
    const expected = requests.slice(first.requests.length);
    const rest = parse([input.subarray(first.consumed)], { at: first.at, expected });
    promise(rest.requests.length === expected.length, () => `in two steps: ${textOf(rest)}`);
  },
};

interface ParseOptions {
  /** Ends after this many requests. */
  readonly max?: number;
  /** Where the stream begins. */
  readonly at?: TextPlace;
  /** What the requests must be. They are compared as they come, for their values are good until the next push. */
  readonly expected?: readonly TextRequest[];
}

function parse(
  pieces: readonly Uint8Array[],
  { max = Number.POSITIVE_INFINITY, at, expected }: ParseOptions = {},
) {
  const parser = new TextParser(at);
  const requests: TextRequest[] = [];
  let hasWatch = false;
  for (const piece of pieces) {
    parser.push(spanOf(piece));
    while (requests.length < max) {
      const request = parser.next();
      if (request === undefined) break;
      const due = expected === undefined ? request : expected[requests.length];
      promise(isSame(request, due), () => `${textOf(request)} comes in the place of ${textOf(due)}`);
      requests.push(request);
      hasWatch ||= request.type === 'watch';
    }
    if (requests.length === max) break;
  }
  const { consumed, isClosing } = parser;
  return { requests, hasWatch, consumed, isClosing, at: parser.checkpoint() };
}

function ends({ consumed, isClosing, at }: ReturnType<typeof parse>) {
  return { consumed, isClosing, at };
}
