import { MessageChannel, Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { ChannelClosedError } from '../../src/channel/channel-errors.js';
import { openChannel, type PortChannel } from '../../src/channel/port-channel.js';
import type { PeerTask } from './fixtures/protocol.js';
import { collect, outcomeOf, roomIn, until } from './support.js';

describe('a channel between two threads', () => {
  const CAPACITY = 8;
  const workers: Worker[] = [];
  const channels: PortChannel<unknown>[] = [];
  const unhandled: unknown[] = [];
  const noteUnhandled = (reason: unknown) => {
    unhandled.push(reason);
  };

  beforeEach(() => {
    process.on('unhandledRejection', noteUnhandled);
  });
  afterEach(async () => {
    for (const channel of channels.splice(0)) channel.close();
    await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
    process.off('unhandledRejection', noteUnhandled);
    expect(unhandled.splice(0)).to.deep.equal([]);
  });

  function startPeer(role: PeerTask['role']) {
    const { port1, port2 } = new MessageChannel();
    const task: PeerTask = { port: port2, capacity: CAPACITY, role };
    const worker = new Worker(new URL('./fixtures/peer.js', import.meta.url), {
      workerData: task,
      transferList: [port2],
    });
    const channel = openChannel<unknown>(port1, { capacity: CAPACITY });
    workers.push(worker);
    channels.push(channel);
    return { worker, channel };
  }

  it('brings back in order what an echoing thread receives', async () => {
    const { channel } = startPeer('echo');
    const echoes = collect(channel.receiver);
    const values = Array.from({ length: 1000 }, (_, index) => index);
    for (const value of values) await channel.sender.send(value);
    channel.sender.close();
    expect(await echoes).to.deep.equal(values);
    await channel.done;
  });

  it('lets a thread end by itself once both directions have ended', async () => {
    const { channel, worker } = startPeer('drain');
    const exited = new Promise((resolve) => worker.once('exit', resolve));
    for (let value = 0; value < 100; value += 1) await channel.sender.send(value);
    channel.sender.close();
    expect(await collect(channel.receiver)).to.deep.equal([100]);
    expect(await exited).to.equal(0);
  });

  it('holds no more than the capacity for a thread that receives nothing', async () => {
    const { channel } = startPeer('silent');
    await roomIn(channel);
    let sent = 0;
    while (channel.sender.trySend(sent)) sent += 1;
    expect(sent).to.equal(CAPACITY);
    const waiting = outcomeOf(channel.sender.send(sent));
    expect(channel.sender.trySend(sent)).to.equal(false);
    expect(waiting.state).to.equal('pending');
    channel.close();
    await until('the send has settled', () => waiting.state === 'rejected');
  });

  it('rejects what waits and what comes later when the receiving thread is terminated', async () => {
    const { channel, worker } = startPeer('silent');
    await roomIn(channel);
    while (channel.sender.trySend('filler')) {}
    const waiting = [1, 2, 3].map((value) => outcomeOf(channel.sender.send(value)));

    await worker.terminate();
    await channel.done;
    const late = outcomeOf(channel.sender.send(4));
    const outcomes = [...waiting, late];
    await until('all have settled', () => outcomes.every(({ state }) => state === 'rejected'));
    for (const { error } of outcomes) {
      expect(error).to.be.instanceOf(ChannelClosedError).with.property('code', 'CHANNEL_CLOSED');
    }
    expect(channel.sender.closed).to.equal(true);
  });

  it('yields what had arrived and then the end when the sending thread is terminated', async () => {
    const { channel, worker } = startPeer('count');
    for (let value = 0; value < 50; value += 1) {
      expect(await channel.receiver.receive()).to.deep.equal({ value, ok: true });
    }
    await until('the buffer is full', () => channel.receiver.buffered === CAPACITY);
    await worker.terminate();
    await channel.done;
    expect(channel.receiver.buffered, 'the end was told before the buffer was read').to.equal(CAPACITY);
    expect(await collect(channel.receiver)).to.deep.equal(
      Array.from({ length: CAPACITY }, (_, index) => 50 + index),
    );
    expect(await channel.receiver.receive()).to.deep.equal({ value: undefined, ok: false });
  });

  it('ends when the other thread closes its end', async () => {
    const { channel } = startPeer('leave');
    expect(await collect(channel.receiver)).to.deep.equal([]);
    await channel.done;
    expect(() => channel.sender.trySend(1)).to.throw(ChannelClosedError);
  });
});
