import { expect } from 'chai';
import { FrontPorts } from '../../src/cluster/front-ports.js';
import type { ServerChannel } from '../../src/gateway/server-traffic.js';

const CHANNEL: ServerChannel = {
  trySend: () => true,
  tryReceive: () => undefined,
  watch: () => undefined,
};

describe('the ports of servers that each answer everything', () => {
  let calls: string[];
  let opening: (() => void)[];
  let ports: FrontPorts;

  beforeEach(() => {
    calls = [];
    opening = [];
    ports = new FrontPorts({
      attach: (slot) => {
        calls.push(`attach ${slot}`);
        return new Promise((resolve) => opening.push(resolve));
      },
      detach: (slot) => void calls.push(`detach ${slot}`),
      setLeader: (leader) => void calls.push(`route to ${leader?.slot} in ${leader?.term}`),
    });
  });

  async function open(slot: number) {
    const port = ports.of({ id: slot, slot });
    const attached = port.attach(CHANNEL);
    for (const resolve of opening.splice(0)) resolve();
    await attached;
    return port;
  }

  it('have the router go to one that is up, until it is down', async () => {
    const first = await open(0);
    await open(1);
    first.detach();
    expect(calls).to.deep.equal(['attach 0', 'route to 0 in 1', 'attach 1', 'detach 0', 'route to 1 in 2']);
    expect([ports.holderOf(0), ports.holderOf(1)]).to.deep.equal([undefined, 1]);
  });

  it('are closed, and the router does not go there, if the server was down before its port was open', async () => {
    const port = ports.of({ id: 0, slot: 0 });
    const attached = port.attach(CHANNEL);
    port.detach();
    for (const resolve of opening.splice(0)) resolve();
    await attached;
    expect(calls).to.deep.equal(['attach 0', 'detach 0']);
    expect(ports.holderOf(0)).to.equal(undefined);
    await open(1);
    expect(calls.slice(2)).to.deep.equal(['attach 1', 'route to 1 in 1']);
  });
});
