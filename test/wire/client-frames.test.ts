import { expect } from 'chai';
import fc from 'fast-check';
import { ByteWriter } from '../../src/bytes/byte-writer.js';
import { NOTHING_DROPPED, respCheckpoint, type StreamCheckpoint } from '../../src/protocol/checkpoint.js';
import {
  type ClientFrame,
  FrameError,
  readClientFrames,
  readServerFrames,
  type ServerFrame,
  writeClientFrame,
  writeServerFrame,
} from '../../src/wire/client-frames.js';
import { withBytes, withValues } from '../support/client-frames.js';

const assignment = fc.nat(0xffffffff);
const byteCount = fc.nat(0xffffffff);
const bytes = fc.uint8Array({ maxLength: 50 });
const address = fc.record({ host: fc.constantFrom('127.0.0.1', '::1', ''), port: fc.nat(65_535) });
const texts = fc.array(fc.constantFrom('', 'KILL', '\xff\n'), { maxLength: 3 });
const at = fc.oneof(
  fc.constant<StreamCheckpoint>({ place: 'command' }),
  fc.constant<StreamCheckpoint>({ place: 'bad line' }),
  fc
    .record({
      version: fc.constantFrom(2 as const, 3 as const),
      transaction: fc.constantFrom('none' as const, 'open' as const, 'broken' as const),
      hasWatched: fc.boolean(),
      name: fc.constantFrom('', 'worker-1'),
      libName: fc.constantFrom('', 'ioredis'),
      libVersion: fc.constantFrom('', '5.0.0'),
      replies: fc.constantFrom('on' as const, 'off' as const, 'skip' as const),
      dropped: fc.constantFrom(NOTHING_DROPPED, { bytes: 2 ** 29, args: 3 }),
    })
    .map((state): StreamCheckpoint => respCheckpoint(state)),
  fc
    .integer({ min: 1, max: 2 ** 52 })
    .map((count): StreamCheckpoint => ({ place: 'bad value', byteCount: count })),
);

const clientFrame: fc.Arbitrary<ClientFrame> = fc.oneof(
  fc.record({
    type: fc.constant('open' as const),
    assignment,
    connection: fc.nat(Number.MAX_SAFE_INTEGER),
    routed: fc.boolean(),
    from: address,
    reached: address,
    ageMs: fc.nat(),
    at,
  }),
  fc.record({
    type: fc.constant('open' as const),
    assignment,
    connection: fc.nat(),
    routed: fc.constant(true),
    from: address,
    reached: address,
    ageMs: fc.nat(),
    at,
    dedupeKey: fc.record({
      start: fc.constantFrom('0123456789abcdef', '\0\xff'.repeat(8)),
      row: fc.nat(0xffffffff),
      place: fc.nat(Number.MAX_SAFE_INTEGER),
      repeatedBytes: fc.nat(),
    }),
  }),
  fc.record({ type: fc.constant('data' as const), assignment, bytes }),
  fc.record({ type: fc.constant('drained' as const), assignment, byteCount }),
  fc.record({ type: fc.constant('end' as const), assignment }),
  fc.record({ type: fc.constant('close' as const), assignment }),
  fc.record({
    type: fc.constant('question' as const),
    question: assignment,
    connection: fc.nat(),
    args: texts,
  }),
  fc.record({ type: fc.constant('all-answers' as const), assignment, answers: texts }),
  fc.record({ type: fc.constant('lookup' as const), lookup: assignment, keys: texts }),
);

const serverFrame: fc.Arbitrary<ServerFrame> = fc.oneof(
  fc.record({
    type: fc.constant('reply' as const),
    assignment,
    answeredBytes: byteCount,
    at: fc.option(at, { nil: undefined }),
    bytes,
  }),
  fc.record({ type: fc.constant('part' as const), assignment, bytes }),
  fc.record({
    type: fc.constant('refuse' as const),
    assignment,
    proposedBytes: byteCount,
    ledTerm: fc.nat(Number.MAX_SAFE_INTEGER),
  }),
  fc.record({ type: fc.constant('close' as const), assignment }),
  fc.record({ type: fc.constant('ask-all' as const), assignment, connection: fc.nat(), args: texts }),
  fc.record({
    type: fc.constant('answer' as const),
    question: assignment,
    answer: fc.constantFrom('', 'id=1\n'),
  }),
  fc.record({
    type: fc.constant('found' as const),
    lookup: assignment,
    values: fc.array(fc.constantFrom('', 'v', '\xff\n', undefined), { maxLength: 3 }),
  }),
);

/** The frame with its bytes as a list, which compares by content whatever kind of view they are. */
const plain = (frame: ClientFrame | ServerFrame) =>
  'bytes' in frame ? { ...frame, bytes: [...frame.bytes] } : frame;

describe('frames of client traffic', () => {
  it('are read as they were written, in order', () => {
    fc.assert(
      fc.property(fc.array(clientFrame), fc.array(serverFrame), (toServer, toGateway) => {
        const batch = new ByteWriter();
        for (const frame of toServer) writeClientFrame(batch, frame);
        expect(Array.from(readClientFrames(batch.take()), withBytes).map(plain)).to.deep.equal(
          toServer.map(plain),
        );
        for (const frame of toGateway) writeServerFrame(batch, frame);
        expect(Array.from(readServerFrames(batch.take()), withValues).map(plain)).to.deep.equal(
          toGateway.map(plain),
        );
      }),
    );
  });

  it('of an unknown type are refused', () => {
    const batch = Uint8Array.of(99, 0, 0, 0, 0);
    expect(() => [...readClientFrames(batch)]).to.throw(FrameError);
    expect(() => [...readServerFrames(batch)]).to.throw(FrameError);
  });
});
