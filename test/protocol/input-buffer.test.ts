import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { type ByteSpan, spanOf } from '../../src/bytes/byte-reader.js';
import { MAPPED_PAGE_BYTES } from '../../src/bytes/mapped-memory.js';
import { InputBuffer } from '../../src/protocol/input-buffer.js';
import { RespParser } from '../../src/protocol/resp/resp-parser.js';
import { TextParser } from '../../src/protocol/text/text-parser.js';

const BATCH_BYTES = 256 * 1024;

/** One client's bytes in the midst of a batch of many clients'. */
function packet(text: string): ByteSpan {
  const batch = new ArrayBuffer(BATCH_BYTES);
  const start = BATCH_BYTES / 2;
  Buffer.from(batch).write(text, start, 'latin1');
  return { ...spanOf(new Uint8Array(batch)), start, length: text.length };
}

function unreadOf({ bytes, start, end }: InputBuffer): string {
  return bytes.toString('latin1', start, end);
}

describe('the unread bytes of a stream', () => {
  it('hold no memory once there are none', () => {
    const input = new InputBuffer();
    input.push(packet('abc'));
    input.start += 3;
    input.settle();
    expect(input.bytes.buffer.byteLength).to.equal(0);
    input.push(packet('def'));
    expect(unreadOf(input)).to.equal('def');
  });

  it('hold no memory of others when there are few', () => {
    const input = new InputBuffer();
    input.push(packet('abc'));
    input.start += 1;
    input.settle();
    expect(input.bytes.buffer.byteLength).to.be.below(100);
    input.push(packet('def'));
    expect(unreadOf(input)).to.equal('bcdef');
  });

  it('stay where they are when there are many', () => {
    const input = new InputBuffer();
    input.push(packet('x'.repeat(BATCH_BYTES / 2)));
    const { buffer } = input.bytes;
    input.settle();
    expect(input.bytes.buffer).to.equal(buffer);
  });

  it('lie in memory that the operating system gets back, when many wait for their turn', () => {
    const waiting = new InputBuffer();
    waiting.push(packet('x'.repeat(50_000)));
    waiting.wait();
    waiting.push(packet('y'.repeat(50_000)));
    expect(waiting.bytes.byteLength % MAPPED_PAGE_BYTES, 'pages').to.equal(0);
    expect(unreadOf(waiting)).to.equal('x'.repeat(50_000) + 'y'.repeat(50_000));
    waiting.start = waiting.end;
    waiting.push(packet('z'.repeat(50_000)));
    waiting.push(packet('z'.repeat(50_000)));
    expect(waiting.bytes.byteLength % MAPPED_PAGE_BYTES, 'those that do not wait').to.be.above(0);
  });

  it('give back what a backlog took', () => {
    const input = new InputBuffer();
    for (let batch = 0; batch < 4; batch += 1) input.push(packet('x'.repeat(BATCH_BYTES / 2)));
    input.start = input.end - 2;
    input.settle();
    expect(input.bytes.buffer.byteLength).to.be.below(100);
    expect(unreadOf(input)).to.equal('xx');
  });

  for (const [what, parser, text] of [
    ['a text client', new TextParser(), 'get a\r\n'],
    ['a text client in mid-command', new TextParser(), 'set a 0 5\r\nab'],
    ['a Redis client', new RespParser(), '*1\r\n$4\r\nPING\r\n'],
    ['a Redis client in mid-command', new RespParser(), '*2\r\n$3\r\nGET\r\n$5\r\nab'],
  ] as const) {
    it(`let ${what} that says nothing more keep no batch alive`, async () => {
      const batch = new WeakRef(pushPacket(parser, text));
      await collectGarbage();
      expect(batch.deref()).to.equal(undefined);
    });
  }
});

/** Returns the memory that the packet was in. */
function pushPacket(parser: TextParser | RespParser, text: string): ArrayBufferLike {
  const bytes = packet(text);
  parser.push(bytes);
  while (parser.next() !== undefined);
  return bytes.memory.bytes.buffer;
}

async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  // What a WeakRef was made of lives until the end of the job.
  await new Promise((resolve) => setImmediate(resolve));
  if (typeof collect === 'function') collect();
}
