import { expect } from 'chai';
import { SlotPorts } from '../../src/cluster/slot-ports.js';
import type { ServerChannel } from '../../src/gateway/server-traffic.js';
import { eventually } from '../support/cluster.js';

const CHANNEL: ServerChannel = {
  trySend: () => true,
  tryReceive: () => undefined,
  watch: () => undefined,
};

describe('the port of a slot', () => {
  let calls: string[];
  let displaced: number[];
  let isRouting: boolean;
  let ports: SlotPorts;

  beforeEach(() => {
    calls = [];
    displaced = [];
    isRouting = false;
    const gateway = {
      attach: async (slot: number) => void calls.push(`attach ${slot}`),
      detach: (slot: number) => void calls.push(`detach ${slot}`),
      isRoutingTo: () => isRouting,
      setLeader: (leader: { readonly slot: number; readonly term: number } | undefined) =>
        void calls.push(`leader ${leader?.slot} in ${leader?.term}`),
    };
    ports = new SlotPorts(gateway, (server) => displaced.push(server));
  });

  it('is that of the first of two servers, and of the other one once the first is down', async () => {
    const [first, second] = [ports.of({ id: 1, slot: 1 }), ports.of({ id: 3, slot: 1 })];
    await first.attach(CHANNEL);
    await second.attach(CHANNEL);
    expect(ports.holderOf(1)).to.equal(1);
    first.detach();
    expect(ports.holderOf(1)).to.equal(3);
    second.detach();
    expect(calls).to.deep.equal(['attach 1', 'detach 1', 'attach 1', 'detach 1']);
  });

  it('goes to the one of them that leads: the other is started again', async () => {
    const [first, second] = [ports.of({ id: 1, slot: 1 }), ports.of({ id: 3, slot: 1 })];
    await first.attach(CHANNEL);
    await second.attach(CHANNEL);
    second.setLeader(7);
    expect(displaced).to.deep.equal([1]);
    first.detach();
    await eventually('the router knows the leader', () => calls.includes('leader 1 in 7'));
    expect(ports.holderOf(1)).to.equal(3);
  });

  it('is left only once the server has given back what the router sent it: that would have an unknown outcome', async () => {
    const port = ports.of({ id: 1, slot: 1 });
    await port.attach(CHANNEL);
    isRouting = true;
    let hasLeft = false;
    const leaving = port.leave().then(() => {
      hasLeft = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(hasLeft).to.equal(false);
    isRouting = false;
    await leaving;
    expect(hasLeft).to.equal(true);
  });
});
