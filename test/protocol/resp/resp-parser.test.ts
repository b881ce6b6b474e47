import { expect } from 'chai';
import fc from 'fast-check';
import { textOf } from '../../../src/bytes/byte-reader.js';
import { MAX_INLINE_BYTES, MAX_REDIS_COMMAND_BYTES, MAX_VALUE_BYTES } from '../../../src/limits.js';
import { NOTHING_DROPPED } from '../../../src/protocol/checkpoint.js';
import { RespProtocolError, RespRefusal } from '../../../src/protocol/resp/error-replies.js';
import { HTTP, RespParser } from '../../../src/protocol/resp/resp-parser.js';
import { bytesAllocatedDuring } from '../../support/allocations.js';
import { inPlace } from '../in-place.js';

function encode(args: readonly string[]): Buffer {
  const parts = args.map((word) => `$${word.length}\r\n${word}\r\n`);
  return Buffer.from(`*${args.length}\r\n${parts.join('')}`, 'latin1');
}

/** Everything that the parser makes of these pieces: commands, and the error's message at the end if there is one. */
function parse(pieces: readonly Uint8Array[]): { taken: unknown[]; parser: RespParser } {
  const parser = new RespParser();
  const taken: unknown[] = [];
  for (const piece of pieces) {
    parser.push(inPlace(piece));
    for (let next = parser.next(); next !== undefined; next = parser.next()) {
      if (next instanceof RespProtocolError) return { taken: [...taken, next.message], parser };
      if (next instanceof RespRefusal) {
        taken.push(next.message);
        continue;
      }
      if (next === HTTP) return { taken: [...taken, next], parser };
      taken.push(next);
    }
  }
  return { taken, parser };
}

/** The next command, plain ones first; its name in lower case. */
function nextOf(parser: RespParser): string[] | undefined {
  const plain = parser.nextPlain();
  if (plain?.name === 'get') return [plain.name, plain.key];
  if (plain !== undefined) return [plain.name, plain.key, Buffer.from(plain.value).toString('latin1')];
  const args = parser.next();
  if (args === undefined) return undefined;
  if (!Array.isArray(args)) throw new TypeError('the stream makes no sense');
  const [first = '', ...rest] = args;
  return [first.toLowerCase(), ...rest];
}

function cut(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const places = [
    0,
    ...at.map((place) => place % (bytes.byteLength + 1)).sort((a, b) => a - b),
    bytes.byteLength,
  ];
  return places.slice(1).map((end, i) => bytes.subarray(places[i], end));
}

const word = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const command = fc.array(word, { minLength: 1, maxLength: 6 });
const cuts = fc.array(fc.nat(10_000), { maxLength: 20 });

describe('the parser of Redis’s protocol', () => {
  it('takes the same commands from a stream however it is cut', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 8 }), cuts, (commands, places) => {
        const bytes = Buffer.concat(commands.map(encode));
        const { taken, parser } = parse(cut(bytes, places));
        expect(taken).to.deep.equal(commands);
        expect(parser.consumed).to.equal(bytes.byteLength);
        expect(parser.halfStart).to.equal(undefined);
      }),
      { numRuns: 500 },
    );
  });

  it('takes a plain SET or GET of which all is there without its args, and leaves everything else', () => {
    const name = fc.constantFrom('SET', 'set', 'GET', 'gEt', 'DEL', 'SETX', 'S\r\n');
    const some = fc.oneof(fc.tuple(name, word), fc.tuple(name, word, word), command);
    fc.assert(
      fc.property(fc.array(some, { maxLength: 8 }), cuts, fc.boolean(), (commands, places, takesGets) => {
        const bytes = Buffer.concat(commands.map(encode));
        const parser = new RespParser();
        const taken: (readonly string[])[] = [];
        for (const piece of cut(bytes, places)) {
          parser.push(inPlace(piece));
          const ahead = parser.upcomingGets(3);
          if (takesGets) {
            for (const get of ahead) {
              taken.push(['get', textOf(get)]);
              parser.takeGet(get);
            }
          }
          const args = ahead.map((get) => ['get', textOf(get)]);
          const from = taken.length - (takesGets ? ahead.length : 0);
          for (let next = nextOf(parser); next !== undefined; next = nextOf(parser)) taken.push(next);
          expect(taken.slice(from, from + ahead.length), 'the upcoming GETs').to.deep.equal(args);
        }
        expect(taken).to.deep.equal(commands.map(([first = '', ...rest]) => [first.toLowerCase(), ...rest]));
        expect(parser.consumed).to.equal(bytes.byteLength);
      }),
      { numRuns: 500 },
    );
    const parser = new RespParser();
    parser.push(inPlace(encode(['SET', 'k', '\r\n'])));
    expect(parser.nextPlain()).to.deep.equal({ name: 'set', key: 'k', value: Buffer.from('\r\n') });
    for (const args of [
      ['SET', 'k'],
      ['GET', 'k', 'v'],
      ['SET', 'k', 'v', 'NX'],
      ['GET', 'k'.repeat(251)],
    ]) {
      parser.push(inPlace(encode(args)));
      expect(parser.nextPlain(), args.join(' ')).to.equal(undefined);
      expect(parser.next()).to.deep.equal(args);
    }
    for (const length of ['x', `${'0'.repeat(40)}1`]) {
      const broken = new RespParser();
      broken.push(inPlace(Buffer.from(`*2\r\n$3\r\nGET\r\n$${length}\r\nk\r\n`)));
      expect(broken.nextPlain()).to.equal(undefined);
      expect(broken.next()).to.be.instanceOf(RespProtocolError);
    }
  });

  it('tells of the GETs that are next, up to another command, and takes none of them', () => {
    const parser = new RespParser();
    const keysAhead = (max: number) => parser.upcomingGets(max).map(textOf);
    expect(keysAhead(9)).to.deep.equal([]);
    const commands = [['GET', 'a'], ['get', ''], ['SET', 'b', 'c'], ['GET', 'd'], ['GET', 'e'], ['INFO']];
    const bytes = Buffer.concat([...commands.map(encode), Buffer.from('*2\r\n$3\r\nGET\r\n$1\r\n')]);
    parser.push(inPlace(bytes));
    expect(keysAhead(9)).to.deep.equal(['a', '']);
    expect(keysAhead(1)).to.deep.equal(['a']);
    expect(parser.consumed).to.equal(0);
    for (let taken = 0; taken < 3; taken += 1) parser.next();
    expect(keysAhead(9)).to.deep.equal(['d', 'e']);
    for (let taken = 3; taken < 6; taken += 1) parser.next();
    expect(keysAhead(9), 'not all of it is there').to.deep.equal([]);
    expect(parser.next()).to.equal(undefined);
    parser.push(inPlace(Buffer.from('f\r\n')));
    expect(keysAhead(9), 'its beginning was taken').to.deep.equal([]);
    expect(parser.next()).to.deep.equal(['GET', 'f']);
  });

  it('takes them byte by byte, and knows that one is under way', () => {
    const bytes = encode(['SET', 'k\r\n', '\0\xff']);
    const parser = new RespParser();
    for (const [i, byte] of bytes.entries()) {
      parser.push(inPlace(Uint8Array.of(byte)));
      const next = parser.next();
      if (i < bytes.byteLength - 1) expect(next).to.equal(undefined);
      else expect(next).to.deep.equal(['SET', 'k\r\n', '\0\xff']);
      expect(parser.halfStart !== undefined).to.equal(i < bytes.byteLength - 1);
    }
  });

  it('comes to the same end on garbage however it is cut, and keeps no more than a command of it', () => {
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .string({ unit: fc.constantFrom('*', '$', '-', '1', '9', '\r', '\n', 'a'), maxLength: 60 })
        .map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 2 }), garbage, cuts, (commands, rest, places) => {
        const bytes = Buffer.concat([...commands.map(encode), rest]);
        const whole = parse([bytes]);
        expect(parse(cut(bytes, places)).taken).to.deep.equal(whole.taken);
        expect(whole.parser.consumed).to.be.at.most(bytes.byteLength);
      }),
      { numRuns: 1_000 },
    );
  });

  it('passes over empty commands and blank lines, as a bulk load of redis-cli ends with', () => {
    const empty = Buffer.from('*0\r\n*-1\r\n\r\n \r\n\n');
    expect(parse([empty, encode(['PING']), empty, encode(['GET', 'a'])]).taken).to.deep.equal([
      ['PING'],
      ['GET', 'a'],
    ]);
  });

  it('takes inline commands between others, however they are cut', () => {
    const bytes = Buffer.concat([
      Buffer.from('PING\r\n  set  "a b" \'c\'\n'),
      encode(['GET', 'a b']),
      Buffer.from('get x\r\n'),
    ]);
    const taken = [['PING'], ['set', 'a b', 'c'], ['GET', 'a b'], ['get', 'x']];
    fc.assert(
      fc.property(cuts, (places) => {
        const { taken: got, parser } = parse(cut(bytes, places));
        expect(got).to.deep.equal(taken);
        expect(parser.consumed).to.equal(bytes.byteLength);
      }),
    );
  });

  it('says the same of a length that is too long, whole or in part', () => {
    for (const line of ['*', '*1\r\n$'])
      for (const digits of [31, 32, 33]) {
        const bytes = Buffer.from(`${line}${'9'.repeat(digits)}\r\n`);
        const whole = messageOf([bytes]);
        for (let cut = 1; cut < bytes.byteLength; cut += 1)
          expect(messageOf([bytes.subarray(0, cut), bytes.subarray(cut)])).to.equal(whole);
      }
  });

  function messageOf(pieces: readonly Uint8Array[]): string | undefined {
    const parser = new RespParser();
    for (const piece of pieces) {
      parser.push(inPlace(Buffer.from(piece)));
      const error = parser.next();
      if (error instanceof RespProtocolError) return error.message;
    }
    return undefined;
  }

  it('measures the length of the inline command, not of all that has come', () => {
    const longest = `PING ${'x'.repeat(MAX_INLINE_BYTES - 5)}`;
    const { taken } = parse([Buffer.from(`${longest}\r\n`.repeat(3))]);
    expect(taken).to.have.length(3);
    const tooLong = 'ERR Protocol error: too big inline request';
    expect(parse([Buffer.from(`${longest}xx`)]).taken).to.deep.equal([tooLong]);
    expect(parse([Buffer.from(`PING\n${longest}xx\n`)]).taken).to.deep.equal([['PING'], tooLong]);
  });

  it('stops at a line of HTTP, however it is cut', () => {
    for (const line of ['GET / HTTP/1.1', 'POST /x', 'Host: a', 'host:a', 'PING HTTP/1.0'])
      for (const end of ['\r\n', '\n']) {
        const bytes = Buffer.from(`PING\r\n${line}${end}PING\r\n`);
        expect(parse([bytes]).taken, line).to.deep.equal([['PING'], HTTP]);
        expect(parse(cut(bytes, [1, 8, 12])).taken, line).to.deep.equal([['PING'], HTTP]);
      }
  });

  const refused: readonly (readonly [string, string])[] = [
    ['SET k "v\r\n', 'ERR Protocol error: unbalanced quotes in request'],
    ['SET k "v"x\r\n', 'ERR Protocol error: unbalanced quotes in request'],
    ['*1\r\n+PING\r\n', "ERR Protocol error: expected '$', got '+'"],
    ['*x\r\n', 'ERR Protocol error: invalid multibulk length'],
    ['*1048577\r\n', 'ERR Protocol error: invalid multibulk length'],
    [`*${'1'.repeat(40)}`, 'ERR Protocol error: invalid multibulk length'],
    ['*01\r\n$4\r\nPING\r\n', 'ERR Protocol error: invalid multibulk length'],
    ['*-0\r\n', 'ERR Protocol error: invalid multibulk length'],
    ['*2\r\n$3\r\nGET\r\n$01\r\nk\r\n', 'ERR Protocol error: invalid bulk length'],
    ['*2\r\n$3\r\nGET\r\n$00\r\n\r\n', 'ERR Protocol error: invalid bulk length'],
    ['*1\r\n\r\n', "ERR Protocol error: expected '$', got ' '"],
    ['*1\r\n$-1\r\n', 'ERR Protocol error: invalid bulk length'],
    ['*1\r\n$x\r\n', 'ERR Protocol error: invalid bulk length'],
    [`*1\r\n$${512 * 1024 * 1024 + 1}\r\n`, 'ERR Protocol error: invalid bulk length'],
  ];
  for (const [bytes, message] of refused) {
    it(`refuses ${JSON.stringify(bytes)}`, () => {
      expect(parse([encode(['PING']), Buffer.from(bytes)]).taken).to.deep.equal([['PING'], message]);
    });
  }

  it('takes a value of the largest size, and no command beyond what it may have together', () => {
    const value = 'v'.repeat(MAX_VALUE_BYTES);
    expect(parse([encode(['SET', 'k', value])]).taken).to.deep.equal([['SET', 'k', value]]);
    const { taken } = parse([encode(['MSET', 'a', value, 'b', value, 'c', value]), encode(['PING'])]);
    expect(taken).to.deep.equal([`ERR a command of over ${MAX_REDIS_COMMAND_BYTES} bytes`, ['PING']]);
  });

  it('refuses a value over the limit at once, and drops the rest of its command, however it is cut', () => {
    const value = 'v'.repeat(MAX_VALUE_BYTES + 1);
    const bytes = Buffer.concat([encode(['MSET', 'a', value, 'b', value, 'c', '']), encode(['PING'])]);
    const refusal = `ERR a value of over ${MAX_VALUE_BYTES} bytes`;
    expect(parse([bytes.subarray(0, 50)]).taken).to.deep.equal([refusal]);
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.byteLength), { maxLength: 9 }), (places) => {
        const { taken, parser } = parse(cut(bytes, places));
        expect(taken).to.deep.equal([refusal, ['PING']]);
        expect(parser.consumed).to.equal(bytes.byteLength);
      }),
      { numRuns: 20 },
    );
  });

  it('keeps nothing of what it drops, and goes on dropping elsewhere', () => {
    const bytes = encode(['SET', 'k', 'v'.repeat(MAX_VALUE_BYTES + 1), 'EX', '5']);
    const parser = new RespParser();
    parser.push(inPlace(bytes.subarray(0, 1_000)));
    expect(parser.next()).to.be.instanceOf(RespRefusal);
    expect(parser.next()).to.equal(undefined);
    expect(parser.consumed).to.equal(1_000);
    expect(parser.bufferedBytes).to.equal(0);
    const next = new RespParser(parser.dropped);
    next.push(inPlace(bytes.subarray(1_000)));
    expect(next.next()).to.equal(undefined);
    expect(next.consumed).to.equal(bytes.byteLength - 1_000);
    expect(next.dropped).to.equal(NOTHING_DROPPED);
  });
});

describe('the copies that a parser of Redis commands makes', () => {
  /** How many commands come of these pieces. */
  function countOf(bytes: Uint8Array, pieceBytes: number): number {
    const parser = new RespParser();
    let count = 0;
    for (let at = 0; at < bytes.byteLength; at += pieceBytes) {
      parser.push(inPlace(bytes.subarray(at, at + pieceBytes)));
      do {
        while (nextOf(parser) !== undefined) count += 1;
      } while (parser.isUnfinished);
    }
    return count;
  }

  for (const pieceBytes of [65_536, 1000, 16]) {
    it(`are a few of each byte of a large value that comes in pieces of ${pieceBytes}`, () => {
      const bytes = encode(['SET', 'k', 'v'.repeat(MAX_VALUE_BYTES)]);
      let count = 0;
      const allocated = bytesAllocatedDuring(() => {
        count = countOf(bytes, pieceBytes);
      });
      expect(count).to.equal(1);
      expect(allocated).to.be.below(6 * MAX_VALUE_BYTES);
    });

    it(`are a few of each byte of many arguments that come in pieces of ${pieceBytes}, read once`, () => {
      const bytes = encode(['DEL', ...Array.from({ length: 30_000 }, (_, i) => `k${i}`)]);
      let count = 0;
      const allocated = bytesAllocatedDuring(() => {
        count = countOf(bytes, pieceBytes);
      });
      expect(count).to.equal(1);
      expect(allocated).to.be.below(6 * bytes.byteLength);
    });
  }

  it('are none of a long pipeline that comes at once, and of one in pieces of what lies across them', () => {
    const commands = 50_000;
    const one = encode(['SET', 'key', 'value']);
    const bytes = Buffer.concat(Array.from({ length: commands }, () => one));
    let count = 0;
    const atOnce = bytesAllocatedDuring(() => {
      count = countOf(bytes, bytes.byteLength);
    });
    expect([count, atOnce]).to.deep.equal([commands, 0]);
    const pieceBytes = 10_000;
    const inPieces = bytesAllocatedDuring(() => {
      count = countOf(bytes, pieceBytes);
    });
    expect(count).to.equal(commands);
    expect(inPieces).to.be.below(4 * bytes.byteLength);
  });
});
