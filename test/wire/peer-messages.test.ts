import { expect } from 'chai';
import fc from 'fast-check';
import { TruncatedBytesError } from '../../src/bytes/byte-reader.js';
import type { Message } from '../../src/raft/types.js';
import { decodeMessages, encodeMessages, WireError } from '../../src/wire/peer-messages.js';

const server = fc.nat({ max: 2 ** 32 - 2 });
const index = fc.maxSafeNat();
const term = fc.maxSafeNat();
const time = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true });
const data = fc.uint8Array({ maxLength: 50 });
const position = fc.record({ index, term });
const echo = fc.record({ round: fc.maxSafeNat(), sentAtMs: time });
const members = fc.array(fc.record({ id: fc.nat(2 ** 32 - 2), slot: fc.nat(2 ** 32 - 1) }), { maxLength: 9 });
const configuration = fc.record({
  voters: members,
  outgoing: members,
  learners: members,
  nextId: fc.nat(2 ** 32 - 1),
});
const entry = fc.oneof(
  fc.record({ index, term, payload: data }),
  fc.record({ index, term, payload: fc.constant(new Uint8Array(0)), configuration }),
);
const envelope = { from: server, to: server, term };

const ARBITRARIES: { [Type in Message['type']]: fc.Arbitrary<Extract<Message, { type: Type }>> } = {
  PreVote: fc.record({
    type: fc.constant('PreVote'),
    ...envelope,
    lastLogIndex: index,
    lastLogTerm: term,
  }),
  PreVoteResponse: fc.record({
    type: fc.constant('PreVoteResponse'),
    ...envelope,
    voteGranted: fc.boolean(),
  }),
  RequestVote: fc.record({
    type: fc.constant('RequestVote'),
    ...envelope,
    lastLogIndex: index,
    lastLogTerm: term,
    leaseIsOver: fc.boolean(),
  }),
  RequestVoteResponse: fc.record({
    type: fc.constant('RequestVoteResponse'),
    ...envelope,
    voteGranted: fc.boolean(),
  }),
  AppendEntries: fc.record({
    type: fc.constant('AppendEntries'),
    ...envelope,
    prevLogIndex: index,
    prevLogTerm: term,
    entries: fc.array(entry, { maxLength: 5 }),
    leaderCommit: index,
    echo,
  }),
  AppendEntriesResponse: fc.record({
    type: fc.constant('AppendEntriesResponse'),
    ...envelope,
    echo,
    result: fc.oneof(
      fc.record({ outcome: fc.constant('accepted' as const), matchIndex: index }),
      fc.record({ outcome: fc.constant('rejected' as const), rejectedIndex: index, hint: position }),
      fc.record({ outcome: fc.constant('stale' as const) }),
    ),
  }),
  InstallSnapshot: fc.record({
    type: fc.constant('InstallSnapshot'),
    ...envelope,
    snapshot: fc.oneof(
      fc.record({ index, term, byteLength: fc.maxSafeNat() }),
      fc.record({ index, term, byteLength: fc.maxSafeNat(), configuration }),
    ),
    offset: fc.maxSafeNat(),
    data,
    echo,
  }),
  InstallSnapshotResponse: fc.record({
    type: fc.constant('InstallSnapshotResponse'),
    ...envelope,
    snapshot: position,
    receivedBytes: fc.maxSafeNat(),
    isInstalled: fc.boolean(),
    echo,
  }),
  TimeoutNow: fc.record({ type: fc.constant('TimeoutNow'), ...envelope }),
  ReadIndex: fc.record({ type: fc.constant('ReadIndex'), ...envelope, request: fc.maxSafeNat() }),
  ReadIndexResponse: fc.record({
    type: fc.constant('ReadIndexResponse'),
    ...envelope,
    request: fc.maxSafeNat(),
    index,
  }),
};

const anyMessage: fc.Arbitrary<Message> = fc.oneof(...Object.values(ARBITRARIES));

/** Views and arrays of their own compare by their bytes. */
function expectSame(actual: readonly Message[], expected: readonly Message[]): void {
  expect(actual.map(withPlainBytes)).to.deep.equal(expected.map(withPlainBytes));
}

function withPlainBytes(message: Message): Message {
  switch (message.type) {
    case 'AppendEntries':
      return {
        ...message,
        entries: message.entries.map((each) => ({ ...each, payload: Uint8Array.from(each.payload) })),
      };
    case 'InstallSnapshot':
      return { ...message, data: Uint8Array.from(message.data) };
    default:
      return message;
  }
}

describe('messages between servers', () => {
  for (const [type, arbitrary] of Object.entries<fc.Arbitrary<Message>>(ARBITRARIES)) {
    it(`of type ${type} arrive as they were sent`, () => {
      fc.assert(
        fc.property(arbitrary, (message) => expectSame(decodeMessages(encodeMessages([message])), [message])),
        { seed: 1 },
      );
    });
  }

  it('of all types arrive in their order', () => {
    fc.assert(
      fc.property(fc.array(anyMessage), (messages) =>
        expectSame(decodeMessages(encodeMessages(messages)), messages),
      ),
      { seed: 1 },
    );
  });

  it('are encoded into memory of their own, which can be transferred', () => {
    const bytes = encodeMessages([{ type: 'TimeoutNow', from: 0, to: 1, term: 2 }]);
    expect(bytes.byteOffset).to.equal(0);
    expect(bytes.buffer.byteLength).to.equal(bytes.byteLength);
  });

  it('bring their payloads as views of the buffer that came', () => {
    const echo = { round: 1, sentAtMs: 0 };
    const snapshot = { index: 1, term: 1, byteLength: 3 };
    const data = Uint8Array.of(1, 2, 3);
    const bytes = encodeMessages([
      { type: 'InstallSnapshot', from: 0, to: 1, term: 2, snapshot, offset: 0, data, echo },
    ]);
    const [message] = decodeMessages(bytes);
    expect(message?.type === 'InstallSnapshot' && message.data.buffer).to.equal(bytes.buffer);
  });

  it('that were cut short are refused, or end between two of them', () => {
    fc.assert(
      fc.property(fc.array(anyMessage, { minLength: 1, maxLength: 3 }), fc.nat(), (messages, cut) => {
        const bytes = encodeMessages(messages);
        const ends = messages.map((_, count) => encodeMessages(messages.slice(0, count)).byteLength);
        const byteCount = cut % bytes.byteLength;
        const place = ends.indexOf(byteCount);
        const decode = () => decodeMessages(bytes.subarray(0, byteCount));
        if (place === -1) expect(decode).to.throw(TruncatedBytesError);
        else expectSame(decode(), messages.slice(0, place));
      }),
      { seed: 1 },
    );
  });

  it('of no known type are refused', () => {
    const bytes = encodeMessages([{ type: 'TimeoutNow', from: 0, to: 1, term: 2 }]);
    bytes[0] = 200;
    expect(() => decodeMessages(bytes)).to.throw(WireError, 'there is no message type 200');
  });

  it('with an unknown outcome are refused', () => {
    const result = { outcome: 'stale' } as const;
    const echo = { round: 1, sentAtMs: 0 };
    const bytes = encodeMessages([{ type: 'AppendEntriesResponse', from: 0, to: 1, term: 2, echo, result }]);
    bytes[bytes.byteLength - 1] = 7;
    expect(() => decodeMessages(bytes)).to.throw(WireError, 'there is no outcome 7');
  });

  it('that are garbage are refused with one of the two errors, or read to their end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat({ max: 9 }), (garbage, type) => {
        try {
          decodeMessages(Uint8Array.of(type, ...garbage));
        } catch (error) {
          expect(error).to.satisfy(
            (e: unknown) => e instanceof WireError || e instanceof TruncatedBytesError,
          );
        }
      }),
      { seed: 1 },
    );
  });
});
