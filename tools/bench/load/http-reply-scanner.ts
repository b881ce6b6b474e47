/** Counts and checks the replies of etcd's gateway: JSON over HTTP, cut anywhere. */

import { MalformedReplyError, type Scanner, type SentRequests } from './reply-scanner.js';

const LINE_BREAK = Buffer.from('\r\n');
const HEAD_END = Buffer.from('\r\n\r\n');
const MAX_HEAD_BYTES = 8 * 1024;

export class HttpReplyScanner implements Scanner {
  readonly #requests: SentRequests;
  readonly #onWrongReply: (what: string) => void;
  #position = 0;
  #expected = 0;
  /** The start of a reply that is not complete yet. */
  #rest: Buffer = Buffer.alloc(0);

  constructor(requests: SentRequests, onWrongReply: (what: string) => void) {
    this.#requests = requests;
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
    const status = /^HTTP\/1\.1 (\d+)/.exec(head)?.[1];
    if (headEnd === -1 || this.#expected === 0 || status === undefined) throw new MalformedReplyError(head);
    const body = readBody(head, bytes, headEnd + HEAD_END.byteLength);
    if (body === undefined) return 0;
    if (status !== '200') this.#onWrongReply(`status ${status}`);
    else if (!this.#isRight(body.text)) this.#onWrongReply('wrong value');
    this.#position += 1;
    this.#expected -= 1;
    return body.end;
  }

  #isRight(body: string): boolean {
    if (!this.#requests.expectsValue(this.#position)) return !body.includes('"kvs"');
    const value = /"value":"([^"]*)"/.exec(body)?.[1] ?? '';
    const bytes = Buffer.from(value, 'base64');
    const isWhole = bytes.byteLength === this.#requests.valueBytes;
    return isWhole && this.#requests.matchesValue(this.#position, 0, bytes, 0, bytes.byteLength);
  }
}

interface Body {
  readonly text: string;
  /** Where the next reply begins. */
  readonly end: number;
}

/** What comes after a head; undefined while it is incomplete. A long one comes in chunks. */
function readBody(head: string, bytes: Buffer, start: number): Body | undefined {
  if (/\r\ntransfer-encoding: chunked/i.test(head)) return readChunks(bytes, start);
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (length === undefined) throw new MalformedReplyError(head);
  const end = start + Number(length);
  return bytes.byteLength < end ? undefined : { text: bytes.toString('latin1', start, end), end };
}

/** Each chunk begins with its length, and the last one is empty. */
function readChunks(bytes: Buffer, start: number): Body | undefined {
  let text = '';
  let at = start;
  while (true) {
    const lineEnd = bytes.indexOf(LINE_BREAK, at);
    if (lineEnd === -1) return undefined;
    const line = bytes.toString('latin1', at, lineEnd);
    if (!/^[\da-f]{1,8}$/i.test(line)) throw new MalformedReplyError(line);
    const chunkStart = lineEnd + LINE_BREAK.byteLength;
    const chunkEnd = chunkStart + Number.parseInt(line, 16);
    at = chunkEnd + LINE_BREAK.byteLength;
    if (bytes.byteLength < at) return undefined;
    if (chunkEnd === chunkStart) return { text, end: at };
    text += bytes.toString('latin1', chunkStart, chunkEnd);
  }
}
