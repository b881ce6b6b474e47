/** What every kind of channel must do, whatever lies between its ends. */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import type { Channel } from '../../src/channel/channel.js';
import { ChannelClosedError } from '../../src/channel/channel-errors.js';
import { collect, outcomeOf, until } from './support.js';

/** Opens a channel of numbers that is ready to take as many as its capacity. */
export type OpenChannel = (capacity: number) => Promise<Channel<number>>;

export function itIsAChannel(open: OpenChannel): void {
  /** A channel whose buffer is full with 1 to `capacity`. */
  async function openFull(capacity: number): Promise<Channel<number>> {
    const channel = await open(capacity);
    for (let value = 1; value <= capacity; value += 1) channel.sender.trySend(value);
    await until('all have arrived', () => channel.receiver.buffered === capacity);
    return channel;
  }

  describe('sending', () => {
    it('takes as many values as the capacity before anyone receives, and no more', async () => {
      const { sender, receiver } = await open(3);
      expect([1, 2, 3, 4].map((value) => sender.trySend(value))).to.deep.equal([true, true, true, false]);
      await until('they have arrived', () => receiver.buffered === 3);
      expect(sender.trySend(4), 'nothing was received yet').to.equal(false);
    });

    it('waits while the buffer is full, and goes on after a single receive', async () => {
      const { sender, receiver } = await openFull(4);
      const send = sender.send(5);
      const outcome = outcomeOf(send);
      await nextTurn();
      expect(outcome.state).to.equal('pending');
      expect(await receiver.receive()).to.deep.equal({ value: 1, ok: true });
      await send;
    });

    it('serves those who wait in the order in which they came', async () => {
      const { sender, receiver } = await openFull(2);
      const served: number[] = [];
      const sends = [3, 4, 5, 6].map((value) => sender.send(value).then(() => served.push(value)));
      for (let expected = 1; expected <= 6; expected += 1) {
        expect(await receiver.receive()).to.deep.equal({ value: expected, ok: true });
      }
      await Promise.all(sends);
      expect(served).to.deep.equal([3, 4, 5, 6]);
    });

    it('calls back once when there is room again', async () => {
      const { sender, receiver } = await openFull(1);
      let calls = 0;
      sender.whenRoom(() => {
        calls += 1;
      });
      await nextTurn();
      expect(calls, 'there is no room yet').to.equal(0);

      receiver.tryReceive();
      await until('called back', () => calls > 0);
      expect(sender.trySend(2)).to.equal(true);
      await receiver.receive();
      await sender.send(3);
      expect(calls, 'called for the first room only').to.equal(1);
    });

    it('calls back at once when there is room already', async () => {
      const { sender } = await open(1);
      let calledBack = false;
      sender.whenRoom(() => {
        calledBack = true;
      });
      expect(calledBack).to.equal(true);
    });

    it('lets a producer that is called back send all it has', async () => {
      const { sender, receiver } = await open(4);
      let next = 0;
      const produce = () => {
        while (next < 50) {
          if (!sender.trySend(next)) return sender.whenRoom(produce);
          next += 1;
        }
        sender.close();
      };
      produce();
      expect(await collect(receiver)).to.deep.equal(Array.from({ length: 50 }, (_, index) => index));
    });
  });

  describe('receiving', () => {
    it('yields nothing yet from an empty channel', async () => {
      const { receiver } = await open(2);
      expect(receiver.tryReceive()).to.equal(undefined);
    });

    it('waits for a value', async () => {
      const { sender, receiver } = await open(2);
      const receive = receiver.receive();
      await sender.send(7);
      expect(await receive).to.deep.equal({ value: 7, ok: true });
    });

    it('serves those who wait in the order in which they came', async () => {
      const { sender, receiver } = await open(2);
      const receives = [receiver.receive(), receiver.receive(), receiver.receive()];
      for (const value of [1, 2, 3]) await sender.send(value);
      expect((await Promise.all(receives)).map(({ value }) => value)).to.deep.equal([1, 2, 3]);
    });

    it('tells a watcher of each arrival and of the end, while nobody waits', async () => {
      const { sender, receiver } = await open(8);
      let calls = 0;
      receiver.watch(() => {
        calls += 1;
      });
      for (const value of [1, 2, 3]) await sender.send(value);
      await until('all have arrived', () => receiver.buffered === 3);
      expect(calls).to.equal(3);

      sender.close();
      await until('told of the end', () => calls === 4);
      expect([1, 2, 3, 4].map(() => receiver.tryReceive()?.value)).to.deep.equal([1, 2, 3, undefined]);
    });

    it('does not tell a watcher of a value that somebody waits for', async () => {
      const { sender, receiver } = await open(1);
      let calls = 0;
      receiver.watch(() => {
        calls += 1;
      });
      const receive = receiver.receive();
      await sender.send(1);
      await receive;
      expect(calls).to.equal(0);
    });

    it('tells a late watcher at once of what has arrived', async () => {
      const { receiver } = await openFull(1);
      let calls = 0;
      receiver.watch(() => {
        calls += 1;
      });
      expect(calls).to.equal(1);
    });
  });

  describe('closing', () => {
    it('lets the receiver drain what is buffered, then yields the end for ever', async () => {
      const { sender, receiver } = await openFull(2);
      sender.close();
      expect(await receiver.receive()).to.deep.equal({ value: 1, ok: true });
      expect(await receiver.receive()).to.deep.equal({ value: 2, ok: true });
      for (let round = 0; round < 3; round += 1) {
        expect(await receiver.receive()).to.deep.equal({ value: undefined, ok: false });
        expect(receiver.tryReceive()).to.deep.equal({ value: undefined, ok: false });
      }
    });

    it('wakes everyone who waits to receive', async () => {
      const { sender, receiver } = await open(1);
      const receives = [receiver.receive(), receiver.receive()];
      sender.close();
      expect((await Promise.all(receives)).map(({ ok }) => ok)).to.deep.equal([false, false]);
    });

    it('rejects the sends that wait, and delivers none of them', async () => {
      const { sender, receiver } = await openFull(1);
      const outcomes = [sender.send(2), sender.send(3)].map(outcomeOf);
      sender.close();
      await until('both have settled', () => outcomes.every(({ state }) => state === 'rejected'));
      for (const { error } of outcomes) expect(error).to.be.instanceOf(ChannelClosedError);
      expect(await collect(receiver)).to.deep.equal([1]);
    });

    it('makes sending an error', async () => {
      const { sender } = await open(1);
      sender.close();
      expect(sender.closed).to.equal(true);
      expect(() => sender.trySend(1))
        .to.throw(ChannelClosedError)
        .with.property('code', 'CHANNEL_CLOSED');
      const outcome = outcomeOf(sender.send(1));
      await until('the send has settled', () => outcome.state === 'rejected');
      expect(outcome.error).to.be.instanceOf(ChannelClosedError);
    });

    it('calls back who waits for room', async () => {
      const { sender } = await openFull(1);
      let calledBack = false;
      sender.whenRoom(() => {
        calledBack = true;
      });
      sender.close();
      expect(calledBack).to.equal(true);
    });

    it('has no effect the second time', async () => {
      const { sender, receiver } = await openFull(1);
      sender.close();
      sender.close();
      expect(await collect(receiver)).to.deep.equal([1]);
    });

    it('ends a range', async () => {
      const { sender, receiver } = await open(2);
      const range = collect(receiver);
      for (const value of [1, 2, 3, 4, 5]) await sender.send(value);
      sender.close();
      expect(await range).to.deep.equal([1, 2, 3, 4, 5]);
    });
  });

  it('loses and doubles nothing between many producers and many consumers', async () => {
    const { sender, receiver } = await open(3);
    const producers = Array.from({ length: 5 }, async (_, producer) => {
      for (let index = 0; index < 40; index += 1) await sender.send(producer * 1000 + index);
    });
    const consumers = Array.from({ length: 4 }, () => collect(receiver));
    await Promise.all(producers);
    sender.close();

    const received = (await Promise.all(consumers)).flat();
    const sent = producers.flatMap((_, producer) =>
      Array.from({ length: 40 }, (_, i) => producer * 1000 + i),
    );
    expect(received.toSorted((a, b) => a - b)).to.deep.equal(sent);
  });

  it('is a first-in, first-out queue of bounded size under any interleaving', async () => {
    const step = fc.constantFrom('send', 'trySend', 'receive', 'tryReceive', 'turn');
    const scenario = fc.record({
      capacity: fc.integer({ min: 1, max: 5 }),
      steps: fc.array(step, { maxLength: 60 }),
    });

    await fc.assert(
      fc.asyncProperty(scenario, async ({ capacity, steps }) => {
        const { sender, receiver } = await open(capacity);
        /** The model: what was sent, in order, of which the n-th receive must yield the n-th. */
        const sent: number[] = [];
        const sends: Promise<void>[] = [];
        const receives: Promise<void>[] = [];
        let receivesCalled = 0;
        let received = 0;
        let waitingSends = 0;

        const expectNth = (nth: number, value: number | undefined) => {
          expect(value).to.equal(sent[nth]);
          received += 1;
        };
        const served = () => {
          waitingSends -= 1;
        };
        for (const [value, action] of steps.entries()) {
          if (action === 'send') {
            sent.push(value);
            waitingSends += 1;
            sends.push(sender.send(value).then(served));
          } else if (action === 'trySend') {
            if (sender.trySend(value)) sent.push(value);
          } else if (action === 'receive') {
            const nth = receivesCalled;
            receivesCalled += 1;
            receives.push(receiver.receive().then((got) => expectNth(nth, got.value)));
          } else if (action === 'tryReceive') {
            const got = receiver.tryReceive();
            if (got === undefined) continue;
            expectNth(receivesCalled, got.value);
            receivesCalled += 1;
          } else {
            await nextTurn();
            expect(sent.length - waitingSends - received, 'sent and not received').to.be.at.most(capacity);
          }
        }

        const rest = collect(receiver);
        // One more for each receive, since all of them may still be waiting.
        for (const index of receives.keys()) {
          const value = steps.length + index;
          sent.push(value);
          sends.push(sender.send(value));
        }
        await Promise.all(sends);
        sender.close();
        await Promise.all(receives);
        expect(await rest).to.deep.equal(sent.slice(receivesCalled));
      }),
      { numRuns: 100, seed: 1 },
    );
  });
}
