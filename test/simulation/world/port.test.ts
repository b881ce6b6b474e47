import { expect } from 'chai';
import { openChannel } from '../../../src/channel/port-channel.js';
import { Random } from '../../../tools/support/random.js';
import { connectThreads, type SimulatedPort } from './port.js';
import { SimulatedThread } from './thread.js';
import { World } from './world.js';

const NEVER = () => false;

class Pair {
  readonly world = new World();
  readonly random = new Random(1);
  readonly threads = [this.#newThread('first'), this.#newThread('second')] as const;

  connect(): readonly [SimulatedPort, SimulatedPort] {
    return connectThreads(this.threads, {
      world: this.world,
      random: this.random,
      maxDelayMs: 5,
      detaches: true,
    });
  }

  #newThread(name: string): SimulatedThread {
    const onError = (error: unknown) => {
      throw error;
    };
    return new SimulatedThread({ name, world: this.world, random: this.random, onError });
  }
}

/** Everything that a port hands out. */
function eventsOf(port: SimulatedPort): unknown[] {
  const events: unknown[] = [];
  port.on('message', (message) => events.push(message));
  port.once('close', () => events.push('closed'));
  return events;
}

describe('a simulated port', () => {
  it('keeps the order of its messages', async () => {
    const pair = new Pair();
    const [here, there] = pair.connect();
    const events = eventsOf(there);
    for (let i = 1; i <= 20; i += 1) here.postMessage(i);
    await pair.world.run(NEVER);
    expect(events).to.deep.equal(Array.from({ length: 20 }, (_, i) => i + 1));
  });

  it('lets messages of other ports overtake', async () => {
    const pair = new Pair();
    const orders = new Set<string>();
    for (let round = 0; round < 20; round += 1) {
      const order: string[] = [];
      for (const name of ['a', 'b']) {
        const [here, there] = pair.connect();
        there.on('message', () => order.push(name));
        here.postMessage(name);
      }
      await pair.world.run(NEVER);
      orders.add(order.join(' '));
    }
    expect([...orders].sort()).to.deep.equal(['a b', 'b a']);
  });

  it('takes what is transferred away from its sender', async () => {
    const pair = new Pair();
    const [here, there] = pair.connect();
    const events = eventsOf(there);
    const bytes = Uint8Array.of(1, 2, 3);
    here.postMessage([bytes, 0], [bytes.buffer]);
    expect(bytes.byteLength).to.equal(0);
    await pair.world.run(NEVER);
    expect(events).to.deep.equal([[Uint8Array.of(1, 2, 3), 0]]);
  });

  it('keeps what comes before anybody listens', async () => {
    const pair = new Pair();
    const [here, there] = pair.connect();
    here.postMessage('early');
    await pair.world.run(NEVER);
    const events = eventsOf(there);
    here.postMessage('late');
    await pair.world.run(NEVER);
    expect(events).to.deep.equal(['early', 'late']);
  });

  it('hands out what was posted before the other thread ended, and then closes', async () => {
    const pair = new Pair();
    const [here, there] = pair.connect();
    const events = eventsOf(there);
    here.postMessage('last words');
    pair.threads[0].end();
    here.postMessage('too late');
    await pair.world.run(NEVER);
    expect(events).to.deep.equal(['last words', 'closed']);
    expect(there.hasRef()).to.equal(false);
  });

  it('hands out nothing once it was closed, and tells both ends', async () => {
    const pair = new Pair();
    const [here, there] = pair.connect();
    const events = [eventsOf(here), eventsOf(there)];
    there.postMessage('on its way');
    here.close();
    await pair.world.run(NEVER);
    expect(events).to.deep.equal([['closed'], ['closed']]);
  });

  it('carries a channel with its credits', async () => {
    const pair = new Pair();
    const [here, there] = pair.connect();
    const near = openChannel<Uint8Array>(here, { capacity: 2 });
    const far = openChannel<Uint8Array>(there, { capacity: 2 });
    const sends: Promise<void>[] = [];
    for (let i = 0; i < 10; i += 1) sends.push(near.sender.send(Uint8Array.of(i)));
    await pair.world.run(NEVER);
    expect(far.receiver.buffered).to.equal(2);
    const got: (number | undefined)[] = [];
    for (let i = 0; i < 10; i += 1) {
      far.receiver.receive().then(({ value }) => got.push(value?.[0]));
      await pair.world.run(NEVER);
    }
    expect(got).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});
