/** What select must do with every kind of channel. */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { ChannelClosedError } from '../../src/channel/channel-errors.js';
import { after, receiveFrom, select, sendTo } from '../../src/channel/select.js';
import type { OpenChannel } from './channel-suite.js';
import { collect, outcomeOf, seededRandom, until } from './support.js';

export function itCanBeSelected(open: OpenChannel): void {
  const LONG_MS = 60_000;

  async function openHolding(...values: number[]) {
    const channel = await open(Math.max(values.length, 1));
    for (const value of values) channel.sender.trySend(value);
    await until('all have arrived', () => channel.receiver.buffered === values.length);
    return channel;
  }

  it('receives from whichever channel has something', async () => {
    const empty = await open(1);
    const ready = await openHolding(7);
    const got = await select([
      receiveFrom(empty.receiver, () => 'empty'),
      receiveFrom(ready.receiver, ({ value }) => `ready: ${value}`),
    ]);
    expect(got).to.equal('ready: 7');
  });

  it('sends to whichever channel has room', async () => {
    const full = await openHolding(1);
    const roomy = await open(1);
    const went = await select([sendTo(full.sender, 2, () => 'full'), sendTo(roomy.sender, 3, () => 'roomy')]);
    expect(went).to.equal('roomy');
    expect(await roomy.receiver.receive()).to.deep.equal({ value: 3, ok: true });
    full.sender.close();
    expect(await collect(full.receiver), 'the losing send had no effect').to.deep.equal([1]);
  });

  it('waits for the first value to come, and takes nothing from the others', async () => {
    const early = await open(1);
    const late = await open(1);
    const selected = select([
      receiveFrom(late.receiver, ({ value }) => `late ${value}`),
      receiveFrom(early.receiver, ({ value }) => `early ${value}`),
    ]);
    await early.sender.send(1);
    expect(await selected).to.equal('early 1');
    await late.sender.send(2);
    expect(await late.receiver.receive()).to.deep.equal({ value: 2, ok: true });
  });

  it('waits for the first room, and sends nothing to the others', async () => {
    const first = await openHolding(1);
    const second = await openHolding(10);
    const selected = select([
      sendTo(first.sender, 2, () => 'first'),
      sendTo(second.sender, 11, () => 'second'),
    ]);
    await nextTurn();
    await second.receiver.receive();
    expect(await selected).to.equal('second');
    first.sender.close();
    second.sender.close();
    expect(await collect(first.receiver)).to.deep.equal([1]);
    expect(await collect(second.receiver)).to.deep.equal([11]);
  });

  it('withdraws a waiting send when a receive wins', async () => {
    const full = await openHolding(1);
    const source = await open(1);
    const selected = select([
      sendTo(full.sender, 2, () => 'sent'),
      receiveFrom(source.receiver, () => 'received'),
    ]);
    await source.sender.send(5);
    expect(await selected).to.equal('received');
    full.sender.close();
    expect(await collect(full.receiver)).to.deep.equal([1]);
  });

  it('fires one case only when several become ready in the same turn', async () => {
    const left = await open(1);
    const right = await open(1);
    let fired = 0;
    const body = () => {
      fired += 1;
    };
    const selected = select([receiveFrom(left.receiver, body), receiveFrom(right.receiver, body)]);
    await Promise.all([left.sender.send(1), right.sender.send(2)]);
    await selected;
    await until('the other value has arrived', () => left.receiver.buffered + right.receiver.buffered === 1);
    expect(fired).to.equal(1);
  });

  it('gives every ready case the same chance', async () => {
    const rounds = 300;
    const channels = await Promise.all([1, 2, 3].map(() => open(rounds)));
    for (const { sender, receiver } of channels) {
      for (let value = 0; value < rounds; value += 1) sender.trySend(value);
      await until('all have arrived', () => receiver.buffered === rounds);
    }
    const wins = [0, 0, 0];
    const random = seededRandom(1);
    for (let round = 0; round < rounds; round += 1) {
      const winner = await select(
        channels.map(({ receiver }, index) => receiveFrom(receiver, () => index)),
        { random },
      );
      wins[winner] = (wins[winner] ?? 0) + 1;
    }
    for (const count of wins) expect(count, `wins were ${wins}`).to.be.within(75, 125);
  });

  it('lets the random source choose among ready cases', async () => {
    const channels = [await openHolding(0), await openHolding(1), await openHolding(2)];
    const chosen = (random: () => number) =>
      select(
        channels.map(({ receiver }, index) => receiveFrom(receiver, () => index)),
        { random },
      );
    expect(await chosen(() => 0.999)).to.equal(2);
    expect(await chosen(() => 0)).to.equal(0);
  });

  it('does what it is told otherwise when nothing is ready', async () => {
    const empty = await open(1);
    const full = await openHolding(1);
    const got = await select(
      [receiveFrom(empty.receiver, () => 'received'), sendTo(full.sender, 2, () => 'sent')],
      { otherwise: () => 'nothing ready' },
    );
    expect(got).to.equal('nothing ready');
    full.sender.close();
    expect(await collect(full.receiver)).to.deep.equal([1]);
  });

  it('gives up after the timeout, and loses nothing that comes later', async () => {
    const { sender, receiver } = await open(1);
    const got = await select([receiveFrom(receiver, () => 'received'), after(1, () => 'timed out')]);
    expect(got).to.equal('timed out');
    await sender.send(1);
    expect(await receiver.receive()).to.deep.equal({ value: 1, ok: true });
  });

  it('clears the timeout when another case fires', async () => {
    const { sender, receiver } = await open(1);
    const timersBefore = activeTimers();
    const selected = select([receiveFrom(receiver, () => 'received'), after(LONG_MS, () => 'timed out')]);
    await sender.send(1);
    expect(await selected).to.equal('received');
    expect(activeTimers()).to.equal(timersBefore);
  });

  it('never fires the case of a channel that is undefined', async () => {
    const { sender, receiver } = await openHolding(1);
    const got = await select([
      receiveFrom(undefined, () => 'received from nowhere'),
      sendTo(undefined, 1, () => 'sent nowhere'),
      receiveFrom(receiver, () => 'received'),
    ]);
    expect(got).to.equal('received');
    const waited = select([receiveFrom(undefined, () => 'nowhere'), receiveFrom(receiver, () => 'received')]);
    await sender.send(2);
    expect(await waited).to.equal('received');
  });

  it('receives the end of a closed channel', async () => {
    const { sender, receiver } = await open(1);
    const selected = select([receiveFrom(receiver, ({ ok }) => ok)]);
    sender.close();
    expect(await selected).to.equal(false);
  });

  it('rejects when it would send on a closed channel, or waits to and it is closed', async () => {
    const closed = await open(1);
    closed.sender.close();
    const atOnce = outcomeOf(select([sendTo(closed.sender, 1, () => undefined)]));

    const full = await openHolding(1);
    const waiting = outcomeOf(
      select([sendTo(full.sender, 2, () => undefined), after(LONG_MS, () => undefined)]),
    );
    full.sender.close();

    await until('both have settled', () => atOnce.state !== 'pending' && waiting.state !== 'pending');
    expect(atOnce.error).to.be.instanceOf(ChannelClosedError);
    expect(waiting.error).to.be.instanceOf(ChannelClosedError);
  });

  it('rejects with what the body throws', async () => {
    const { receiver } = await openHolding(1);
    const failure = new Error('in the body');
    const selected = outcomeOf(
      select([
        receiveFrom(receiver, () => {
          throw failure;
        }),
      ]),
    );
    await until('it has settled', () => selected.state !== 'pending');
    expect(selected.error).to.equal(failure);
  });

  it('loses no value when many selects compete for two channels', async () => {
    const evens = await open(2);
    const odds = await open(2);
    const received: number[] = [];
    const consume = async () => {
      let left = true;
      while (left) {
        left = await select(
          [evens, odds].map(({ receiver }) =>
            receiveFrom(receiver, ({ value, ok }) => {
              if (ok) received.push(value);
              return ok;
            }),
          ),
        );
      }
    };
    const consumers = Promise.all([consume(), consume(), consume()]);
    const produce = async ({ sender }: typeof evens, first: number) => {
      for (let value = first; value < 100; value += 2) await sender.send(value);
    };
    await Promise.all([produce(evens, 0), produce(odds, 1)]);
    await until('all was received', () => received.length === 100);
    evens.sender.close();
    odds.sender.close();
    await consumers;
    expect(received.toSorted((a, b) => a - b)).to.deep.equal(Array.from({ length: 100 }, (_, i) => i));
  });
}

function activeTimers(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
}
