import { expect } from 'chai';
import { type ByteSpan, textOf } from '../../src/bytes/byte-reader.js';
import { NODE_ENVIRONMENT } from '../../src/environment.js';
import { Doorkeeper } from '../../src/gateway/doorkeeper.js';
import { QuestionRelay } from '../../src/gateway/question-relay.js';
import { type AssignmentOwner, ServerTraffic } from '../../src/gateway/server-traffic.js';
import { Slices } from '../../src/gateway/slices.js';
import { MAX_TRAFFIC_BATCH_BYTES } from '../../src/limits.js';
import { MAX_OPEN_LOOKUPS } from '../../src/lookup-limits.js';
import { opening } from '../support/client-frames.js';
import { FakeServer } from './support.js';

const NOBODY: AssignmentOwner = {
  from: { host: '127.0.0.1', port: 1 },
  onReply() {},
  onRefuse() {},
  onClose() {},
  onLost() {},
};

const turn = () => new Promise(setImmediate);

const SURROUNDINGS = {
  environment: NODE_ENVIRONMENT,
  questions: new QuestionRelay(NODE_ENVIRONMENT, new Slices(NODE_ENVIRONMENT), () => []),
  doorkeeper: new Doorkeeper(NODE_ENVIRONMENT, undefined),
};

describe('the traffic with a server', () => {
  /** Lets the client send in each of `turns` turns. Returns the lengths of what the server got, batch by batch. */
  async function batchesOf(turns: number, bytes: Uint8Array): Promise<readonly number[]> {
    const server = new FakeServer();
    const traffic = new ServerTraffic(server, () => {}, SURROUNDINGS);
    const assignment = traffic.open(NOBODY, opening(1));
    for (let n = 0; n < turns; n += 1) {
      assignment.send(bytes);
      await turn();
    }
    for (let n = 0; n < 10; n += 1) await turn();
    return server.batches.map((frames) => frames.filter(({ type }) => type === 'data').length);
  }

  it('calls those that wait for room once there is, but for those that are gone', async () => {
    const server = new FakeServer();
    server.capacity = 0;
    const traffic = new ServerTraffic(server, () => {}, SURROUNDINGS);
    traffic.open(NOBODY, opening(1));
    while (!traffic.full) await turn();
    const called: string[] = [];
    const [waiting, gone] = ['waiting', 'gone'].map((name) => ({ onRoom: () => called.push(name) }));
    if (waiting === undefined || gone === undefined) throw new Error('there are two');
    traffic.awaitRoom(waiting);
    traffic.awaitRoom(gone);
    traffic.awaitRoom(waiting);
    traffic.leaveRoomQueue(gone);
    server.makeRoom(1);
    server.makeRoom(1);
    expect(called).to.deep.equal(['waiting']);
  });

  it('hands on the parts of a long reply once it is there as a whole, and none if it never is', async () => {
    const server = new FakeServer();
    const traffic = new ServerTraffic(server, () => {}, SURROUNDINGS);
    const replies: string[] = [];
    const owner: AssignmentOwner = {
      ...NOBODY,
      onReply: (answeredBytes, _, bytes) => replies.push(`${answeredBytes} ${Buffer.from(bytes).toString()}`),
    };
    for (const connection of [1, 2]) traffic.open(owner, opening(connection)).send(Buffer.from('x'));
    await turn();
    const assignment = await server.assignment();
    const other = assignment + 1;
    for (const text of ['one ', 'two ']) server.say({ type: 'part', assignment, bytes: Buffer.from(text) });
    server.reply(other, 1, 'between');
    await turn();
    expect(replies).to.deep.equal(['1 between']);
    server.reply(assignment, 1, 'three');
    await turn();
    expect(replies).to.deep.equal(['1 between', '0 one ', '0 two ', '1 three']);
    server.say({ type: 'part', assignment, bytes: Buffer.from('lost') });
    await turn();
    traffic.lose();
    expect(replies).to.have.lengthOf(4);
  });

  it('goes in one batch though it came in several turns', async () => {
    expect(await batchesOf(3, Buffer.from('get k\r\n'))).to.deep.equal([3]);
  });

  it('waits for no more than a few turns however long they bring more', async () => {
    const batches = await batchesOf(100, Buffer.from('get k\r\n'));
    expect(Math.max(...batches)).to.be.within(2, 6);
    expect(batches.reduce((sum, count) => sum + count)).to.equal(100);
  });

  it('does not wait when there is much of it', async () => {
    expect(await batchesOf(3, Buffer.alloc(8 * 1024, 'x'))).to.deep.equal([1, 1, 1]);
  });

  describe('that looks keys up', () => {
    const bytesOf = (value: ByteSpan | undefined) => value && textOf(value);

    it('asks at once when nothing else is to be sent, and hands on what the server tells', () => {
      const server = new FakeServer();
      const traffic = new ServerTraffic(server, () => {}, SURROUNDINGS);
      const found: unknown[] = [];
      expect(traffic.lookUp(['k', 'l'], (values) => found.push(values.map(bytesOf)))).to.equal(true);
      const [lookup] = server.framesOf('lookup');
      expect(lookup?.keys).to.deep.equal(['k', 'l']);
      server.say({ type: 'found', lookup: lookup?.lookup ?? 0, values: ['v', undefined] });
      return turn().then(() => expect(found).to.deep.equal([['v', undefined]]));
    });

    it('is never first in a batch with others', async () => {
      const server = new FakeServer();
      const traffic = new ServerTraffic(server, () => {}, SURROUNDINGS);
      const session = traffic.open(NOBODY, opening(1));
      session.send(Buffer.alloc(MAX_TRAFFIC_BATCH_BYTES, 'x'));
      for (const key of ['k', 'l']) {
        traffic.lookUp([key], () => {});
        session.send(Buffer.from('get k\r\n'));
      }
      for (let n = 0; n < 10; n += 1) await turn();
      expect(server.framesOf('lookup')).to.have.lengthOf(2);
      for (const batch of server.batches)
        if (batch[0]?.type === 'lookup') expect(batch.map(({ type }) => type)).to.deep.equal(['lookup']);
    });

    it('asks no server that owes many answers, or does not keep up', () => {
      const server = new FakeServer();
      const traffic = new ServerTraffic(server, () => {}, SURROUNDINGS);
      for (let n = 0; n < MAX_OPEN_LOOKUPS; n += 1) expect(traffic.lookUp(['k'], () => {})).to.equal(true);
      expect(traffic.lookUp(['k'], () => {})).to.equal(false);
      const busy = new FakeServer();
      busy.capacity = 0;
      const traffics = new ServerTraffic(busy, () => {}, SURROUNDINGS);
      traffics.lookUp(['k'], () => {});
      expect(traffics.full).to.equal(true);
      expect(traffics.lookUp(['k'], () => {})).to.equal(false);
    });

    it('tells of no value once the server is gone', () => {
      const traffic = new ServerTraffic(new FakeServer(), () => {}, SURROUNDINGS);
      const found: unknown[] = [];
      traffic.lookUp(['k'], (values) => found.push(values));
      traffic.lose();
      expect(found).to.deep.equal([[]]);
      expect(traffic.lookUp(['k'], () => {})).to.equal(false);
    });
  });
});
