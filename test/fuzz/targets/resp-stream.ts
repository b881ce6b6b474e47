/** The Redis protocol's stream: however the bytes are cut, the requests are the same, and memory is a few times what came in. */

import { spanOf } from '../../../src/bytes/byte-reader.js';
import { AT_RESP_START } from '../../../src/protocol/checkpoint.js';
import type { Request } from '../../../src/protocol/request.js';
import { RedisStream } from '../../../src/protocol/resp/redis-stream.js';
import { isSame, piecesOf, promise, type Target, textOf } from '../target.js';

export const respStream: Target = {
  name: 'resp-stream',
  seeds: [
    '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\nvv\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$4\r\nPING\r\n',
    '*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n*1\r\n$4\r\nEXEC\r\n',
    'PING\r\nset a "b\\x41 c"\r\n\r\n*0\r\n*3\r\n$3\r\nset\r\n$1\r\nk\r\n$99999999\r\nabc',
    '*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$3\r\nOFF\r\n*2\r\n$5\r\nWATCH\r\n$1\r\nk\r\n*-1\r\n*1\r\n$5\r\nRESET\r\n',
    'SUBSCRIBE a b\r\nPSUBSCRIBE c*\r\nPING\r\nGET k\r\nUNSUBSCRIBE a\r\nPUNSUBSCRIBE\r\nPUBSUB NUMSUB a\r\nUNSUBSCRIBE\r\nGET k\r\n',
  ].map((text) => Buffer.from(text)),
  words: [
    '*1\r\n',
    '*2\r\n',
    '*3\r\n',
    '$3\r\n',
    '$0\r\n\r\n',
    '\r\n',
    '$-1\r\n',
    '*-1\r\n',
    'GET',
    'SET',
    'MULTI',
    'EXEC',
    'WATCH',
    'SUBSCRIBE',
    'PSUBSCRIBE',
    'UNSUBSCRIBE',
    'PUNSUBSCRIBE',
    'PUBSUB',
    'CHANNELS',
    'NUMPAT',
    '__keyspace@0__:*',
    'CLIENT',
    'REPLY',
    'SKIP',
    'HELLO',
    'RESET',
    'DISCARD',
    '"',
    "'",
  ],
  maxBytes: 768,
  run(input) {
    const whole = take([input]);
    const cut = take(piecesOf(input), whole.taken);
    const isAlike = whole.taken.length === cut.taken.length && isSame(ends(cut), ends(whole));
    promise(isAlike, () => `cut: ${textOf(cut)}, whole: ${textOf(whole)}`);
    promise(
      whole.consumed <= input.byteLength,
      () => `${whole.consumed} of ${input.byteLength} bytes were taken`,
    );
  },
};

/** A request, and what the stream says of it. */
interface Taken {
  readonly request: Request;
  readonly isSilenced: boolean;
  readonly lastCommand: string;
}

/** @param expected what must be taken: it is compared as it comes, for what lies in a request is good until the next push */
function take(pieces: readonly Uint8Array[], expected?: readonly Taken[]) {
  const stream = new RedisStream(1, AT_RESP_START);
  const taken: Taken[] = [];
  let pushed = 0;
  for (const piece of pieces) {
    stream.push(spanOf(piece));
    pushed += piece.byteLength;
    while (true) {
      const request = stream.next();
      if (request !== undefined) {
        const one = { request, isSilenced: stream.isSilenced, lastCommand: stream.lastCommand };
        const due = expected === undefined ? one : expected[taken.length];
        promise(isSame(one, due), () => `${textOf(one)} comes in the place of ${textOf(due)}`);
        taken.push(one);
      }
      // Nobody answers here: what waits for an answer goes on as if it had come.
      else if (stream.isHeld) stream.release();
      else if (!stream.isUnfinished) break;
    }
    const buffered = stream.bufferedBytes;
    promise(buffered <= pushed, () => `${buffered} bytes are buffered of ${pushed}`);
  }
  const { consumed, isClosing } = stream;
  return { taken, consumed, isClosing, at: isClosing ? undefined : stream.checkpoint() };
}

function ends({ consumed, isClosing, at }: ReturnType<typeof take>) {
  return { consumed, isClosing, at };
}
