import { expect } from 'chai';
import { pino } from 'pino';
import { clientNetwork } from '../../src/cluster/client-network.js';
import { NodeNetwork } from '../../src/gateway/node/node-network.js';
import { slowNetwork } from '../support/networks.js';

describe('the network of a cluster’s clients', () => {
  async function logOf(network: NodeNetwork): Promise<readonly Record<string, unknown>[]> {
    const lines: Record<string, unknown>[] = [];
    const logger = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) });
    const room = { servers: () => 3, maxConnections: 100 };
    await clientNetwork(logger, room, undefined, network).whySlow;
    return lines;
  }

  it('is said once to be slow, with the reason, where memory cannot be shared', async () => {
    const [line, ...more] = await logOf(slowNetwork());
    expect(line).to.include({ level: 40, reason: 'a test wants it so', node: process.version });
    expect(more).to.deep.equal([]);
  });

  it('needs no word where it can', async () => {
    expect(await logOf(new NodeNetwork())).to.deep.equal([]);
  });
});
