import { expect } from 'chai';
import {
  type ChangingServer,
  type ChangingServers,
  type MembersControl,
  Membership,
} from '../../src/cluster/membership.js';
import { initialConfiguration } from '../../src/raft/configuration.js';
import type { MembersView } from '../../src/wire/control.js';

const VIEW: MembersView = {
  isLeading: true,
  lastLog: { index: 1, term: 1 },
  configuration: initialConfiguration(1),
  isDecided: true,
  change: null,
};

/** A server whose leader's view is {@link VIEW}: 0 is the only member. */
function server(id: number, { isServing }: { readonly isServing: boolean }): ChangingServer {
  const control: MembersControl = {
    members: () => Promise.resolve(VIEW),
    changeMembers: () => Promise.reject(new Error('nothing is to be changed')),
  };
  return {
    id,
    identity: id,
    isUp: true,
    isServing,
    failure: undefined,
    start: () => undefined,
    stop: () => Promise.resolve(),
    restart: () => Promise.resolve(),
    call: (invoke) => invoke(control),
  };
}

describe('a process that starts after another one ended in the midst of a change', () => {
  it('ends the servers that are no members', async () => {
    const [leader, left] = [server(0, { isServing: true }), server(1, { isServing: false })];
    const servers = [leader, left];
    const sizes: number[] = [];
    const running: ChangingServers = {
      servers,
      claimant: leader,
      gateway: { serverAddress: (id) => ({ host: '127.0.0.1', port: id }) },
      has: (id) => servers.some((one) => one.id === id),
      member: (id) => servers.find((one) => one.id === id) ?? leader,
      idOf: (identity) => identity,
      takePorts: () => Promise.resolve(),
      givePorts: () => undefined,
      add: () => Promise.resolve(left),
      remove: async (gone) => {
        servers.splice(servers.indexOf(gone), 1);
      },
      settle: async (size) => {
        sizes.push(size);
      },
    };
    const membership = new Membership({
      running,
      eventLog: { record: () => undefined },
      electionTimeoutMs: 100,
      until: async (look) => {
        const found = look();
        if (found === undefined) throw new Error('it never comes');
        return found;
      },
      pause: () => new Promise(() => {}),
      handOver: () => Promise.resolve(),
    });
    await membership.settle();
    expect(servers).to.deep.equal([leader]);
    expect(sizes, 'the directory knows how many there are').to.deep.equal([1]);
  });
});
