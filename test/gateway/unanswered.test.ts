import { expect } from 'chai';
import { NODE_ENVIRONMENT } from '../../src/environment.js';
import { ClientSocket } from '../../src/gateway/client-socket.js';
import { Slices } from '../../src/gateway/slices.js';
import { TotalUnansweredBytes, UnansweredBytes } from '../../src/gateway/unanswered.js';
import { UnwrittenSockets } from '../../src/gateway/unwritten-sockets.js';
import { MAX_RESUMED_AT_ONCE, streamLimits } from '../../src/limits.js';
import { locked } from '../../src/protocol/checkpoint.js';
import { IDLE_SOCKET } from './support.js';

const MAX_BYTES = 100;
const MODEST_BYTES = 10;
const LOCKED_BYTES = 40;

describe('the unanswered bytes of all connections', () => {
  /** What the pauses end with, in their order. */
  let pauses: (() => void)[];
  const startTimer = (callback: () => void) => {
    pauses.push(callback);
    return { cancel() {} };
  };
  const total = () => new TotalUnansweredBytes({ startTimer }, MAX_BYTES, MODEST_BYTES);

  beforeEach(() => {
    pauses = [];
  });

  /** A connection that counts against `all`, and its socket. */
  function connection(all: TotalUnansweredBytes, { strangers = all, mustUnlock = false } = {}) {
    const limits = streamLimits();
    const client = new ClientSocket(
      IDLE_SOCKET,
      { onData() {}, onInputEnd() {}, onWritten() {}, onGone() {} },
      { unwritten: new UnwrittenSockets(NODE_ENVIRONMENT), limits, slices: new Slices(NODE_ENVIRONMENT) },
    );
    const room = { maxBytes: limits.maxUnansweredBytes, total: all };
    const unanswered = { open: room, locked: { maxBytes: LOCKED_BYTES, total: strangers } };
    const doorkeeper = { asks: () => mustUnlock };
    return { client, bytes: new UnansweredBytes(client, { unanswered, doorkeeper }) };
  }

  it('pause, at the limit, whoever sends more, except for the first', () => {
    const all = total();
    const [first, second, idle] = [connection(all), connection(all), connection(all)];
    idle.bytes.arrived(10);
    first.bytes.arrived(90);
    second.bytes.arrived(MODEST_BYTES + 1);
    first.bytes.arrived(50);

    expect(first.client.isPaused).to.equal(false);
    expect(second.client.isPaused).to.equal(true);
    expect(idle.client.isPaused).to.equal(false);
  });

  it('pause nobody who has little unanswered', () => {
    const all = total();
    const [first, second, modest] = [connection(all), connection(all), connection(all)];
    first.bytes.arrived(MAX_BYTES);
    second.bytes.arrived(MAX_BYTES);
    modest.bytes.arrived(MODEST_BYTES - 1);

    expect(second.client.isPaused).to.equal(true);
    expect(modest.client.isPaused).to.equal(false);
    modest.bytes.arrived(1);
    expect(modest.client.isPaused).to.equal(true);
  });

  it('let the next one go on when the first was answered or has left', () => {
    const all = total();
    const [first, second, third, fourth] = [
      connection(all),
      connection(all),
      connection(all),
      connection(all),
    ];
    for (const { bytes } of [first, second, third, fourth]) bytes.arrived(MAX_BYTES);

    first.bytes.answered(MAX_BYTES);
    expect(second.client.isPaused).to.equal(false);
    expect(third.client.isPaused).to.equal(true);
    second.bytes.forget();
    expect(third.client.isPaused).to.equal(false);
    expect(fourth.client.isPaused).to.equal(true);
  });

  it('pause nobody once they are down to half of the limit', () => {
    const all = total();
    const waiting = [connection(all), connection(all), connection(all)];
    for (const { bytes } of waiting) bytes.arrived(MAX_BYTES / 4);
    for (const { bytes } of waiting) bytes.arrived(MAX_BYTES / 4);
    for (const { bytes } of waiting.slice(1)) bytes.answered(MAX_BYTES / 2);

    expect(waiting.map(({ client }) => client.isPaused)).to.deep.equal([false, false, false]);
  });

  it('let a few go on at a time, those first that have waited longest, and more after a moment', () => {
    const all = new TotalUnansweredBytes({ startTimer }, 10 * MAX_BYTES * MAX_RESUMED_AT_ONCE, MODEST_BYTES);
    const full = connection(all);
    full.bytes.arrived(10 * MAX_BYTES * MAX_RESUMED_AT_ONCE);
    const waiting = Array.from({ length: 2 * MAX_RESUMED_AT_ONCE + 2 }, () => connection(all));
    full.bytes.arrived(1);
    for (const { bytes } of waiting) bytes.arrived(MODEST_BYTES + 1);
    const running = () => waiting.findIndex(({ client }) => client.isPaused);
    expect(running()).to.equal(0);
    full.bytes.forget();
    expect(running(), 'and the one that is first now').to.equal(MAX_RESUMED_AT_ONCE + 1);
    pauses.shift()?.();
    expect(running()).to.equal(2 * MAX_RESUMED_AT_ONCE + 1);
    pauses.shift()?.();
    expect(running(), 'none waits').to.equal(-1);
    expect(pauses).to.have.length(0);
  });

  it('of clients without the password count apart, until that is told', () => {
    const all = total();
    const strangers = total();
    const client = connection(all);
    const [stranger, other] = [1, 2].map(() => connection(all, { strangers, mustUnlock: true }));
    if (stranger === undefined || other === undefined) throw new Error('there are none');
    other.bytes.arrived(MAX_BYTES);
    expect(other.client.isPaused, 'at its own limit').to.equal(true);
    stranger.bytes.arrived(LOCKED_BYTES - 1);
    expect(stranger.client.isPaused, 'at the limit of all strangers').to.equal(true);
    client.bytes.arrived(MAX_BYTES / 2);
    expect(client.client.isPaused).to.equal(false);

    stranger.bytes.answered(0, locked({ place: 'command' }));
    expect(stranger.client.isPaused).to.equal(true);
    stranger.bytes.answered(0, { place: 'unlocked', at: { place: 'command' } });
    expect(stranger.client.isPaused, 'once it is none').to.equal(false);
    client.bytes.arrived(MAX_BYTES / 2);
    stranger.bytes.arrived(LOCKED_BYTES);
    expect(stranger.client.isPaused, 'at the limit of those who are known').to.equal(true);
    stranger.bytes.answered(0, locked({ place: 'command' }));
    client.bytes.answered(MAX_BYTES);
    expect(stranger.client.isPaused, 'at its own limit, after RESET').to.equal(true);
    stranger.bytes.answered(stranger.bytes.byteCount);
    expect(stranger.client.isPaused).to.equal(false);
  });
});
