/** How requests and replies look in each protocol. */

import { HttpReplyScanner } from './http-reply-scanner.js';
import { type ReplyGrammar, ReplyScanner, type Scanner, type SentRequests } from './reply-scanner.js';

export const PROTOCOLS = ['text', 'resp', 'etcd'] as const;

/** The text protocol, that of Redis, or etcd's gateway: JSON over HTTP. */
export type Protocol = (typeof PROTOCOLS)[number];

export interface Dialect {
  get(key: string): Buffer;
  set(key: string, value: Buffer): Buffer;
  /** @param onWrongReply is called with what came instead of the reply that the request asks for */
  newScanner(requests: SentRequests, onWrongReply: (what: string) => void): Scanner;
}

const TEXT_REPLIES: ReplyGrammar = {
  stored: Buffer.from('OK '),
  storedTellsVersion: true,
  value: Buffer.from('VALUE '),
  missing: undefined,
  error: Buffer.from('ERR_'),
};

const RESP_REPLIES: ReplyGrammar = {
  stored: Buffer.from('+OK'),
  storedTellsVersion: false,
  value: Buffer.from('$'),
  missing: Buffer.from('$-1'),
  error: Buffer.from('-'),
};

const TEXT: Dialect = {
  get: (key) => Buffer.from(`get ${key}\r\n`),
  set: (key, value) =>
    Buffer.concat([Buffer.from(`set ${key} 0 ${value.byteLength}\r\n`), value, Buffer.from('\r\n')]),
  newScanner: (requests, onWrongReply) => new ReplyScanner(requests, TEXT_REPLIES, onWrongReply),
};

const RESP: Dialect = {
  get: (key) => Buffer.from(`*2\r\n$3\r\nGET\r\n$${key.length}\r\n${key}\r\n`),
  set: (key, value) =>
    Buffer.concat([
      Buffer.from(`*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${value.byteLength}\r\n`),
      value,
      Buffer.from('\r\n'),
    ]),
  newScanner: (requests, onWrongReply) => new ReplyScanner(requests, RESP_REPLIES, onWrongReply),
};

const ETCD: Dialect = {
  get: (key) => post('range', { key: base64(key) }),
  set: (key, value) => post('put', { key: base64(key), value: value.toString('base64') }),
  newScanner: (requests, onWrongReply) => new HttpReplyScanner(requests, onWrongReply),
};

export const DIALECTS: Readonly<Record<Protocol, Dialect>> = { text: TEXT, resp: RESP, etcd: ETCD };

function post(call: string, body: object): Buffer {
  const text = JSON.stringify(body);
  return Buffer.from(
    `POST /v3/kv/${call} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
  );
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
