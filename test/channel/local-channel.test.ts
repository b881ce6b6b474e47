import { expect } from 'chai';
import fc from 'fast-check';
import { ChannelCapacityError } from '../../src/channel/channel-errors.js';
import { makeChannel } from '../../src/channel/local-channel.js';
import { receiveFrom, select, sendTo } from '../../src/channel/select.js';
import { itIsAChannel } from './channel-suite.js';
import { itCanBeSelected } from './select-suite.js';
import { collect, outcomeOf } from './support.js';

describe('a channel within a thread', () => {
  itIsAChannel(async (capacity) => makeChannel(capacity));

  it('does at each step what an array of bounded length does', () => {
    const step = fc.constantFrom('trySend', 'tryReceive');
    fc.assert(
      fc.property(fc.nat({ max: 6 }), fc.array(step, { maxLength: 200 }), (capacity, steps) => {
        const { sender, receiver } = makeChannel<number>(capacity);
        const model: number[] = [];
        for (const [index, action] of steps.entries()) {
          if (action === 'trySend') {
            const hasRoom = model.length < capacity;
            if (hasRoom) model.push(index);
            expect(sender.trySend(index)).to.equal(hasRoom);
          } else {
            expect(receiver.tryReceive()?.value).to.equal(model.shift());
          }
          expect(receiver.buffered).to.equal(model.length);
        }
      }),
      { seed: 1 },
    );
  });

  it('refuses a capacity that is no whole number, 0 or more', () => {
    for (const capacity of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => makeChannel(capacity), `${capacity}`).to.throw(ChannelCapacityError);
    }
  });

  describe('select', () => {
    itCanBeSelected(async (capacity) => makeChannel(capacity));
  });
});

describe('an unbuffered channel', () => {
  it('has no room until somebody waits to receive', async () => {
    const { sender, receiver } = makeChannel<number>(0);
    expect(sender.trySend(1)).to.equal(false);
    const receive = receiver.receive();
    expect(sender.trySend(2)).to.equal(true);
    expect(await receive).to.deep.equal({ value: 2, ok: true });
  });

  it('has nothing to receive until somebody waits to send', async () => {
    const { sender, receiver } = makeChannel<number>(0);
    expect(receiver.tryReceive()).to.equal(undefined);
    const send = sender.send(1);
    expect(receiver.tryReceive()).to.deep.equal({ value: 1, ok: true });
    await send;
  });

  it('completes a send only when its value is received', async () => {
    const { sender, receiver } = makeChannel<number>(0);
    const events: string[] = [];
    const producer = (async () => {
      for (const value of [1, 2]) {
        await sender.send(value);
        events.push(`sent ${value}`);
      }
      sender.close();
    })();
    for await (const value of receiver) events.push(`received ${value}`);
    await producer;
    expect(events.indexOf('sent 2')).to.be.greaterThan(events.indexOf('received 1'));
    expect(events).to.have.members(['sent 1', 'received 1', 'sent 2', 'received 2']);
  });

  it('pairs every sender with one receiver', async () => {
    const { sender, receiver } = makeChannel<number>(0);
    const sends = Promise.all([1, 2, 3, 4].map((value) => sender.send(value)));
    const consumers = [collect(receiver), collect(receiver)];
    await sends;
    sender.close();
    expect((await Promise.all(consumers)).flat().toSorted()).to.deep.equal([1, 2, 3, 4]);
  });

  it('does not let a select that sends and receives on it meet itself', async () => {
    const { sender, receiver } = makeChannel<number>(0);
    const bothWays = () =>
      select([sendTo(sender, 1, () => 'sent'), receiveFrom(receiver, ({ value }) => `received ${value}`)]);
    const toReceiver = bothWays();
    const outcome = outcomeOf(toReceiver);
    await Promise.resolve();
    expect(outcome.state).to.equal('pending');
    expect(receiver.tryReceive()).to.deep.equal({ value: 1, ok: true });
    expect(await toReceiver).to.equal('sent');

    const fromSender = bothWays();
    expect(sender.trySend(2)).to.equal(true);
    expect(await fromSender).to.equal('received 2');

    expect([await Promise.all([bothWays(), bothWays()])].flat().toSorted()).to.deep.equal([
      'received 1',
      'sent',
    ]);
  });
});
