/** Counts and checks the replies of etcd's gateway: JSON over HTTP, cut anywhere. */

import { MalformedReplyError, type Scanner } from './reply-scanner.js';
import type { RequestSequence } from './request-sequence.js';

const HEAD_END = Buffer.from('\r\n\r\n');
const MAX_HEAD_BYTES = 8 * 1024;

export class HttpReplyScanner implements Scanner {
  readonly #sequence: RequestSequence;
  readonly #onWrongReply: (what: string) => void;
  #position = 0;
  #expected = 0;
  /** The start of a reply that is not complete yet. */
  #rest: Buffer = Buffer.alloc(0);

  constructor(sequence: RequestSequence, onWrongReply: (what: string) => void) {
    this.#sequence = sequence;
    this.#onWrongReply = onWrongReply;
  }

  expect(position: number, count: number): void {
    this.#position = position;
    this.#expected = count;
  }

  scan(bytes: Buffer): number {
    let rest = this.#rest.byteLength === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let count = 0;
    for (let end = this.#takeReply(rest); end > 0; end = this.#takeReply(rest)) {
      rest = rest.subarray(end);
      count += 1;
    }
    this.#rest = Buffer.from(rest);
    return count;
  }

  /** The length of the reply at the beginning; 0 when it is not complete. */
  #takeReply(bytes: Buffer): number {
    if (bytes.byteLength === 0) return 0;
    const headEnd = bytes.indexOf(HEAD_END);
    if (headEnd === -1 && bytes.byteLength < MAX_HEAD_BYTES) return 0;
    const head = bytes.toString('latin1', 0, headEnd === -1 ? MAX_HEAD_BYTES : headEnd);
    const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
    const status = /^HTTP\/1\.1 (\d+)/.exec(head)?.[1];
    if (this.#expected === 0 || length === undefined || status === undefined)
      throw new MalformedReplyError(head);
    const bodyStart = headEnd + HEAD_END.byteLength;
    const end = bodyStart + Number(length);
    if (bytes.byteLength < end) return 0;
    if (status !== '200') this.#onWrongReply(`status ${status}`);
    else if (!this.#isRight(bytes.toString('latin1', bodyStart, end))) this.#onWrongReply('wrong value');
    this.#position += 1;
    this.#expected -= 1;
    return end;
  }

  #isRight(body: string): boolean {
    if (!this.#sequence.expectsValue(this.#position)) return !body.includes('"kvs"');
    const value = /"value":"([^"]*)"/.exec(body)?.[1] ?? '';
    const bytes = Buffer.from(value, 'base64');
    const isWhole = bytes.byteLength === this.#sequence.valueBytes;
    return isWhole && this.#sequence.matchesValue(this.#position, 0, bytes, 0, bytes.byteLength);
  }
}
