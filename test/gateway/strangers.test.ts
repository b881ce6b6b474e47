import { expect } from 'chai';
import { MAX_LOCKED_UNANSWERED_BYTES } from '../../src/access-limits.js';
import type { Gateway } from '../../src/gateway/gateway.js';
import { Password } from '../../src/gateway/password.js';
import { MAX_READ_BYTES } from '../../src/limits.js';
import { AT_COMMAND_START, locked, type StreamCheckpoint } from '../../src/protocol/checkpoint.js';
import { FakeServer, TestBench, until } from './support.js';

const SENT_BYTES = 4 * 1024 * 1024;
const LOCKED = locked(AT_COMMAND_START);
const UNLOCKED: StreamCheckpoint = { place: 'unlocked', at: AT_COMMAND_START };

describe('a client that has yet to tell the password', () => {
  const bench = new TestBench();
  let gateway: Gateway;
  let server: FakeServer;

  beforeEach(async () => {
    const password = new Password(Buffer.from('known-to-some'), Buffer.alloc(0));
    gateway = await bench.gateway({ doors: { password, onWrongPassword: () => undefined } });
    server = new FakeServer();
    await gateway.attach(0, server);
    gateway.setLeader({ slot: 0, term: 1 });
  });

  afterEach(() => bench.clear());

  for (const name of ['server', 'router'] as const)
    it(`is not read for long at the port of a ${name} while it waits, and then as anybody else`, async () => {
      const client = await bench.client(name === 'server' ? gateway.serverAddress(0) : gateway.routerAddress);
      client.send(`auth wrong\r\n${'x'.repeat(SENT_BYTES)}`);
      const assignment = await server.assignment();
      const received = () => server.inputLength(assignment);
      await until('as much as a stranger may send', () => received() >= MAX_LOCKED_UNANSWERED_BYTES);
      expect(received()).to.be.at.most(MAX_LOCKED_UNANSWERED_BYTES + MAX_READ_BYTES);

      const before = received();
      server.reply(assignment, before, 'ERR_AUTH\r\n', LOCKED);
      await until('as much again', () => received() >= before + MAX_LOCKED_UNANSWERED_BYTES);
      expect(received()).to.be.at.most(before + MAX_LOCKED_UNANSWERED_BYTES + MAX_READ_BYTES);

      server.reply(assignment, received() - before, 'OK\r\n', UNLOCKED);
      await until('all of it', () => received() === 'auth wrong\r\n'.length + SENT_BYTES);
    });
});
