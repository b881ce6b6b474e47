/** Streams of clients that must tell a password: until they have told the right one, nothing of theirs is executed. */

import { spanOf } from '../../../src/bytes/byte-reader.js';
import { AT_COMMAND_START, AT_RESP_START } from '../../../src/protocol/checkpoint.js';
import { isForLocked } from '../../../src/protocol/resp/access.js';
import { RedisStream } from '../../../src/protocol/resp/redis-stream.js';
import { GuardedText } from '../../../src/protocol/text/guarded-text.js';
import { TextParser } from '../../../src/protocol/text/text-parser.js';
import { piecesOf, promise, type Target, textOf } from '../target.js';

const PASSWORD = 'pw';

export const lockedText: Target = {
  name: 'locked-text',
  seeds: [
    'get k\r\nauth no\r\nset k 0 2\r\nab\r\nauth pw\r\nset k 0 2\r\nab\r\nget k\r\n',
    'set k zero 3\r\nabc\r\nset k 0 70000\r\nabc',
    'auth\r\nauth  pw\r\nwatch p\r\nunwatch\r\nget k\n',
  ].map((text) => Buffer.from(text)),
  words: ['auth ', 'auth pw\r\n', 'pw', 'set ', 'get ', 'watch ', 'once ', ' 0 ', '\r\n', '\n', '99999'],
  maxBytes: 512,
  run(input) {
    const whole = takeText([input]);
    const cut = takeText(piecesOf(input));
    promise(textOf(cut) === textOf(whole), () => `cut: ${textOf(cut)}, whole: ${textOf(whole)}`);
    // Whoever watches may say less; before the password nobody watches.
    const open = openText(input);
    if (open.some(({ type }) => type === 'watch')) return;
    const requests = whole.taken.map(({ text }) => text);
    const expected = open.slice(0, requests.length).map(({ type, text }, place) => {
      const isDue = whole.taken[place]?.wasLocked === true && type !== 'auth';
      return isDue ? textOf({ type: 'locked' }) : text;
    });
    promise(textOf(requests) === textOf(expected), () => `${requests}, not ${expected}`);
    promise(
      whole.isClosing || requests.length === open.length,
      () => `${open.length - requests.length} requests are missing`,
    );
  },
};

/** A request as text, for its value is good until the next push. */
interface Taken {
  readonly type: string;
  readonly text: string;
  readonly wasLocked: boolean;
}

function takeText(pieces: readonly Uint8Array[]) {
  const stream = new GuardedText({ place: 'locked', at: AT_COMMAND_START });
  const taken: Taken[] = [];
  for (const piece of pieces) {
    stream.push(spanOf(piece));
    for (let request = stream.next(); request !== undefined; request = stream.next()) {
      const { type } = request;
      const wasLocked = stream.isLocked;
      promise(!wasLocked || type === 'locked' || type === 'auth', () => `a ${type} before the password`);
      taken.push({ type, text: textOf(request), wasLocked });
      if (request.type === 'auth') stream.authenticated(request.password === PASSWORD);
    }
  }
  return { taken, isClosing: stream.isClosing };
}

function openText(input: Uint8Array): readonly Taken[] {
  const parser = new TextParser();
  const taken: Taken[] = [];
  parser.push(spanOf(input));
  for (let request = parser.next(); request !== undefined; request = parser.next())
    taken.push({ type: request.type, text: textOf(request), wasLocked: false });
  return taken;
}

export const lockedResp: Target = {
  name: 'locked-resp',
  seeds: [
    '*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n',
    '*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n*1\r\n$4\r\nEXEC\r\nAUTH no\r\nRESET\r\nPING\r\n',
    'HELLO 3 AUTH default pw\r\nMONITOR\r\nRESET\r\nset k v\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$99999\r\nab',
  ].map((text) => Buffer.from(text)),
  words: [
    'AUTH',
    'HELLO',
    'RESET',
    'QUIT',
    'pw',
    '*2\r\n',
    '*3\r\n',
    '$2\r\n',
    '\r\n',
    'MULTI',
    'EXEC',
    'GET',
  ],
  maxBytes: 768,
  run(input) {
    const whole = takeResp([input]);
    const cut = takeResp(piecesOf(input));
    promise(textOf(cut) === textOf(whole), () => `cut: ${textOf(cut)}, whole: ${textOf(whole)}`);
  },
};

function takeResp(pieces: readonly Uint8Array[]) {
  const stream = new RedisStream(1, { ...AT_RESP_START, access: 'locked' });
  const taken: string[] = [];
  for (const piece of pieces) {
    stream.push(spanOf(piece));
    while (true) {
      const request = stream.next();
      if (request === undefined) {
        if (stream.isHeld) stream.release();
        else if (!stream.isUnfinished) break;
        continue;
      }
      const isHarmless =
        request.type === 'redis-fixed' || (request.type === 'redis-local' && isForLocked(request.name));
      promise(isHarmless || !stream.isLocked, () => `a ${request.type} before the password`);
      taken.push(textOf(request));
      if (request.type !== 'redis-local') continue;
      if (request.name === 'auth' && request.args.at(-1) === PASSWORD) stream.unlock();
      if (request.name === 'reset') stream.reset();
    }
  }
  return { taken, isClosing: stream.isClosing };
}
