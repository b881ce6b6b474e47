import { setImmediate as turnOfEvents } from 'node:timers/promises';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { expect } from 'chai';
import { NODE_ENVIRONMENT } from '../../src/environment.js';
import type { Message } from '../../src/raft/types.js';
import { MessageSampler } from '../../src/server/observation.js';
import { type PeerEvents, Peers } from '../../src/server/peers.js';
import { ServerMetrics } from '../../src/server/server-metrics.js';
import { requestVote } from '../support/raft/messages.js';

describe('the links between servers', () => {
  const ports: MessagePort[] = [];

  afterEach(() => {
    for (const port of ports.splice(0)) port.close();
  });

  /** Servers 0 and 1, joined. */
  async function joined(): Promise<[Peers, Peers]> {
    const [zero, one] = [0, 1].map(
      () =>
        new Peers({
          environment: NODE_ENVIRONMENT,
          metrics: new ServerMetrics(),
          sampler: new MessageSampler(NODE_ENVIRONMENT),
          onActivity: () => undefined,
        }),
    );
    if (zero === undefined || one === undefined) throw new Error('there are two');
    await join(zero, one);
    return [zero, one];
  }

  /** Resolves once each knows that the other has room; to what the first is told meanwhile. */
  async function join(zero: Peers, one: Peers): Promise<string[]> {
    const { port1, port2 } = new MessageChannel();
    ports.push(port1, port2);
    const events: string[] = [];
    zero.connect(1, port1, listener(events));
    one.connect(0, port2, listener([]));
    for (let i = 0; i < 5; i += 1) await turnOfEvents();
    return events;
  }

  function listener(events: string[]): PeerEvents {
    return {
      onMessage: ({ type, from }: Message) => events.push(`${type} of ${from}`),
      onLinkClosed: (peer) => events.push(`${peer} is gone`),
    };
  }

  /** What happens at a server until nothing more does. */
  async function eventsOf(peers: Peers): Promise<string[]> {
    const events: string[] = [];
    for (let i = 0; i < 5; i += 1) {
      await turnOfEvents();
      peers.receive(listener(events));
    }
    return events;
  }

  it('carry messages, and close after the last when a server stops', async () => {
    const [zero, one] = await joined();
    zero.send([requestVote({ from: 0, to: 1 })]);
    zero.close();
    expect(await eventsOf(one)).to.deep.equal(['RequestVote of 0', '0 is gone']);
  });

  it('are given up at one end, which the other does not notice and cannot be heard through', async () => {
    const [zero, one] = await joined();
    one.send([requestVote({ from: 1, to: 0 })]);
    await turnOfEvents();
    zero.disconnect(1);
    expect(await eventsOf(zero)).to.deep.equal(['RequestVote of 1', '1 is gone']);
    one.send([requestVote({ from: 1, to: 0 })]);
    expect(await eventsOf(zero)).to.deep.equal([]);
    expect(await eventsOf(one), 'it would take server 0 for dead').to.deep.equal([]);
  });

  it('work again once they were made anew', async () => {
    const [zero, one] = await joined();
    zero.disconnect(1);
    await eventsOf(zero);
    await join(zero, one);
    one.send([requestVote({ from: 1, to: 0 })]);
    expect(await eventsOf(zero)).to.deep.equal(['RequestVote of 1']);
  });

  for (const [how, end] of [
    ['was told', (zero: Peers) => zero.disconnect(1)],
    ['shows by the link', (_: Peers, one: Peers) => one.close()],
    ['was told, and shows by the link', (zero: Peers, one: Peers) => [zero.disconnect(1), one.close()]],
    ['is not known yet', () => undefined],
  ] as const)
    it(`are handed out to their end before they are made anew, if that the peer has ended ${how}`, async () => {
      const [zero, one] = await joined();
      one.send([requestVote({ from: 1, to: 0 })]);
      await turnOfEvents();
      end(zero, one);
      await turnOfEvents();
      const [again] = await joined();
      expect(await join(zero, again)).to.deep.equal(['RequestVote of 1', '1 is gone']);
      again.send([requestVote({ from: 1, to: 0 })]);
      expect(await eventsOf(zero)).to.deep.equal(['RequestVote of 1']);
    });
});
