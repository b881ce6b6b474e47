import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { expect } from 'chai';
import { GrpcTransport } from '../../src/etcd/node/grpc-transport.js';
import { KV } from '../../src/etcd/rpc/messages.js';
import { MAX_ANSWER_BYTES } from '../../src/etcd-limits.js';

const LONG_MS = 20_000;
const SHORT_MS = 50;
const EMPTY = Buffer.from([0, 0, 0, 0, 0]);
const HEADERS = { ':status': 200, 'content-type': 'application/grpc' };

type Answer = (stream: ServerHttp2Stream) => void;

/** Answers with these bytes and trailers. */
const whole =
  (bytes: Buffer, trailers: Record<string, string>): Answer =>
  (stream) => {
    stream.respond(HEADERS, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    stream.end(bytes);
  };

describe('a call by gRPC', () => {
  let server: Http2Server;
  let transport: GrpcTransport;
  let answer: Answer;

  before((done) => {
    server = createServer();
    server.on('stream', (stream) => {
      stream.on('error', () => undefined);
      stream.resume();
      answer(stream);
    });
    server.listen(0, '127.0.0.1', done);
  });

  beforeEach(() => {
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    transport = new GrpcTransport({ endpoints: [`http://127.0.0.1:${port}`] });
  });

  afterEach(() => transport.close());

  after((done) => {
    server.close(done);
  });

  function put(timeoutMs = LONG_MS): Promise<unknown> {
    const request = { key: Buffer.from('k'), value: Buffer.from('v') };
    return transport.call(KV.put, request, timeoutMs).catch((error: unknown) => error);
  }

  it('resolves to the message, also if it comes in pieces', async () => {
    answer = whole(EMPTY, { 'grpc-status': '0' });
    expect(await put()).property('$typeName', 'etcdserverpb.PutResponse');
    answer = (stream) => {
      stream.respond(HEADERS, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.write(EMPTY.subarray(0, 2));
      setImmediate(() => stream.end(EMPTY.subarray(2)));
    };
    expect(await put()).property('$typeName', 'etcdserverpb.PutResponse');
  });

  it('is refused as the status says, in trailers or in headers alone', async () => {
    const refusal = { 'grpc-status': '8', 'grpc-message': 'etcdserver: mvcc: database space %65xceeded' };
    answer = whole(Buffer.of(), refusal);
    expect(await put()).property('isNoSpace', true);
    answer = (stream) => stream.respond({ ...HEADERS, ...refusal }, { endStream: true });
    expect(await put()).include({ code: 'ETCD_REFUSED', isNoSpace: true });
  });

  it('is not answered if the status is missing, of HTTP, or of a kind that nobody knows', async () => {
    const answers: Answer[] = [
      whole(EMPTY, {}),
      whole(EMPTY, { 'grpc-status': '99' }),
      (stream) => stream.respond({ ':status': 503 }, { endStream: true }),
      (stream) => stream.close(2),
      // It has no message, or more than one, or one that is compressed.
      whole(Buffer.of(), { 'grpc-status': '0' }),
      whole(Buffer.concat([EMPTY, EMPTY]), { 'grpc-status': '0' }),
      whole(Buffer.from([1, 0, 0, 0, 0]), { 'grpc-status': '0' }),
    ];
    for (const [place, one] of answers.entries()) {
      answer = one;
      expect(await put(), `${place}`).property('code', 'ETCD_NO_ANSWER');
    }
  });

  it('is not answered if that takes too long', async () => {
    answer = () => undefined;
    expect(await put(SHORT_MS)).property('code', 'ETCD_NO_ANSWER');
  });

  it('is given up if the answer is too long', async () => {
    answer = whole(Buffer.alloc(MAX_ANSWER_BYTES + 100), { 'grpc-status': '0' });
    expect(await put()).property('code', 'ETCD_LONG_ANSWER');
  });
});
