import { expect } from 'chai';
import { BadReplyError, ReplyReader } from '../../src/client/reply-reader.js';
import { MAX_VALUE_BYTES } from '../../src/limits.js';
import { bytesAllocatedDuring } from '../support/allocations.js';

/** The lines and values that come of a stream in pieces. */
function read(bytes: Uint8Array, pieceBytes: number, reader = new ReplyReader()): string[] {
  const read: string[] = [];
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) {
    reader.push(bytes.subarray(at, at + pieceBytes));
    for (let reply = reader.next(); reply !== undefined; reply = reader.next())
      read.push(reply.line + (reply.value === undefined ? '' : ` ${reply.value.byteLength}`));
  }
  return read;
}

describe('the reader of replies', () => {
  for (const pieceBytes of [65_536, 1000, 16])
    it(`copies each byte of a large value a few times at most, in pieces of ${pieceBytes}`, () => {
      const bytes = Buffer.from(`VALUE ${MAX_VALUE_BYTES}\r\n${'v'.repeat(MAX_VALUE_BYTES)}\r\nOK 1\r\n`);
      let replies: string[] = [];
      const allocated = bytesAllocatedDuring(() => {
        replies = read(bytes, pieceBytes);
      });
      expect(replies).to.deep.equal([`VALUE ${MAX_VALUE_BYTES} ${MAX_VALUE_BYTES}`, 'OK 1']);
      expect(allocated).to.be.below(6 * MAX_VALUE_BYTES);
    });

  it('copies nothing of many replies that come at once, and looks for the end of a line once', () => {
    const count = 50_000;
    const bytes = Buffer.from('OK 1\r\nVALUE 5\r\nhello\r\n'.repeat(count));
    let replies = 0;
    expect(
      bytesAllocatedDuring(() => {
        replies = read(bytes, bytes.byteLength).length;
      }),
    ).to.equal(0);
    expect(replies).to.equal(2 * count);
    // Byte for byte: to begin anew with each would take hours.
    const line = `DELETED 1 ${'%FF'.repeat(300_000)}`;
    expect(read(Buffer.from(`${line}\r\n`), 1, new ReplyReader(2 ** 20))).to.deep.equal([line]);
  });

  it('keeps nothing of memory that the next bytes are read into', () => {
    const bytes = Buffer.from(`VALUE 100\r\n${'value '.repeat(20).slice(0, 100)}\r\nOK 12345678\r\n`);
    const memory = Buffer.allocUnsafeSlow(16);
    const reader = new ReplyReader();
    const replies: string[] = [];
    for (let at = 0; at < bytes.byteLength; at += memory.byteLength) {
      reader.push(memory.subarray(0, bytes.copy(memory, 0, at)));
      for (let reply = reader.next(); reply !== undefined; reply = reader.next())
        replies.push(reply.line, ...(reply.value === undefined ? [] : [reply.value.toString()]));
    }
    expect(replies).to.deep.equal(['VALUE 100', 'value '.repeat(20).slice(0, 100), 'OK 12345678']);
  });

  it('refuses a line that is too long before it has come to an end', () => {
    const reader = new ReplyReader(100);
    expect(read(Buffer.from(`${'x'.repeat(99)}\r\n`), 7, reader)).to.have.length(1);
    expect(() => read(Buffer.from('x'.repeat(101)), 7, reader)).to.throw(BadReplyError);
  });
});
