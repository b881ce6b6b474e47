import { expect } from 'chai';
import { NODE_ENVIRONMENT } from '../../src/environment.js';
import { Doorkeeper } from '../../src/gateway/doorkeeper.js';
import { QuestionRelay, type UnassignedConnection } from '../../src/gateway/question-relay.js';
import { type AssignmentOwner, ServerTraffic } from '../../src/gateway/server-traffic.js';
import { Slices } from '../../src/gateway/slices.js';
import { MAX_SLICES_MS_PER_TURN } from '../../src/limits.js';
import { MAX_OPEN_QUESTIONS, QUESTION_TIMEOUT_MS } from '../../src/redis-limits.js';
import type { ClientFrame } from '../../src/wire/client-frames.js';
import { opening } from '../support/client-frames.js';
import { FakeServer, until } from './support.js';

const NOBODY: AssignmentOwner = {
  from: { host: '127.0.0.1', port: 1 },
  onReply() {},
  onRefuse() {},
  onClose() {},
  onLost() {},
};

type Asked = Extract<ClientFrame, { type: 'question' }>;

/** Servers, and a clock that stands still until it is told to go on. */
class World {
  nowMs = 0;
  unassigned: UnassignedConnection[] = [];
  #timers: { readonly atMs: number; readonly run: () => void }[] = [];
  readonly environment = {
    ...NODE_ENVIRONMENT,
    nowMs: () => this.nowMs,
    startTimer: (run: () => void, delayMs: number) => {
      const timer = { atMs: this.nowMs + delayMs, run };
      this.#timers.push(timer);
      return { cancel: () => (this.#timers = this.#timers.filter((one) => one !== timer)) };
    },
  };
  readonly questions = new QuestionRelay(
    this.environment,
    new Slices(this.environment),
    () => this.unassigned,
  );

  server(): { readonly fake: FakeServer; readonly traffic: ServerTraffic } {
    const fake = new FakeServer();
    const { environment, questions } = this;
    const traffic = new ServerTraffic(fake, () => undefined, {
      environment,
      questions,
      doorkeeper: new Doorkeeper(environment, undefined),
    });
    // Sessions 1 to 9 are open.
    for (let assignment = 1; assignment < 10; assignment += 1) traffic.open(NOBODY, opening(assignment));
    return { fake, traffic };
  }

  pass(ms: number): void {
    this.nowMs += ms;
    for (const timer of [...this.#timers]) if (timer.atMs <= this.nowMs) timer.run();
  }
}

async function asked(server: FakeServer, n = 0): Promise<Asked> {
  return until(`question number ${n}`, () => server.framesOf('question')[n]);
}

describe('a question of a client to all servers', () => {
  it('goes to each, and all answers come back together', async () => {
    const world = new World();
    const [first, second] = [world.server(), world.server()];
    first.fake.say({ type: 'ask-all', assignment: 7, connection: 3, args: ['LIST'] });
    const { question, connection, args } = await asked(second.fake);
    expect({ connection, args }).to.deep.equal({ connection: 3, args: ['LIST'] });
    await asked(first.fake);
    second.fake.say({ type: 'answer', question, answer: 'id=2\n' });
    first.fake.say({ type: 'answer', question, answer: 'id=1\n' });
    const [answer] = await until(
      'the answer',
      () => first.fake.framesOf('all-answers').length > 0 && first.fake.framesOf('all-answers'),
    );
    expect(answer?.assignment).to.equal(7);
    expect(answer?.answers).to.have.members(['', 'id=1\n', 'id=2\n']);
    expect(second.fake.framesOf('all-answers')).to.deep.equal([]);
  });

  it('is answered in several turns where very many connections are assigned to no server', async () => {
    const world = new World();
    const count = 2_000;
    const lookMs = 0.01;
    /** For how long connections were looked at in each turn. */
    const turnsMs: number[] = [];
    let turnStartMs = 0;
    const connection: UnassignedConnection = {
      client: { destroy: () => undefined },
      get facts() {
        world.nowMs += lookMs;
        turnsMs[turnsMs.length - 1] = world.nowMs - turnStartMs;
        return undefined;
      },
    };
    world.unassigned = Array.from({ length: count }, () => connection);
    const countTurns = () => {
      turnsMs.push(0);
      turnStartMs = world.nowMs;
      if (world.nowMs < count * lookMs) setImmediate(countTurns);
    };
    countTurns();
    const server = world.server();
    server.fake.say({ type: 'ask-all', assignment: 7, connection: 3, args: ['LIST'] });
    const { question } = await asked(server.fake);
    server.fake.say({ type: 'answer', question, answer: 'id=1\n' });
    const [answer] = await until(
      'the answer',
      () => server.fake.framesOf('all-answers').length > 0 && server.fake.framesOf('all-answers'),
    );
    expect(answer?.answers).to.have.members(['', 'id=1\n']);
    expect(world.nowMs).to.be.closeTo(count * lookMs, lookMs);
    expect(Math.max(...turnsMs)).to.be.below(2 * MAX_SLICES_MS_PER_TURN);
  });

  it('does not wait for a server that is gone, or that does not answer in time', async () => {
    const world = new World();
    const [first, gone, silent] = [world.server(), world.server(), world.server()];
    first.fake.say({ type: 'ask-all', assignment: 1, connection: 1, args: ['UNPAUSE'] });
    const { question } = await asked(first.fake);
    first.fake.say({ type: 'answer', question, answer: '' });
    await asked(silent.fake);
    gone.traffic.lose();
    expect(first.fake.framesOf('all-answers')).to.deep.equal([]);
    world.pass(QUESTION_TIMEOUT_MS);
    await until('the answer', () => first.fake.framesOf('all-answers').length === 1);
  });

  it('waits while others are open', async () => {
    const world = new World();
    const { fake } = world.server();
    for (let assignment = 1; assignment <= MAX_OPEN_QUESTIONS + 1; assignment += 1)
      fake.say({ type: 'ask-all', assignment, connection: assignment, args: ['LIST'] });
    const { question } = await asked(fake, MAX_OPEN_QUESTIONS - 1);
    expect(fake.framesOf('question')).to.have.length(MAX_OPEN_QUESTIONS);
    fake.say({ type: 'answer', question, answer: '' });
    expect((await asked(fake, MAX_OPEN_QUESTIONS)).connection).to.equal(MAX_OPEN_QUESTIONS + 1);
  });

  it('is told to servers that come up later, if it is a pause that goes on or a setting', async () => {
    const world = new World();
    const { fake } = world.server();
    fake.say({ type: 'ask-all', assignment: 1, connection: 1, args: ['PAUSE', '1000', 'WRITE'] });
    fake.say({
      type: 'ask-all',
      assignment: 2,
      connection: 2,
      args: ['CONFIG', 'SET', 'slowlog-max-len', '5'],
    });
    await asked(fake, 1);
    world.pass(400);
    const later = world.server();
    await asked(later.fake, 1);
    expect(later.fake.framesOf('question').map(({ args }) => args)).to.deep.equal([
      ['CONFIG', 'SET', 'slowlog-max-len', '5'],
      ['PAUSE', '600', 'WRITE'],
    ]);
    world.pass(600);
    const latest = world.server();
    await asked(latest.fake);
    expect(latest.fake.framesOf('question').map(({ args }) => args[0])).to.deep.equal(['CONFIG']);
  });
});
