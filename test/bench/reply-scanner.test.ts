import { expect } from 'chai';
import fc from 'fast-check';
import { MalformedReplyError, type Scanner } from '../../tools/bench/load/reply-scanner.js';
import { RequestSequence } from '../../tools/bench/load/request-sequence.js';
import type { Operation } from '../../tools/bench/load/workload.js';

const KEYS = 20;

describe('ReplyScanner', () => {
  it('finds the same replies wherever the stream is cut', () => {
    const sequence = new RequestSequence('mixed', { keys: KEYS, valueBytes: 30 }, KEYS);
    const stream = Buffer.concat(
      Array.from({ length: KEYS }, (_, position) => rightReply(sequence, position)),
    );
    fc.assert(
      fc.property(fc.array(fc.nat(stream.byteLength), { maxLength: 20 }), (cuts) => {
        const { scanner, wrong } = newScanner(sequence);
        const ends = [...cuts.toSorted((a, b) => a - b), stream.byteLength];
        let start = 0;
        let count = 0;
        for (const end of ends) {
          count += scanner.scan(stream.subarray(start, end));
          start = end;
        }
        expect(count).to.equal(KEYS);
        expect(wrong).to.deep.equal([]);
      }),
    );
  });

  it('takes an empty value for one', () => {
    const { scanner, wrong } = newScanner(new RequestSequence('get', { keys: 1, valueBytes: 0 }, 1), 1);
    expect(scanner.scan(Buffer.from('VALUE 0\r\n\r\n'))).to.equal(1);
    expect(wrong).to.deep.equal([]);
  });

  const WRONG: readonly [what: string, operation: Operation, reply: string, reported: string][] = [
    ['an error', 'set', 'ERR_INTERNAL\r\n', 'ERR_INTERNAL'],
    ['a redirect', 'set', 'ERR_REDIRECT localhost 9002\r\n', 'ERR_REDIRECT'],
    ['a missing key', 'get', 'ERR_NOT_FOUND\r\n', 'ERR_NOT_FOUND'],
    ['a value for a write', 'set', 'VALUE 2\r\n0|\r\n', 'wrong VALUE'],
    ['a version for a read', 'get', 'OK 1\r\n', 'wrong OK'],
    ['a version that no write has', 'set', 'OK 0\r\n', 'wrong OK'],
    ['another value', 'get', 'VALUE 2\r\n1|\r\n', 'wrong VALUE'],
    ['a value of another length', 'get', 'VALUE 3\r\n0|0\r\n', 'wrong VALUE'],
  ];
  for (const [what, operation, reply, reported] of WRONG)
    it(`counts ${what} as a reply, and reports it`, () => {
      const { scanner, wrong } = newScanner(new RequestSequence(operation, { keys: 1, valueBytes: 2 }, 1), 1);
      expect(scanner.scan(Buffer.from(reply))).to.equal(1);
      expect(wrong).to.deep.equal([reported]);
    });

  const MALFORMED: readonly [what: string, bytes: string][] = [
    ['an unknown word', 'HELLO\r\n'],
    ['a bare line feed', 'OK 1\n'],
    ['a version that is no number', 'OK one\r\n'],
    ['a missing version', 'OK \r\n'],
    ['a value that is longer than announced', 'VALUE 1\r\n0|\r\n'],
    ['a line without end', 'E'.repeat(600)],
    ['more replies than requests', 'OK 1\r\nOK 2\r\n'],
  ];
  for (const [what, bytes] of MALFORMED)
    it(`refuses ${what}`, () => {
      const { scanner } = newScanner(new RequestSequence('set', { keys: 1, valueBytes: 2 }, 1), 1);
      expect(() => scanner.scan(Buffer.from(bytes))).to.throw(MalformedReplyError);
    });
});

describe('HttpReplyScanner', () => {
  const sequence = new RequestSequence('get', { keys: 1, valueBytes: 5_000 }, 1, 'etcd');
  const value = Buffer.alloc(5_000, '0|').toString('base64');
  const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n';

  for (const [what, reply] of [
    ['whole', `${HEAD}Content-Length: ${body(value).length}\r\n\r\n${body(value)}`],
    ['chunked', `${HEAD}Transfer-Encoding: chunked\r\n\r\n${chunked(body(value))}`],
  ] as const)
    it(`finds a ${what} reply wherever the stream is cut`, () => {
      fc.assert(
        fc.property(fc.nat(reply.length), (cut) => {
          const { scanner, wrong } = newScanner(sequence, 1);
          const counts = [reply.slice(0, cut), reply.slice(cut)].map((part) =>
            scanner.scan(Buffer.from(part)),
          );
          expect(counts[0]).to.equal(cut === reply.length ? 1 : 0);
          expect(counts[1]).to.equal(cut === reply.length ? 0 : 1);
          expect(wrong).to.deep.equal([]);
        }),
      );
    });

  it('reports another value, and refuses what has no length', () => {
    const { scanner, wrong } = newScanner(sequence, 1);
    scanner.scan(Buffer.from(`${HEAD}Transfer-Encoding: chunked\r\n\r\n${chunked(body('b3RoZXI='))}`));
    expect(wrong).to.deep.equal(['wrong value']);
    expect(() => newScanner(sequence, 1).scanner.scan(Buffer.from(`${HEAD}\r\n{}`))).to.throw(
      MalformedReplyError,
    );
  });

  function body(base64: string): string {
    return `{"kvs":[{"key":"a","value":"${base64}"}],"count":"1"}`;
  }

  function chunked(text: string): string {
    const parts = [text.slice(0, 2_048), text.slice(2_048)].filter((part) => part !== '');
    return `${parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('')}0\r\n\r\n`;
  }
});

describe('RequestSequence', () => {
  it('asks for every key once in a cycle, whatever the bursts', () => {
    const sequence = new RequestSequence('get', { keys: KEYS, valueBytes: 8 }, 7);
    let text = '';
    for (const count of [7, 7, 6]) text += sequence.bytes(sequence.take(count), count).toString();
    const requests = text.trimEnd().split('\r\n');
    expect(new Set(requests)).to.have.property('size', KEYS);
    expect(requests.every((request) => /^get bench:\d{8}$/.test(request))).to.equal(true);
  });

  it('goes on with the first key in the middle of a burst', () => {
    const sequence = new RequestSequence('get', { keys: 3, valueBytes: 8 }, 5);
    const text = sequence.bytes(sequence.take(5), 5).toString();
    const [first, second, , fourth, fifth] = text.split('\r\n');
    expect([fourth, fifth]).to.deep.equal([first, second]);
  });

  it('makes every tenth request of a mixed load a set', () => {
    const sequence = new RequestSequence('mixed', { keys: 100, valueBytes: 8 }, 100);
    const sets = Array.from({ length: 100 }, (_, position) => !sequence.expectsValue(position));
    expect(sets.filter((isSet) => isSet)).to.have.length(10);
  });

  it('writes the value that it later expects', () => {
    const sequence = new RequestSequence('set', { keys: 3, valueBytes: 9 }, 3);
    const [, value = ''] = sequence.bytes(0, 1).toString().split('\r\n');
    expect(sequence.matchesValue(0, 0, Buffer.from(value), 0, 9)).to.equal(true);
    expect(sequence.matchesValue(1, 0, Buffer.from(value), 0, 9)).to.equal(false);
  });
});

function newScanner(sequence: RequestSequence, count = KEYS): { scanner: Scanner; wrong: string[] } {
  const wrong: string[] = [];
  const scanner = sequence.dialect.newScanner(sequence, (what) => wrong.push(what));
  scanner.expect(0, count);
  return { scanner, wrong };
}

function rightReply(sequence: RequestSequence, position: number): Buffer {
  if (!sequence.expectsValue(position)) return Buffer.from(`OK ${position + 1}\r\n`);
  const key = /bench:0*(\d+)/.exec(sequence.bytes(position, 1).toString())?.[1] ?? '';
  const value = Buffer.alloc(sequence.valueBytes, `${key}|`);
  return Buffer.concat([Buffer.from(`VALUE ${value.byteLength}\r\n`), value, Buffer.from('\r\n')]);
}
