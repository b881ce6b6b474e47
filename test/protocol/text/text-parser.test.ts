import { expect } from 'chai';
import fc from 'fast-check';
import { MAX_KEY_BYTES, MAX_LINE_BYTES, MAX_VALUE_BYTES } from '../../../src/limits.js';
import { TextParser } from '../../../src/protocol/text/text-parser.js';
import { bytesAllocatedDuring } from '../../support/allocations.js';
import { inPlace } from '../in-place.js';

const MALFORMED = { type: 'malformed', noreply: false };
const SILENT = { type: 'malformed', noreply: true };

/** Takes what requests there are, with their values as text, so that they are good for ever. */
function take(parser: TextParser): unknown[] {
  const requests: unknown[] = [];
  for (let request = parser.next(); request !== undefined; request = parser.next()) {
    if (request.type === 'once') requests.push({ ...request, command: withText(request.command) });
    else requests.push(withText(request));
  }
  return requests;
}

function withText<Command extends object>(command: Command): object {
  if (!('value' in command) || !(command.value instanceof Uint8Array)) return command;
  return { ...command, value: Buffer.from(command.value).toString('latin1') };
}

function once(seq: number, done: number, command: unknown): unknown {
  return { type: 'once', id: '1-f', seq, done, command, slotKey: undefined };
}

function feed(parser: TextParser, chunks: Iterable<Uint8Array>): unknown[] {
  const requests: unknown[] = [];
  for (const chunk of chunks) {
    parser.push(inPlace(chunk));
    requests.push(...take(parser));
  }
  return requests;
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function parse(text: string): unknown[] {
  return feed(new TextParser(), [bytesOf(text)]);
}

function* chunksOf(bytes: Uint8Array, byteCount: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += byteCount) yield bytes.subarray(at, at + byteCount);
}

/** Cuts the bytes into as many chunks as there are cuts, of lengths that repeat. */
function cut(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < bytes.byteLength; turn += 1) {
    const byteCount = lengths[turn % lengths.length] ?? 1;
    chunks.push(bytes.subarray(at, at + byteCount));
    at += byteCount;
  }
  return chunks;
}

function set(key: string, value: string, { exptimeS = 0, noreply = false } = {}): unknown {
  return { type: 'set', key, value, exptimeS, noreply };
}

function cas(key: string, version: number, value: string, { exptimeS = 0, noreply = false } = {}): unknown {
  return { type: 'cas', key, version, value, exptimeS, noreply };
}

function get(key: string): unknown {
  return { type: 'get', key };
}

const AFTER = 'get after\r\n';

/** Parses the bad commands, and a good one after them which shows that the connection stays usable. */
function parseBad(text: string): unknown[] {
  const requests = parse(text + AFTER);
  expect(requests.at(-1), `the command after ${JSON.stringify(text.slice(0, 80))}`).to.deep.equal(
    get('after'),
  );
  return requests.slice(0, -1);
}

describe('TextParser', () => {
  describe('reads', () => {
    const good: [string, unknown][] = [
      ['set k 0 5\r\nhello\r\n', set('k', 'hello')],
      ['set k 30 5 noreply\r\nhello\r\n', set('k', 'hello', { exptimeS: 30, noreply: true })],
      ['set k 0 0\r\n\r\n', set('k', '')],
      ['set k 0 9\r\na\r\nget b\n\r\n', set('k', 'a\r\nget b\n')],
      ['set k 0 3\r\n\0\xff\r\r\n', set('k', '\0\xff\r')],
      ['cas k 0 7 1\r\nx\r\n', cas('k', 7, 'x')],
      ['cas k 9 7 1 noreply\r\nx\r\n', cas('k', 7, 'x', { exptimeS: 9, noreply: true })],
      ['get k\r\n', get('k')],
      ['getm k\r\n', { type: 'getm', key: 'k' }],
      ['add k 9 1\r\nx\r\n', { type: 'add', key: 'k', value: 'x', exptimeS: 9, noreply: false }],
      ['add k 0 1 noreply\r\nx\r\n', { type: 'add', key: 'k', value: 'x', exptimeS: 0, noreply: true }],
      [
        'cas k 9 @7 1 noreply\r\nx\r\n',
        { type: 'cas-revision', key: 'k', revision: 7, value: 'x', exptimeS: 9, noreply: true },
      ],
      ['gets k\r\n', { type: 'gets', key: 'k' }],
      ['delete k 7\r\n', { type: 'delete-if', key: 'k', by: 'version', expected: 7, noreply: false }],
      [
        'delete k @007 noreply\r\n',
        { type: 'delete-if', key: 'k', by: 'revision', expected: 7, noreply: true },
      ],
      ['delete k\r\n', { type: 'delete', key: 'k', noreply: false }],
      ['delete k noreply\r\n', { type: 'delete', key: 'k', noreply: true }],
      ['get \xc3\xa9\xff\x80!"#\r\n', get('\xc3\xa9\xff\x80!"#')],
      ['get noreply\r\n', get('noreply')],
      ['session open\r\n', { type: 'session-open', ttlS: 300 }],
      ['session open 10\r\n', { type: 'session-open', ttlS: 10 }],
      ['session open 86400\r\n', { type: 'session-open', ttlS: 86_400 }],
      ['session close 1-f\r\n', { type: 'session-close', id: '1-f' }],
      ['once 1-f 1 0 set k 0 5\r\nhello\r\n', once(1, 0, set('k', 'hello'))],
      ['once 1-f 1029 5 cas k 9 7 1\r\nx\r\n', once(1029, 5, cas('k', 7, 'x', { exptimeS: 9 }))],
      ['once 1-f 7 6 delete k\r\n', once(7, 6, { type: 'delete', key: 'k', noreply: false })],
    ];
    for (const [text, request] of good) {
      it(JSON.stringify(text), () => {
        expect(parse(text)).to.deep.equal([request]);
        expect(
          parse(text.replaceAll('\r\n', '\n').replace('a\nget', 'a\r\nget')),
          'with bare LFs',
        ).to.deep.equal([request]);
      });
    }

    it('tokens that are separated by several spaces, and ignores spaces around them', () => {
      expect(parse('  set   k  0 1   noreply  \r\nx\r\n')).to.deep.equal([set('k', 'x', { noreply: true })]);
    });

    it('numbers with leading zeros', () => {
      expect(parse('cas k 010 0000000000000000000000007 01\r\nx\r\n')).to.deep.equal([
        cas('k', 7, 'x', { exptimeS: 10 }),
      ]);
    });

    it('keys, values and lines of the largest size', () => {
      const key = 'k'.repeat(MAX_KEY_BYTES);
      expect(parse(`get ${key}\r\n`)).to.deep.equal([get(key)]);
      const value = 'v'.repeat(MAX_VALUE_BYTES);
      expect(parse(`set k 0 ${MAX_VALUE_BYTES}\r\n${value}\r\n`)).to.deep.equal([set('k', value)]);
      expect(parse(`${'get k'.padEnd(MAX_LINE_BYTES)}\r\n`)).to.deep.equal([get('k')]);
    });

    it('versions up to 64 bits, where one over 2^53 comes out larger than any there can be', () => {
      for (const version of ['9007199254740992', '9007199254740993', '18446744073709551615']) {
        const [request] = parse(`cas k 0 ${version} 1\r\nx\r\n`);
        expect(request, version).to.have.property('version').above(Number.MAX_SAFE_INTEGER);
      }
      expect(parse('cas k 0 9007199254740991 1\r\nx\r\n')).to.deep.equal([cas('k', 2 ** 53 - 1, 'x')]);
    });

    it('pipelined commands in their order', () => {
      expect(parse('get a\nset b 0 1\r\nx\nget c\r\n')).to.deep.equal([get('a'), set('b', 'x'), get('c')]);
    });
  });

  describe('answers by one error, and goes on after the line,', () => {
    const bad: [what: string, line: string][] = [
      ['an empty line', ''],
      ['a line of spaces', '   '],
      ['an unknown command', 'incr k 1'],
      ['a command in capitals', 'GET k'],
      ['get without a key', 'get'],
      ['get with two keys', 'get a b'],
      ['getm with noreply', 'getm k noreply'],
      ['delete without a key', 'delete'],
      ['delete with another word than noreply', 'delete k NOREPLY'],
      ['delete with too many words', 'delete k noreply noreply'],
      ['set alone', 'set'],
      ['set without a length', 'set k 0'],
      ['delete with a version and another word than noreply', 'delete k 7 now'],
      ['delete with a revision that is no number', 'delete k @x'],
      ['delete with no digit after the @', 'delete k @'],
      ['delete with a revision over 64 bits', 'delete k @18446744073709551616'],
      ['gets with two keys', 'gets a b'],
      ['add without a length', 'add k 0'],
      ['cas without a length', 'cas k 0 1'],
      ['a length that is no number', 'set k 0 five'],
      ['a negative length', 'set k 0 -1'],
      ['a length with a fraction', 'set k 0 1.0'],
      ['a length that is beyond any number', 'set k 0 99999999999999999999'],
      ['a tab between words', 'get\tk'],
      ['a tab in a key', 'get a\tb'],
      ['a NUL in a key', 'get a\0b'],
      ['a DEL in a key', 'get a\x7fb'],
      ['a CR within the line', 'get a\rb'],
      ['two CRs at the end of the line', 'get a\r'],
      ['a key of 251 bytes', `get ${'k'.repeat(MAX_KEY_BYTES + 1)}`],
      ['a line of 513 bytes', 'get k'.padEnd(MAX_LINE_BYTES + 1)],
      ['a line of 100,000 bytes', `get ${'k'.repeat(100_000)}`],
      ['session alone', 'session'],
      ['session with another word', 'session reopen'],
      ['a session that lives too briefly', 'session open 9'],
      ['a session that lives too long', 'session open 86401'],
      ['session open with too many words', 'session open 10 10'],
      ['session close without an id', 'session close'],
      ['session close with too many words', 'session close a b'],
      ['once alone', 'once'],
      ['once without a command', 'once 1-f 1 0'],
      ['once with a read', 'once 1-f 1 0 get k'],
      ['once within once', 'once 1-f 1 0 once 1-f 1 0 delete k'],
      ['the opening of a session within once', 'once 1-f 1 0 session open'],
      ['once in silence', 'once 1-f 1 0 delete k noreply'],
      ['a number that is done', 'once 1-f 3 3 delete k'],
      ['a number too far above what is done', 'once 1-f 1028 3 delete k'],
      ['a number 0', 'once 1-f 0 0 delete k'],
      ['a number that is none', 'once 1-f one 0 delete k'],
      ['a word of 10,000 digits for a length', `set k 0 ${'1'.repeat(10_000)}`],
    ];
    for (const [what, line] of bad) {
      it(what, () => {
        expect(parseBad(`${line}\r\n`)).to.deep.equal([MALFORMED]);
        if (!line.endsWith('\r')) expect(parseBad(`${line}\n`), 'with a bare LF').to.deep.equal([MALFORMED]);
      });
    }
  });

  describe('answers by one error, and throws the value away with the line that it ends in,', () => {
    const bad: [what: string, line: string][] = [
      ['a key of 251 bytes', `set ${'k'.repeat(MAX_KEY_BYTES + 1)} 0 7`],
      ['a control byte in the key', 'set a\tb 0 7'],
      ['an exptime that is no number', 'set k soon 7'],
      ['a negative exptime', 'set k -1 7'],
      ['an exptime beyond a million million seconds', 'set k 1000000000001 7'],
      ['another word than noreply', 'set k 0 7 quiet'],
      ['words after noreply', 'set k 0 7 noreply noreply'],
      ['a version that is no number', 'cas k 0 one 7'],
      ['a version over 64 bits', 'cas k 0 18446744073709551616 7'],
      ['a revision that is no number', 'cas k 0 @one 7'],
      ['a line that is too long', 'set k 0 7'.padEnd(MAX_LINE_BYTES + 1)],
      ['a bad set within once', 'once 1-f 1 0 set k soon 7'],
      ['a set in silence within once', 'once 1-f 1 0 set k 0 7 noreply'],
      ['a set within a bad once', 'once 1-f 1 1 set k 0 7'],
      ['a cas within a bad once', 'once 1-f x y cas k 0 1 7'],
    ];
    for (const [what, line] of bad) {
      it(what, () => {
        expect(parseBad(`${line}\r\nget a\r\n\r\n`)).to.deep.equal([MALFORMED]);
        expect(parseBad(`${line}\nget b\nx and more\n`), 'with more in the line').to.deep.equal([MALFORMED]);
      });
    }

    it('a value over the limit', () => {
      const value = 'get a\n'.repeat(MAX_VALUE_BYTES / 4);
      expect(parseBad(`set k 0 ${value.length}\r\n${value}\r\n`)).to.deep.equal([MALFORMED]);
      expect(parseBad(`cas k 0 1 ${value.length} noreply\r\n${value}\r\n`)).to.deep.equal([SILENT]);
    });
  });

  describe('answers a value that no line break follows by one error and', () => {
    it('goes on after the next line break', () => {
      expect(parseBad('set k 0 2\r\nabcdef\r\n')).to.deep.equal([MALFORMED]);
      expect(parseBad('set k 0 2 noreply\r\nab\rx\r\n')).to.deep.equal([MALFORMED]);
      expect(parseBad('set k 0 2\r\nab\r\r\n')).to.deep.equal([MALFORMED]);
    });

    it('tells so as soon as it can be known', () => {
      const parser = new TextParser();
      parser.push(inPlace(bytesOf('set k 0 2\r\nabc')));
      expect(take(parser)).to.deep.equal([MALFORMED]);
      expect(parser.checkpoint()).to.deep.equal({ place: 'bad line' });
    });

    it('takes a line break in the middle of the value for a part of the value', () => {
      expect(parseBad('set k 0 5\r\nab\r\nget b\r\n')).to.deep.equal([MALFORMED]);
    });
  });

  it('throws the value away that follows a line of up to 2 KiB, and no other, however the line is cut', () => {
    for (const byteCount of [2046, 2047, 2048, 2049, 5000]) {
      const bytes = bytesOf(`${'set k 0 6'.padEnd(byteCount)}\nget a\n\nget b\n`);
      const expected = byteCount <= 2048 ? [MALFORMED, get('b')] : [MALFORMED, get('a'), MALFORMED, get('b')];
      for (const length of [1, 7, 512, 2048, 2049, bytes.byteLength]) {
        const requests = feed(new TextParser(), chunksOf(bytes, length));
        expect(requests, `${byteCount} bytes, ${length} at a time`).to.deep.equal(expected);
      }
    }
  });

  it('finds the same requests however the stream is cut', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (bytes, lengths) => {
        const parser = new TextParser();
        expect(feed(parser, cut(bytes, lengths))).to.deep.equal(feed(new TextParser(), [bytes]));
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('finds as many requests as there were commands, good or bad', () => {
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const parser = new TextParser();
        const requests = feed(parser, [bytesOf(pieces.map(({ text }) => text).join(''))]);
        expect(
          requests.map((request) => JSON.stringify(request) === JSON.stringify(MALFORMED)),
        ).to.deep.equal(pieces.map(({ isBad }) => isBad));
        expect(parser.hasBuffered).to.equal(false);
        expect(parser.checkpoint()).to.deep.equal({ place: 'command' });
      }),
      { seed: 1 },
    );
  });

  it('goes on in another parser, from the checkpoint, with the bytes after those consumed', () => {
    fc.assert(
      fc.property(stream, (bytes) => {
        const whole = feed(new TextParser(), [bytes]);
        for (let at = 0; at <= bytes.byteLength; at += 1) expectSameAcross(bytes, [at], whole);
      }),
      { seed: 1, numRuns: 30 },
    );
  });

  it('goes on in one parser after the other, each from the checkpoint of the one before', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(), { minLength: 2, maxLength: 10 }), (bytes, cuts) => {
        const ats = cuts.map((each) => each % (bytes.byteLength + 1)).sort((a, b) => a - b);
        expectSameAcross(bytes, ats, feed(new TextParser(), [bytes]));
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('goes on in another parser in the midst of an oversized value or line', () => {
    const value = 'get a\n'.repeat(MAX_VALUE_BYTES / 4);
    const line = `set k 0 ${value.length}\r\n`;
    const bytes = bytesOf(`get x\r\n${line}${value}\r\n${'z'.repeat(5000)} set k 0 3\r\nget b\r\n${AFTER}`);
    const whole = [get('x'), MALFORMED, MALFORMED, get('b'), get('after')];
    const valueAt = 'get x\r\n'.length + line.length;
    const valueEnd = valueAt + value.length;
    const cuts = [
      8,
      valueAt - 1,
      valueAt,
      valueAt + 1,
      valueAt + 70_000,
      valueEnd - 1,
      valueEnd,
      valueEnd + 1,
    ];
    for (const at of [...cuts, valueEnd + 2, valueEnd + 100, valueEnd + 2100, valueEnd + 4000]) {
      expectSameAcross(bytes, [at], whole);
    }
    expectSameAcross(bytes, cuts, whole);
  });

  it('counts as consumed what the returned requests took, thrown away bytes included', () => {
    const parser = new TextParser();
    const good = 'set k 0 5\r\nhello\r\n';
    parser.push(inPlace(bytesOf(`${good}set k x 3\r\nab`)));
    expect(parser.next()).to.include({ type: 'set' });
    expect(parser.consumed).to.equal(good.length);
    expect(parser.next()).to.deep.equal(MALFORMED);
    expect(parser.checkpoint()).to.deep.equal({ place: 'bad value', byteCount: 3 });
    expect(parser.next()).to.equal(undefined);
    expect(parser.consumed).to.equal(`${good}set k x 3\r\nab`.length);
    expect(parser.checkpoint()).to.deep.equal({ place: 'bad value', byteCount: 1 });
    expect(parser.hasBuffered).to.equal(false);
  });

  it('counts nothing as consumed of a command whose value has not come in whole', () => {
    const parser = new TextParser();
    expect(feed(parser, [bytesOf('set k 0 5\r\nhello')])).to.deep.equal([]);
    expect(parser.consumed).to.equal(0);
    expect(parser.hasBuffered).to.equal(true);
    expect(parser.checkpoint()).to.deep.equal({ place: 'command' });
  });

  it('has something buffered while it waits for the first byte of a value', () => {
    const parser = new TextParser();
    feed(parser, [bytesOf('set k 0 5\r\n')]);
    expect(parser.hasBuffered).to.equal(true);
  });

  it('neither throws nor keeps more than one command of the largest size, whatever it gets', () => {
    const limit = MAX_LINE_BYTES + MAX_VALUE_BYTES + 4;
    fc.assert(
      fc.property(fc.array(garbage, { maxLength: 60 }), (chunks) => {
        const parser = new TextParser();
        let pushed = 0;
        for (const chunk of chunks) {
          parser.push(inPlace(chunk));
          pushed += chunk.byteLength;
          take(parser);
          expect(parser.consumed).to.be.within(pushed - limit, pushed);
        }
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('keeps at most 2 KiB of a line that does not end', () => {
    const parser = new TextParser();
    let requestCount = 0;
    for (let pushed = 100; pushed <= 100_000; pushed += 100) {
      parser.push(inPlace(Buffer.alloc(100, 'x')));
      requestCount += take(parser).length;
      expect(parser.consumed).to.be.at.least(pushed - 2048);
    }
    expect(requestCount).to.equal(1);
  });

  it('keeps nothing of a value over the limit', () => {
    const parser = new TextParser();
    expect(feed(parser, [bytesOf(`set k 0 ${MAX_VALUE_BYTES + 1}\r\n`)])).to.deep.equal([MALFORMED]);
    for (let chunk = 0; chunk < 16; chunk += 1) {
      expect(feed(parser, [Buffer.alloc(65_536)])).to.deep.equal([]);
      expect(parser.hasBuffered).to.equal(false);
    }
    expect(feed(parser, [bytesOf(`x\r\n${AFTER}`)])).to.deep.equal([get('after')]);
  });

  it('copies each byte of a large value a few times at most, however many chunks it comes in', () => {
    for (const chunkBytes of [65_536, 1000, 16]) {
      const bytes = bytesOf(`set k 0 ${MAX_VALUE_BYTES}\r\n${'v'.repeat(MAX_VALUE_BYTES)}\r\n`);
      let requestCount = 0;
      const allocated = bytesAllocatedDuring(() => {
        requestCount = feed(new TextParser(), chunksOf(bytes, chunkBytes)).length;
      });
      expect(requestCount).to.equal(1);
      expect(allocated, `bytes allocated for chunks of ${chunkBytes}`).to.be.below(6 * MAX_VALUE_BYTES);
    }
  });

  it('does not copy what comes in whole commands', () => {
    const parser = new TextParser();
    const chunk = bytesOf('set k 0 5\r\nhello\r\nget k\r\n');
    const allocated = bytesAllocatedDuring(() => {
      for (let turn = 0; turn < 10; turn += 1) feed(parser, [chunk]);
    });
    expect(allocated).to.equal(0);
  });

  it('tells of a command over a limit whether it asks for silence', () => {
    const key = 'k'.repeat(MAX_KEY_BYTES + 1);
    const size = MAX_VALUE_BYTES + 1;
    const value = 'v'.repeat(size);
    const spaces = ' '.repeat(MAX_LINE_BYTES);
    expect(parse(`set k 0 ${size} noreply\r\n${value}\r\nget a\r\n`)).to.deep.equal([SILENT, get('a')]);
    expect(parse(`cas k 0 1 ${size} noreply\r\n${value}\r\nget a\r\n`)).to.deep.equal([SILENT, get('a')]);
    expect(parse(`set ${key} 0 1 noreply\r\nx\r\nget a\r\n`)).to.deep.equal([SILENT, get('a')]);
    expect(parse(`delete ${key} noreply\r\n`)).to.deep.equal([SILENT]);
    expect(parse(`delete${spaces}k noreply\r\n`)).to.deep.equal([SILENT]);
    for (const line of [
      `set k 0 ${size}\r\n${value}\r\n`,
      `set k 0 ${size} noreply more\r\n${value}\r\n`,
      `set k x ${size} noreply\r\n${value}\r\n`,
      `cas k 0 x ${size} noreply\r\n${value}\r\n`,
      `get ${key} noreply\r\n`,
      `bogus${spaces}k noreply\r\n`,
    ])
      expect(parse(line), line.slice(0, 80)).to.deep.equal([MALFORMED]);
  });

  it('stops at a line of HTTP outside a value, however it is cut', () => {
    const value = 'POST / HTTP/1.1';
    const good = `set a 0 ${value.length}\r\n${value}\r\n`;
    const lines = ['GET / HTTP/1.1', 'POST /x', ' Host: a', 'get HTTP/1.0 ', `POST /${'x'.repeat(3_000)}`];
    for (const line of lines) {
      const bytes = bytesOf(`${good}${line}\r\nset b 0 1\r\nx\r\n`);
      for (const byteCount of [1, 7, bytes.byteLength]) {
        const parser = new TextParser();
        expect(feed(parser, chunksOf(bytes, byteCount)), line).to.deep.equal([set('a', value)]);
        expect(parser.isClosing).to.equal(true);
        expect(parser.consumed).to.equal(good.length);
      }
    }
  });
});

/** Each cut ends one parser's stay; the next one starts from its checkpoint. */
function expectSameAcross(bytes: Uint8Array, cuts: readonly number[], whole: readonly unknown[]): void {
  const requests: unknown[] = [];
  let parser = new TextParser();
  let start = 0;
  for (const at of cuts) {
    parser.push(inPlace(bytes.subarray(start, Math.max(start, at))));
    requests.push(...take(parser));
    start += parser.consumed;
    parser = new TextParser(parser.checkpoint());
  }
  parser.push(inPlace(bytes.subarray(start)));
  requests.push(...take(parser));
  expect(requests, `cut at ${cuts.join(', ')}`).to.deep.equal(whole);
}

interface Piece {
  readonly text: string;
  readonly isBad: boolean;
}

const key = fc.constantFrom('k', '\xff', 'k'.repeat(MAX_KEY_BYTES));
const value = fc
  .array(fc.constantFrom('\r', '\n', '\r\n', 'get a\r\n', 'x', '\0', '\xff'), { maxLength: 6 })
  .map((parts) => parts.join(''));
const lineBreak = fc.constantFrom('\n', '\r\n');
const noreply = fc.constantFrom('', ' noreply');

const goodPiece: fc.Arbitrary<string> = fc.oneof(
  fc
    .tuple(key, value, noreply, lineBreak, lineBreak)
    .map(([k, v, quiet, first, second]) => `set ${k} 0 ${v.length}${quiet}${first}${v}${second}`),
  fc
    .tuple(key, value, noreply, lineBreak, lineBreak)
    .map(([k, v, quiet, first, second]) => `cas ${k} 5 12 ${v.length}${quiet}${first}${v}${second}`),
  fc
    .tuple(fc.constantFrom('get', 'getm', 'gets', 'delete'), key, lineBreak)
    .map(([c, k, end]) => `${c} ${k}${end}`),
);

const badPiece: fc.Arbitrary<string> = fc.oneof(
  fc
    .tuple(fc.constantFrom('', 'quit', 'get', 'set k 0', 'set k 0 x', 'cas k 0 1 -1'), lineBreak)
    .map(([line, end]) => line + end),
  fc.tuple(value, lineBreak).map(([v, end]) => `set k x ${v.length}${end}${v} rest${end}`),
  fc.tuple(value, lineBreak).map(([v, end]) => `cas k 0 1 ${v.length} x${end}${v}${end}`),
  fc.tuple(value, lineBreak).map(([v, end]) => `set k 0 ${v.length}${end}${v}!${end}`),
  fc.constantFrom(600, 2046, 2047, 2048, 2049, 2500).map((length) => `${'z'.repeat(length)}\r\n`),
  fc.constant(`${'set k 0 2'.padEnd(600)}\r\n\r\n\r\n`),
);

const piece: fc.Arbitrary<Piece> = fc.oneof(
  { weight: 2, arbitrary: goodPiece.map((text) => ({ text, isBad: false })) },
  { weight: 1, arbitrary: badPiece.map((text) => ({ text, isBad: true })) },
);

/** Commands, good and bad, the last of them perhaps cut off. */
const stream: fc.Arbitrary<Uint8Array> = fc
  .tuple(fc.array(piece, { maxLength: 8 }), fc.nat({ max: 20 }))
  .map(([pieces, missing]) => {
    const text = pieces.map((each) => each.text).join('');
    return bytesOf(text.slice(0, Math.max(0, text.length - missing)));
  });

/** Bytes of all kinds, among them many that mean something to the parser. */
const garbage: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc
    .array(
      fc.constantFrom(
        'set',
        'add',
        'cas',
        'get',
        ' ',
        ' k',
        ' 0',
        ' 1048577',
        ' 3',
        '\r',
        '\n',
        '\r\n',
        ' noreply',
      ),
    )
    .map((words) => bytesOf(words.join(''))),
  fc.constantFrom(3000, 70_000).map((length) => Buffer.alloc(length, 'x')),
);
