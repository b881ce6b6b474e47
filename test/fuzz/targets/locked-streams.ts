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
    promise(textOf(cut.taken) === textOf(whole.taken), () => `cut: ${textOf(cut)}, whole: ${textOf(whole)}`);
    // Whoever watches may say less; before the password nobody watches.
    const open = openText(input);
    if (open.some((request) => typeOf(request) === 'watch')) return;
    const expected = open.slice(0, whole.taken.length).map((request, place) => {
      const isDue = whole.taken[place]?.wasLocked === true && typeOf(request) !== 'auth';
      return isDue ? { type: 'locked' } : request;
    });
    const requests = whole.taken.map(({ request }) => request);
    promise(textOf(requests) === textOf(expected), () => `${textOf(requests)}, not ${textOf(expected)}`);
    promise(
      whole.isClosing || requests.length === open.length,
      () => `${open.length - requests.length} requests are missing`,
    );
  },
};

function takeText(pieces: readonly Uint8Array[]) {
  const stream = new GuardedText({ place: 'locked', at: AT_COMMAND_START });
  const taken: { readonly request: unknown; readonly wasLocked: boolean }[] = [];
  for (const piece of pieces) {
    stream.push(spanOf(Buffer.from(piece)));
    for (let request = stream.next(); request !== undefined; request = stream.next()) {
      const wasLocked = stream.isLocked;
      promise(
        !wasLocked || request.type === 'locked' || request.type === 'auth',
        () => `a ${request?.type} before the password`,
      );
      taken.push({ request: JSON.parse(textOf(request)), wasLocked });
      if (request.type === 'auth') stream.authenticated(request.password === PASSWORD);
    }
  }
  return { taken, isClosing: stream.isClosing };
}

function openText(input: Uint8Array): readonly unknown[] {
  const parser = new TextParser();
  const requests: unknown[] = [];
  parser.push(spanOf(Buffer.from(input)));
  for (let request = parser.next(); request !== undefined; request = parser.next())
    requests.push(JSON.parse(textOf(request)));
  return requests;
}

function typeOf(request: unknown): unknown {
  return typeof request === 'object' && request !== null && 'type' in request ? request.type : undefined;
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
  const taken: unknown[] = [];
  for (const piece of pieces) {
    stream.push(spanOf(Buffer.from(piece)));
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
      taken.push(JSON.parse(textOf(request)));
      if (request.type !== 'redis-local') continue;
      if (request.name === 'auth' && request.args.at(-1) === PASSWORD) stream.unlock();
      if (request.name === 'reset') stream.reset();
    }
  }
  return { taken, isClosing: stream.isClosing };
}
