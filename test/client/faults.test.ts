import { expect } from 'chai';
import fc from 'fast-check';
import { Client } from '../../src/client/base-client.js';
import { FakeWorld } from '../support/client-world.js';

/** How a server behaves for a moment: what it does to its newest connection, and to the oldest command there. */
const behaviour = fc.constantFrom(
  'answer',
  'answer',
  'silence',
  'close',
  'refuse',
  'redirect',
  'nobody',
  'gone',
);
const CODES = ['ok', 'ERR_TIMEOUT', 'ERR_UNKNOWN_OUTCOME', 'ERR_VERSION', 'ERR_NOT_FOUND'];

describe('every call of a client', () => {
  it('ends in a result or a typed error at most 100 ms after its time limit, whatever servers do', async () => {
    const calls = fc.array(
      fc.record({ timeoutMs: fc.integer({ min: 1, max: 3000 }), isWrite: fc.boolean() }),
      {
        minLength: 1,
        maxLength: 8,
      },
    );
    const property = fc.asyncProperty(
      fc.array(behaviour, { minLength: 1, maxLength: 20 }),
      calls,
      fc.boolean(),
      async (behaviours, wanted, sessions) => {
        const world = new FakeWorld();
        const servers = ['10.0.0.1:9000', '10.0.0.2:9002'];
        const client = new Client({ servers, sessions }, world.client);
        const ends: string[] = [];
        let lateMs = 0;
        const startedAtMs = world.nowMs;
        for (const { timeoutMs, isWrite } of wanted) {
          const call = isWrite ? client.set('k', 'v', { timeoutMs }) : client.get('k', { timeoutMs });
          const end = (code: string) => {
            ends.push(code);
            lateMs = Math.max(lateMs, world.nowMs - startedAtMs - timeoutMs);
          };
          call.then(
            () => end('ok'),
            (error) => end(error.code),
          );
        }
        for (let step = 0; step < 400 && ends.length < wanted.length; step += 1) {
          await world.pass(10);
          act(world, behaviours[step % behaviours.length] ?? 'answer');
        }
        expect(ends).to.have.lengthOf(wanted.length);
        expect(lateMs).to.be.at.most(100);
        for (const code of ends) expect(CODES).to.include(code);
        const closed = client.close();
        await world.pass(1000);
        await closed;
        expect(world.timers).to.equal(0);
      },
    );
    await fc.assert(property, { numRuns: 40 });
  });
});

function act(world: FakeWorld, behaves: string): void {
  const link = world.links.at(-1);
  if (link === undefined || link.isDestroyed || behaves === 'silence') return;
  if (behaves === 'refuse' || behaves === 'close') link.close();
  else if (!link.isOpen && behaves !== 'gone') link.open();
  else if (link.isOpen)
    for (const line of link.take().filter((text) => text !== 'v')) link.reply(replyTo(line, behaves));
}

function replyTo(line: string, behaves: string): string {
  if (behaves === 'redirect') return 'ERR_REDIRECT 10.0.0.2 9002';
  if (behaves === 'nobody') return 'ERR_INTERNAL';
  if (behaves === 'gone' && line.startsWith('once')) return 'ERR_SESSION';
  if (line === 'session open') return 'SESSION s1';
  return line.includes('set ') ? 'OK 1' : 'ERR_NOT_FOUND';
}
