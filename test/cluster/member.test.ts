import { MessageChannel } from 'node:worker_threads';
import { expect } from 'chai';
import { openChannel } from '../../src/channel/port-channel.js';
import { EventLog } from '../../src/cluster/event-log.js';
import { Member } from '../../src/cluster/member.js';
import type { MemberThread, ServerReport } from '../../src/cluster/server-thread.js';
import type { ClientPort } from '../../src/cluster/slot-ports.js';
import { eventually } from '../support/cluster.js';
import { LogRecorder } from '../support/new-cluster.js';

/** A thread that is up at once. When it is told to stop, its disk stalls, and it does not end. */
function threadThatHangs(): MemberThread {
  const { port1, port2 } = new MessageChannel();
  port2.unref();
  const never = new Promise<never>(() => undefined);
  let stall = () => {};
  const stalled = new Promise<void>((resolve) => {
    stall = resolve;
  });
  async function* reports(): AsyncGenerator<ServerReport> {
    yield { type: 'up', term: 1, lastIndex: 0 };
    await stalled;
    yield { type: 'disk', condition: { name: 'stalled', forMs: 1000 } };
    await never;
  }
  return {
    traffic: openChannel(port1, { capacity: 1 }),
    ended: never,
    reports,
    kill: () => undefined,
    stop: () => {
      stall();
      return never;
    },
    call: () => never,
    tell: () => undefined,
  };
}

describe('a server that is told to stop', () => {
  it('leaves its port to another one of its slot when it does not end, since its disk stalls', async () => {
    const { logger } = new LogRecorder();
    const calls: string[] = [];
    const port: ClientPort = {
      attach: async () => void calls.push('attach'),
      detach: () => void calls.push('detach'),
      leave: async () => void calls.push('leave'),
      setLeader: () => undefined,
    };
    const thread = threadThatHangs();
    const member = new Member(0, {
      identity: 0,
      logger,
      eventLog: new EventLog(logger),
      port,
      place: { path: 'nowhere' },
      locate: async () => ({ path: 'nowhere' }),
      isClosing: () => false,
      newThread: () => thread,
      onUp: () => undefined,
      onCutOff: () => undefined,
      onChange: () => undefined,
    });
    try {
      member.start();
      await eventually('it is up', () => member.isUp);
      await member.stop();
      expect(member.isEnding).to.equal(true);
      expect(calls).to.deep.equal(['attach', 'leave', 'detach']);
    } finally {
      thread.traffic.close();
    }
  });
});
