import { expect } from 'chai';
import type { Sender, Withdraw } from '../../../src/channel/channel.js';
import { MAX_TRAFFIC_BATCH_BYTES } from '../../../src/limits.js';
import { AT_COMMAND_START, respCheckpoint } from '../../../src/protocol/checkpoint.js';
import type { Reply } from '../../../src/protocol/reply.js';
import { ClientConnection, TotalUnread } from '../../../src/server/clients/client-connection.js';
import { ReplyFrames } from '../../../src/server/clients/reply-frames.js';
import { readServerFrames } from '../../../src/wire/client-frames.js';
import { opening } from '../../support/client-frames.js';

/** Takes as many batches as it has room for. */
class FakeSender implements Sender<Uint8Array> {
  readonly batches: Uint8Array[] = [];
  closed = false;
  #room: number;
  #callback: (() => void) | undefined;

  constructor(room = Number.POSITIVE_INFINITY) {
    this.#room = room;
  }

  /** What was sent, batch by batch, with the bytes of replies as text. */
  get frames(): unknown[][] {
    return this.batches.map((batch) =>
      [...readServerFrames(batch)].map((frame) =>
        frame.type === 'reply' ? { ...frame, bytes: Buffer.from(frame.bytes).toString('latin1') } : frame,
      ),
    );
  }

  trySend(batch: Uint8Array): boolean {
    if (this.#room === 0) return false;
    this.#room -= 1;
    this.batches.push(batch);
    return true;
  }

  whenRoom(callback: () => void): void {
    this.#callback = callback;
  }

  /** Makes room, and tells whoever waits for it. */
  makeRoom(batchCount: number): void {
    this.#room += batchCount;
    const callback = this.#callback;
    this.#callback = undefined;
    callback?.();
  }

  send(): Promise<void> {
    throw new Error('replies are never waited for');
  }

  offer(): Withdraw {
    throw new Error('replies are never offered');
  }

  close(): void {
    this.closed = true;
  }
}

const DELETED: Reply = { type: 'deleted' };
const NOT_FOUND: Reply = { type: 'not-found' };
/** A reply that fills a batch by itself. */
const LARGE: Reply = { type: 'value', value: 'v'.repeat(MAX_TRAFFIC_BATCH_BYTES) };

function client(id: number): ClientConnection {
  return new ClientConnection(id, opening(id, { routed: true }), new TotalUnread(), 0);
}

/** Replies that are flushed again whenever there is room. */
function repliesTo(sender: FakeSender): ReplyFrames {
  const replies: ReplyFrames = new ReplyFrames(sender, () => replies.flush());
  return replies;
}

function frame(id: number, answeredBytes: number, bytes: string, at?: unknown): unknown {
  return { type: 'reply', assignment: id, answeredBytes, at, bytes };
}

describe('ReplyFrames', () => {
  it('sends nothing before it is flushed, and nothing when there is nothing', () => {
    const sender = new FakeSender();
    const replies = repliesTo(sender);
    replies.flush();
    replies.answer(client(1), DELETED, 10, AT_COMMAND_START);
    expect(sender.batches).to.deep.equal([]);
    replies.flush();
    expect(sender.frames).to.deep.equal([[frame(1, 10, 'DELETED\r\n')]]);
  });

  it('merges what one client gets in a row into one frame, with the last place in its stream', () => {
    const sender = new FakeSender();
    const replies = repliesTo(sender);
    const one = client(1);
    replies.answer(one, DELETED, 10, AT_COMMAND_START);
    replies.answer(one, undefined, 30, AT_COMMAND_START);
    replies.answer(one, NOT_FOUND, 45, { place: 'bad line' });
    replies.flush();
    expect(sender.frames).to.deep.equal([
      [frame(1, 45, 'DELETED\r\nERR_NOT_FOUND\r\n', { place: 'bad line' })],
    ]);
  });

  it('begins another frame for another client, and counts each client’s bytes from its last frame', () => {
    const sender = new FakeSender();
    const replies = repliesTo(sender);
    const [one, two] = [client(1), client(2)];
    replies.answer(one, DELETED, 10, AT_COMMAND_START);
    replies.answer(two, DELETED, 7, AT_COMMAND_START);
    replies.answer(one, NOT_FOUND, 25, AT_COMMAND_START);
    replies.flush();
    expect(sender.frames).to.deep.equal([
      [frame(1, 10, 'DELETED\r\n'), frame(2, 7, 'DELETED\r\n'), frame(1, 15, 'ERR_NOT_FOUND\r\n')],
    ]);
  });

  it('says where the stream stands only when that has changed', () => {
    const sender = new FakeSender();
    const replies = repliesTo(sender);
    const [one, two] = [client(1), client(2)];
    const named = respCheckpoint({ name: 'worker' });
    for (const [offset, at] of [
      [1, named],
      [2, named],
      [3, AT_COMMAND_START],
    ] as const) {
      replies.answer(one, DELETED, offset, at);
      replies.answer(two, DELETED, offset, AT_COMMAND_START);
    }
    replies.flush();
    const told = sender.frames.flat().map((each) => Object(each).at);
    expect(told).to.deep.equal([named, undefined, undefined, undefined, AT_COMMAND_START, undefined]);
  });

  it('tells of answered bytes also when the client is told nothing', () => {
    const sender = new FakeSender();
    const replies = repliesTo(sender);
    replies.answer(client(1), undefined, 10, { place: 'bad value', byteCount: 99 });
    replies.flush();
    expect(sender.frames).to.deep.equal([[frame(1, 10, '', { place: 'bad value', byteCount: 99 })]]);
  });

  it('keeps the client’s accounts', () => {
    const replies = repliesTo(new FakeSender());
    const one = client(1);
    replies.answer(one, DELETED, 10, AT_COMMAND_START);
    replies.answer(one, undefined, 20, AT_COMMAND_START);
    expect([one.answeredOffset, one.unreadBytes]).to.deep.equal([20, 'DELETED\r\n'.length]);
  });

  it('ends a client’s frame before it is refused or closed', () => {
    const sender = new FakeSender();
    const replies = repliesTo(sender);
    const [one, two] = [client(1), client(2)];
    replies.answer(one, DELETED, 10, AT_COMMAND_START);
    one.proposedOffset = 35;
    replies.refuse(one, 7);
    replies.answer(two, DELETED, 10, AT_COMMAND_START);
    replies.close(two);
    replies.flush();
    expect(sender.frames).to.deep.equal([
      [
        frame(1, 10, 'DELETED\r\n'),
        { type: 'refuse', assignment: 1, proposedBytes: 25, ledTerm: 7 },
        frame(2, 10, 'DELETED\r\n'),
        { type: 'close', assignment: 2 },
      ],
    ]);
  });

  it('refuses with no proposed bytes when more is answered than was proposed', () => {
    const sender = new FakeSender();
    const replies = repliesTo(sender);
    const one = client(1);
    one.proposedOffset = 5;
    one.answeredOffset = 10;
    replies.refuse(one, 0);
    replies.flush();
    expect(sender.frames).to.deep.equal([[{ type: 'refuse', assignment: 1, proposedBytes: 0, ledTerm: 0 }]]);
  });

  it('begins another batch, and in it another frame, once one is full', () => {
    const sender = new FakeSender();
    const replies = repliesTo(sender);
    const one = client(1);
    replies.answer(one, LARGE, 10, AT_COMMAND_START);
    replies.answer(one, DELETED, 25, AT_COMMAND_START);
    replies.flush();
    const large = `VALUE ${MAX_TRAFFIC_BATCH_BYTES}\r\n${'v'.repeat(MAX_TRAFFIC_BATCH_BYTES)}\r\n`;
    expect(sender.frames).to.deep.equal([[frame(1, 10, large)], [frame(1, 15, 'DELETED\r\n')]]);
  });

  it('fills batches up to the limit and not much beyond', () => {
    const sender = new FakeSender();
    const replies = repliesTo(sender);
    const one = client(1);
    const reply: Reply = { type: 'value', value: 'v'.repeat(1000) };
    for (let count = 1; count <= 1000; count += 1) replies.answer(one, reply, count, AT_COMMAND_START);
    replies.flush();
    const lengths = sender.batches.map(({ byteLength }) => byteLength);
    expect(lengths.slice(0, -1).every((length) => length >= MAX_TRAFFIC_BATCH_BYTES)).to.equal(true);
    expect(Math.max(...lengths)).to.be.below(MAX_TRAFFIC_BATCH_BYTES + 1100);
  });

  it('is full while batches find no room, and sends them in order as there is some', () => {
    const sender = new FakeSender(1);
    const replies = repliesTo(sender);
    const one = client(1);
    for (let count = 1; count <= 3; count += 1) {
      replies.answer(one, DELETED, count, AT_COMMAND_START);
      replies.flush();
      expect(replies.isFull, `after ${count} batches`).to.equal(count > 1);
    }
    expect(sender.batches).to.have.length(1);
    sender.makeRoom(1);
    expect(sender.batches).to.have.length(2);
    expect(replies.isFull).to.equal(true);
    sender.makeRoom(5);
    expect(sender.frames).to.deep.equal(Array(3).fill([frame(1, 1, 'DELETED\r\n')]));
    expect(replies.isFull).to.equal(false);
  });

  it('sends nothing more once the gateway is gone', () => {
    const sender = new FakeSender();
    const replies = repliesTo(sender);
    sender.close();
    replies.answer(client(1), DELETED, 1, AT_COMMAND_START);
    replies.flush();
    expect(sender.batches).to.deep.equal([]);
  });
});
