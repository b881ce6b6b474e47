import { expect } from 'chai';
import { Random } from '../../../tools/support/random.js';
import { SimulatedThread } from './thread.js';
import { World } from './world.js';

function newThread(seed = 1): {
  readonly world: World;
  readonly thread: SimulatedThread;
  readonly errors: unknown[];
} {
  const world = new World();
  const errors: unknown[] = [];
  const onError = (error: unknown) => errors.push(error);
  return {
    world,
    thread: new SimulatedThread({ name: 'test', world, random: new Random(seed), onError }),
    errors,
  };
}

const NEVER = () => false;

describe('a simulated thread', () => {
  it('lets time pass only from one event to the next', async () => {
    const { world, thread } = newThread();
    const times: number[] = [];
    for (const delayMs of [500, 20, 3_600_000])
      thread.environment.startTimer(() => times.push(thread.environment.nowMs()), delayMs);
    await world.run(NEVER);
    expect(times.map((time) => Math.floor(time))).to.deep.equal([20, 500, 3_600_000]);
  });

  it('calls no timer that was cancelled', async () => {
    const { world, thread } = newThread();
    const timer = thread.environment.startTimer(() => expect.fail('it was cancelled'), 1);
    timer.cancel();
    await world.run(NEVER);
  });

  it('has everything done that promises do before the next event', async () => {
    const { world, thread } = newThread();
    const events: string[] = [];
    thread.environment.startTimer(async () => {
      for (let i = 0; i < 5; i += 1) await null;
      events.push('promises');
    }, 1);
    thread.environment.startTimer(() => events.push('next event'), 3);
    await world.run(NEVER);
    expect(events).to.deep.equal(['promises', 'next event']);
  });

  it('calls what is due after a callback before promises go on', async () => {
    const { world, thread } = newThread();
    const events: string[] = [];
    thread.environment.startTimer(() => {
      Promise.resolve().then(() => events.push('promise'));
      thread.environment.afterCallback(() => events.push('after callback'));
      events.push('callback');
    }, 1);
    await world.run(NEVER);
    expect(events).to.deep.equal(['callback', 'after callback', 'promise']);
  });

  it('ends its turn after all that has come meanwhile', async () => {
    const { world, thread } = newThread();
    const events: string[] = [];
    thread.environment.atEndOfTurn(() => events.push('end of turn'));
    thread.deliver('port', () => events.push('message'));
    await world.run(NEVER);
    expect(events).to.deep.equal(['message', 'end of turn']);
  });

  it('finds what came while it stalled in order for each source, any source first, and the end of the turn last', async () => {
    const orders = new Set<string>();
    for (let seed = 1; seed <= 20; seed += 1) {
      const { world, thread } = newThread(seed);
      const events: string[] = [];
      thread.stall(100);
      thread.environment.atEndOfTurn(() => events.push('turn'));
      thread.environment.startTimer(() => events.push('timer'), 50);
      for (const name of ['a1', 'b1', 'a2', 'b2']) thread.deliver(name[0] ?? '', () => events.push(name));
      await world.run(NEVER, 99);
      expect(events).to.deep.equal([]);
      await world.run(NEVER);
      expect(events.at(-1)).to.equal('turn');
      expect(events.indexOf('a1')).to.be.lessThan(events.indexOf('a2'));
      expect(events.indexOf('b1')).to.be.lessThan(events.indexOf('b2'));
      orders.add(events.join(' '));
    }
    expect(orders.size).to.equal(6);
  });

  it('does nothing any more once it has ended', async () => {
    const { world, thread } = newThread();
    const fail = () => expect.fail('it has ended');
    thread.environment.startTimer(fail, 1);
    thread.environment.atEndOfTurn(fail);
    thread.stall(1);
    thread.deliver('port', fail);
    thread.end();
    thread.deliver('port', fail);
    await world.run(NEVER);
  });

  it('tells of an error that nobody catches', async () => {
    const { world, thread, errors } = newThread();
    const error = new Error('test');
    thread.environment.startTimer(() => {
      throw error;
    }, 1);
    await world.run(NEVER);
    expect(errors).to.deep.equal([error]);
  });

  it('shows a wall clock that can be set back', () => {
    const { world, thread } = newThread();
    const before = thread.environment.wallClockMs();
    world.moveWallClock(-5_000);
    expect(thread.environment.wallClockMs()).to.equal(before - 5_000);
    expect(thread.environment.nowMs()).to.equal(0);
  });
});
