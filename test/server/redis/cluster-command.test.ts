/** What clients are told of the cluster: CLUSTER, ROLE and INFO replication. */

import { expect } from 'chai';
import { Follower, Leader, resp, ServerSide } from '../../support/server/server-side.js';

const CLIENT = 1;

/** What it is told, of three servers at ports 9000, 9002 and 9004. */
function told(side: ServerSide, command: string): string {
  for (const slot of [0, 1, 2]) side.addresses.set(slot, { host: 'here', port: 9000 + 2 * slot });
  side.send(CLIENT, resp(command));
  return side.turn();
}

/** The ports that are told, in their order. */
function ports(text: string): string[] {
  return text.match(/90\d\d/g) ?? [];
}

describe('what clients are told of the servers', () => {
  it('names all of them while all serve', () => {
    const leader = new Leader();
    expect(ports(told(leader, 'CLUSTER SLOTS'))).to.deep.equal(['9000', '9002', '9004']);
    expect(told(leader, 'CLUSTER NODES').match(/ connected/g)).to.have.length(3);
    expect(told(leader, 'INFO replication')).to.include('connected_slaves:2\r\n');
    expect(ports(told(leader, 'ROLE'))).to.deep.equal(['9002', '9004']);
  });

  it('offers no server that is down as a replica, and says which one is', () => {
    const leader = new Leader();
    leader.down.add(1);
    expect(ports(told(leader, 'CLUSTER SLOTS'))).to.deep.equal(['9000', '9004']);
    expect(ports(told(leader, 'ROLE'))).to.deep.equal(['9004']);
    expect(told(leader, 'INFO replication')).to.include('connected_slaves:1\r\n');
    const nodes = told(leader, 'CLUSTER NODES').split('\n');
    expect(nodes[1]).to.match(/^\w{40} here:9000@9000 myself,master - 0 0 0 connected 0-16383$/);
    expect(nodes[2]).to.match(/^\w{40} here:9002@9002 slave,fail \w{40} 0 0 0 disconnected$/);
    expect(nodes[3]).to.match(/^\w{40} here:9004@9004 slave \w{40} 0 0 0 connected$/);
    const shards = told(leader, 'CLUSTER SHARDS');
    expect(shards.match(/\$6\r\nonline/g)).to.have.length(2);
    expect(shards.match(/\$6\r\nfailed/g)).to.have.length(1);
    expect(told(leader, 'CLUSTER LINKS').match(/direction/g), 'two to each other server').to.have.length(2);
  });

  it('names one again that has come back', () => {
    const leader = new Leader();
    leader.down.add(1);
    told(leader, 'CLUSTER SLOTS');
    leader.down.delete(1);
    expect(ports(told(leader, 'CLUSTER SLOTS'))).to.deep.equal(['9000', '9002', '9004']);
  });

  it('is the same at a server that follows', () => {
    const follower = new Follower();
    follower.down.add(1);
    expect(ports(told(follower, 'CLUSTER SLOTS'))).to.deep.equal(['9004', '9000']);
    expect(told(follower, 'CLUSTER NODES')).to.include('slave,fail');
  });

  it('is that the cluster is down while no leader is known: an empty layout would be taken for the truth', () => {
    const side = new ServerSide();
    expect(told(side, 'CLUSTER SLOTS')).to.equal('-CLUSTERDOWN The cluster is down\r\n');
    expect(told(side, 'CLUSTER INFO')).to.include('cluster_state:fail');
  });
});
