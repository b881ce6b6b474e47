/**
 * A call by gRPC of one message and one answer, by a stream of HTTP/2: what the library's own calls do in a quarter of the time,
 * which is what a small transaction takes otherwise.
 */

import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { constants } from 'node:http2';
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Http2SessionManager } from '@connectrpc/connect-node';
import { MAX_ANSWER_BYTES } from '../../etcd-limits.js';
import { EtcdLongAnswerError } from '../etcd-errors.js';

/** Before each message: whether it is compressed, and its length. */
const HEAD_BYTES = 5;
const HTTP_OK = 200;

export interface UnaryCallOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/**
 * Resolves to the answer. Rejects with EtcdLongAnswerError, with a ConnectError whose metadata has `grpc-status` if the other
 * side has refused it, and with anything else if it was not answered.
 */
export async function callUnary<I extends DescMessage, O extends DescMessage>(
  connection: Http2SessionManager,
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
  { headers, timeoutMs }: UnaryCallOptions,
): Promise<MessageShape<O>> {
  const message = toBinary(method.input, create(method.input, request));
  const stream = await connection.request(
    'POST',
    `/${method.parent.typeName}/${method.name}`,
    {
      ...headers,
      'content-type': 'application/grpc+proto',
      te: 'trailers',
      'grpc-timeout': `${timeoutMs}m`,
    },
    {},
  );
  const answer = answerOf(stream, timeoutMs, () => connection.notifyResponseByteRead(stream));
  const framed = Buffer.allocUnsafe(HEAD_BYTES + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, HEAD_BYTES);
  stream.end(framed);
  return fromBinary(method.output, await answer, { readUnknownFields: false });
}

/** Resolves to the answer's message. */
function answerOf(stream: ClientHttp2Stream, timeoutMs: number, onData: () => void): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let byteLength = 0;
    let told: IncomingHttpHeaders = {};
    const timer = setTimeout(() => fail(new Error('it has not answered in time')), timeoutMs);
    function fail(error: Error): void {
      reject(error);
      stream.close(constants.NGHTTP2_CANCEL);
    }
    stream.on('response', (headers) => {
      told = headers;
      if (headers[':status'] !== HTTP_OK)
        fail(new Error(`it answers with HTTP status ${headers[':status']}`));
    });
    stream.on('trailers', (trailers) => {
      told = { ...told, ...trailers };
    });
    stream.on('data', (chunk: Buffer) => {
      onData();
      chunks.push(chunk);
      byteLength += chunk.length;
      if (byteLength > HEAD_BYTES + MAX_ANSWER_BYTES) fail(new EtcdLongAnswerError(MAX_ANSWER_BYTES));
    });
    stream.on('error', reject);
    // After all of the others; what was settled before stays so.
    stream.on('close', () => {
      clearTimeout(timer);
      try {
        resolve(messageOf(told, chunks.length === 1 ? (chunks[0] ?? Buffer.of()) : Buffer.concat(chunks)));
      } catch (error) {
        reject(error);
      }
    });
  });
}

/** Throws if the answer is an error, or not whole. */
function messageOf(headers: IncomingHttpHeaders, framed: Buffer): Uint8Array {
  const status = headers['grpc-status'];
  if (typeof status !== 'string') throw new Error('it has ended the stream without an answer');
  if (status !== '0') {
    const told = headers['grpc-message'];
    throw new ConnectError(typeof told === 'string' ? decoded(told) : '', codeOf(status), {
      'grpc-status': status,
    });
  }
  const isWhole = framed.length >= HEAD_BYTES && framed[0] === 0;
  if (!isWhole || framed.readUInt32BE(1) !== framed.length - HEAD_BYTES)
    throw new Error('its answer is not one whole message');
  return framed.subarray(HEAD_BYTES);
}

/** Names of codes are for statuses that gRPC has. */
function codeOf(status: string): Code {
  const number = Number(status);
  return Code[number] === undefined ? Code.Unknown : number;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
