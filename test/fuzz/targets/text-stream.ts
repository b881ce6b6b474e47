/** The text protocol's parser: however the bytes are cut, the requests are the same, and a successor goes on where one has stopped. */

import { spanOf } from '../../../src/bytes/byte-reader.js';
import type { TextPlace } from '../../../src/protocol/checkpoint.js';
import { TextParser } from '../../../src/protocol/text/text-parser.js';
import { piecesOf, promise, type Target, textOf } from '../target.js';

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
    const cut = parse(piecesOf(input));
    promise(textOf(cut) === textOf(whole), () => `cut: ${textOf(cut)}, whole: ${textOf(whole)}`);
    promise(
      whole.consumed <= input.byteLength,
      () => `${whole.consumed} of ${input.byteLength} bytes were taken`,
    );
    const first = parse([input], 1);
    const rest = parse([input.subarray(first.consumed)], Number.POSITIVE_INFINITY, first.at);
    // How far a watch has come is known to whoever tells it, not to the parser.
    if (first.hasWatch) return;
    const both = [...first.requests, ...rest.requests];
    promise(
      first.isClosing || textOf(both) === textOf(whole.requests),
      () => `in two steps: ${textOf(both)}`,
    );
  },
};

function parse(pieces: readonly Uint8Array[], max = Number.POSITIVE_INFINITY, at?: TextPlace) {
  const parser = new TextParser(at);
  const requests: string[] = [];
  let hasWatch = false;
  for (const piece of pieces) {
    parser.push(spanOf(Buffer.from(piece)));
    for (let request = parser.next(); request !== undefined; request = parser.next()) {
      // Its value is good until the next push.
      requests.push(textOf(request));
      hasWatch ||= request.type === 'watch';
      if (requests.length === max) break;
    }
    if (requests.length === max) break;
  }
  const { consumed, isClosing } = parser;
  return { requests, hasWatch, consumed, isClosing, at: parser.checkpoint() };
}
