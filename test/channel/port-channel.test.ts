import { setImmediate as nextTurn } from 'node:timers/promises';
import { MessageChannel } from 'node:worker_threads';
import { expect } from 'chai';
import { ChannelCapacityError, ChannelClosedError } from '../../src/channel/channel-errors.js';
import { openChannel, type PortChannel } from '../../src/channel/port-channel.js';
import { itIsAChannel } from './channel-suite.js';
import { itCanBeSelected } from './select-suite.js';
import { collect, openPair, outcomeOf, roomIn, seededRandom, until } from './support.js';

describe('a channel over a port', () => {
  const opened: Pick<PortChannel<unknown>, 'close' | 'done'>[] = [];
  afterEach(async () => {
    for (const channel of opened) channel.close();
    await Promise.all(opened.splice(0).map(({ done }) => done));
  });

  async function pair<A, B = A>(capacity: number) {
    const ends = openPair<A, B>(capacity);
    opened.push(ends.near, ends.far);
    await Promise.all([roomIn(ends.near), roomIn(ends.far)]);
    return ends;
  }

  async function oneDirection(capacity: number) {
    const { near, far } = await pair<number>(capacity);
    return { sender: near.sender, receiver: far.receiver };
  }

  itIsAChannel(oneDirection);

  describe('select', () => {
    itCanBeSelected(oneDirection);
  });

  it('refuses a capacity that is no whole number, 1 or more', () => {
    const { port1, port2 } = new MessageChannel();
    for (const capacity of [0, -1, 1.5, Number.NaN]) {
      expect(() => openChannel(port1, { capacity }), `${capacity}`)
        .to.throw(ChannelCapacityError)
        .with.property('code', 'CHANNEL_CAPACITY');
    }
    port2.close();
  });

  describe('credits', () => {
    it('let nothing be sent before the other end is open', async () => {
      const { port1, port2 } = new MessageChannel();
      const near = openChannel<number>(port1, { capacity: 1 });
      opened.push(near);
      expect(near.sender.trySend(1)).to.equal(false);
      const send = near.sender.send(1);

      const far = openChannel<number>(port2, { capacity: 1 });
      await send;
      expect(await far.receiver.receive()).to.deep.equal({ value: 1, ok: true });
    });

    it('bound a sender by the capacity of the receiver, not by its own', async () => {
      const { port1, port2 } = new MessageChannel();
      const near = openChannel<number>(port1, { capacity: 100 });
      const far = openChannel<number>(port2, { capacity: 2 });
      opened.push(near, far);
      await roomIn(near);
      expect([1, 2, 3].map((value) => near.sender.trySend(value))).to.deep.equal([true, true, false]);
    });

    it('never let more than the capacity pile up before a slow receiver', async () => {
      const capacity = 8;
      const { near, far } = await pair<number>(capacity);
      const total = 500;
      let sent = 0;
      const producer = (async () => {
        for (; sent < total; sent += 1) await near.sender.send(sent);
      })();
      for (let received = 0; received < total; received += 1) {
        await nextTurn();
        expect(sent - received, 'sent and not received').to.be.at.most(capacity);
        expect(far.receiver.buffered).to.be.at.most(capacity);
        expect(await far.receiver.receive()).to.deep.equal({ value: received, ok: true });
      }
      await producer;
    });

    it('bound both directions at once, however few values are received at a time', async () => {
      const capacity = 8;
      const { near, far } = await pair<number>(capacity);
      const random = seededRandom(1);
      const directions = [
        { from: near.sender, to: far.receiver, sent: 0, received: 0 },
        { from: far.sender, to: near.receiver, sent: 0, received: 0 },
      ];
      for (let turn = 0; turn < 300; turn += 1) {
        for (const direction of directions) {
          while (direction.from.trySend(direction.sent)) direction.sent += 1;
          expect(direction.sent - direction.received, `in turn ${turn}`).to.be.at.most(capacity);
          for (let left = Math.floor(random() * 6); left > 0; left -= 1) {
            if (direction.to.tryReceive() !== undefined) direction.received += 1;
          }
        }
        await nextTurn();
      }
      for (const { received } of directions) expect(received).to.be.greaterThan(capacity);
    });

    it('are granted in batches, and along with values that go the other way', async () => {
      const { port1, port2 } = new MessageChannel();
      const near = openChannel<number>(port1, { capacity: 8 });
      const far = openChannel<number>(port2, { capacity: 8 });
      opened.push(near, far);
      await Promise.all([roomIn(near), roomIn(far)]);
      let frames = 0;
      port1.on('message', () => {
        frames += 1;
      });

      for (let value = 0; value < 7; value += 1) near.sender.trySend(value);
      for (let value = 0; value < 7; value += 1) await far.receiver.receive();
      far.sender.trySend(0);
      await near.receiver.receive();
      expect(frames, 'a grant for four values, and a value with a grant for three').to.equal(2);
      const room = Array.from({ length: 9 }, (_, value) => near.sender.trySend(value));
      expect(room.indexOf(false), 'the whole capacity is granted again').to.equal(8);
    });
  });

  describe('values', () => {
    it('move out of the sender when they are bytes alone in their buffer', async () => {
      const { near, far } = await pair<Uint8Array>(1);
      const bytes = Uint8Array.of(1, 2, 3);
      near.sender.trySend(bytes);
      expect(bytes.buffer.byteLength, 'detached').to.equal(0);
      expect((await far.receiver.receive()).value).to.deep.equal(Uint8Array.of(1, 2, 3));
    });

    it('leave their neighbours alone when they are a view of a larger buffer', async () => {
      const { near, far } = await pair<Uint8Array>(2);
      const whole = Uint8Array.of(1, 2, 3, 4, 5);
      near.sender.trySend(whole.subarray(1, 3));
      near.sender.trySend(Buffer.from('pooled'));
      expect(whole).to.deep.equal(Uint8Array.of(1, 2, 3, 4, 5));

      const { value } = await far.receiver.receive();
      expect(value).to.deep.equal(Uint8Array.of(2, 3));
      expect(value?.buffer.byteLength, 'the neighbours did not travel').to.equal(2);
      expect((await far.receiver.receive()).value).to.deep.equal(new TextEncoder().encode('pooled'));
    });

    it('stay shared when their memory is', async () => {
      const { near, far } = await pair<Uint8Array>(1);
      const bytes = new Uint8Array(new SharedArrayBuffer(1));
      near.sender.trySend(bytes);
      const { value } = await far.receiver.receive();
      bytes[0] = 9;
      expect(value?.[0]).to.equal(9);
    });

    it('keep what is theirs when they are not sent', async () => {
      const { near } = await pair<Uint8Array>(1);
      near.sender.trySend(Uint8Array.of(1));
      const refused = Uint8Array.of(2);
      expect(near.sender.trySend(refused)).to.equal(false);
      expect(refused).to.deep.equal(Uint8Array.of(2));
    });

    it('are transferred as the caller says', async () => {
      const { port1, port2 } = new MessageChannel();
      type Parcel = { readonly label: string; readonly content: Uint8Array<ArrayBuffer> };
      const near = openChannel<Parcel>(port1, { capacity: 1, transfer: ({ content }) => [content.buffer] });
      const far = openChannel<Parcel>(port2, { capacity: 1 });
      opened.push(near, far);
      const parcel = { label: 'a', content: Uint8Array.of(1) };
      await near.sender.send(parcel);
      expect(parcel.content.buffer.byteLength, 'detached').to.equal(0);
      expect((await far.receiver.receive()).value).to.deep.equal({ label: 'a', content: Uint8Array.of(1) });
    });

    it('are never taken for what the ends say to each other', async () => {
      const values = [undefined, null, 3, 'end', 'starved', [1, 2], false];
      const { near, far } = await pair<unknown>(values.length);
      for (const value of values) near.sender.trySend(value);
      near.sender.close();
      expect(await collect(far.receiver)).to.deep.equal(values);
    });

    it('that cannot be cloned are refused without using up room', async () => {
      const { near, far } = await pair<unknown>(1);
      const uncloneable = () => undefined;
      expect(() => near.sender.trySend(uncloneable)).to.throw(/could not be cloned/);
      expect(near.sender.trySend(1)).to.equal(true);

      const waiting = outcomeOf(near.sender.send(uncloneable));
      const second = near.sender.send(2);
      expect((await far.receiver.receive()).value).to.equal(1);
      await second;
      expect(waiting.error).to.match(/could not be cloned/);
    });
  });

  describe('its two directions', () => {
    it('carry values at the same time', async () => {
      const { near, far } = await pair<number, string>(2);
      const numbers = collect(far.receiver);
      const words = collect(near.receiver);
      for (let value = 0; value < 20; value += 1) {
        await Promise.all([near.sender.send(value), far.sender.send(`word ${value}`)]);
      }
      near.sender.close();
      far.sender.close();
      expect(await numbers).to.have.length(20);
      expect(await words).to.have.length(20);
    });

    it('end apart: one that is closed leaves the other open', async () => {
      const { near, far } = await pair<number>(1);
      near.sender.close();
      expect(await far.receiver.receive()).to.deep.equal({ value: undefined, ok: false });
      for (const value of [1, 2, 3]) {
        await far.sender.send(value);
        expect(await near.receiver.receive()).to.deep.equal({ value, ok: true });
      }
    });

    it('close the port once both have ended, and lose nothing by it', async () => {
      const { near, far } = await pair<number>(2);
      near.sender.trySend(1);
      near.sender.close();
      await until('the far end has heard of it', () => far.receiver.buffered === 1);
      far.sender.trySend(2);
      far.sender.close();
      await Promise.all([near.done, far.done]);
      expect(await collect(near.receiver)).to.deep.equal([2]);
      expect(await collect(far.receiver)).to.deep.equal([1]);
    });
  });

  describe('closing the port', () => {
    const portsInUse = () => process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;

    it('ends both directions at both ends, and still delivers what was sent', async () => {
      const { near, far } = await pair<number>(2);
      near.sender.trySend(1);
      const waiting = outcomeOf(
        far.sender
          .send(1)
          .then(() => far.sender.send(2))
          .then(() => far.sender.send(3)),
      );
      near.close();
      await Promise.all([near.done, far.done]);
      await until('the send has settled', () => waiting.state === 'rejected');
      expect(waiting.error).to.be.instanceOf(ChannelClosedError);
      expect(await collect(far.receiver)).to.deep.equal([1]);
      for (const { sender } of [near, far]) {
        expect(() => sender.trySend(9)).to.throw(ChannelClosedError);
      }
    });

    it('keeps an ended receiver ended, whatever is still on its way', async () => {
      const { near, far } = await pair<number>(4);
      far.sender.trySend(1);
      far.sender.trySend(2);
      near.close();
      expect(await near.receiver.receive()).to.deep.equal({ value: undefined, ok: false });
      await near.done;
      expect(await near.receiver.receive()).to.deep.equal({ value: undefined, ok: false });
    });

    it('can be done while a message is delivered', async () => {
      const { near, far } = await pair<number>(4);
      near.receiver.watch(() => near.close());
      for (const value of [1, 2, 3]) far.sender.trySend(value);
      await Promise.all([near.done, far.done]);
      expect(await collect(near.receiver)).to.deep.equal([1]);
    });

    it('is told at once, also while values are unread', async () => {
      const { near, far } = await pair<number>(4);
      for (const value of [1, 2, 3]) near.sender.trySend(value);
      near.close();
      await far.done;
      expect(far.receiver.buffered).to.equal(3);
      expect(far.sender.closed).to.equal(true);
      expect(await collect(far.receiver)).to.deep.equal([1, 2, 3]);
    });

    it('leaves nothing that keeps the thread alive', async () => {
      const before = portsInUse();
      const { near, far } = openPair<number>(1);
      expect(portsInUse()).to.equal(before + 2);
      near.close();
      await Promise.all([near.done, far.done]);
      expect(portsInUse()).to.equal(before);
    });

    it('is noticed by an end that is opened only afterwards', async () => {
      const { port1, port2 } = new MessageChannel();
      port2.close();
      await new Promise((resolve) => port1.once('close', resolve));
      const late = openChannel<number>(port1, { capacity: 1 });
      await late.done;
      expect(() => late.sender.trySend(1)).to.throw(ChannelClosedError);
      expect(await late.receiver.receive()).to.deep.equal({ value: undefined, ok: false });
    });
  });
});
