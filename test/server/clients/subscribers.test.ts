import { expect } from 'chai';
import { MAX_UNREAD_REPLY_BYTES } from '../../../src/limits.js';
import { AT_RESP_START, type RespCheckpoint } from '../../../src/protocol/checkpoint.js';
import type { Command } from '../../../src/protocol/command.js';
import { NO_SUBSCRIPTIONS, Subscriptions } from '../../../src/protocol/resp/subscriptions.js';
import { AppliedState } from '../../../src/server/applied-state.js';
import { ClientConnection, TotalUnread } from '../../../src/server/clients/client-connection.js';
import { Subscribers } from '../../../src/server/clients/subscriptions/subscribers.js';
import { KeyValueStore } from '../../../src/state-machine/key-value-store.js';
import {
  LEADERLESS_SUBSCRIBER_MS,
  MAX_STALLED_SUBSCRIBER_MS,
  SUBSCRIBER_BYTES_PER_TURN,
  SUBSCRIBER_LOOK_MS,
  SUBSCRIBER_TOLD_CHANGES,
} from '../../../src/subscription-limits.js';
import { opening } from '../../support/client-frames.js';
import { bytesOf, payloadOf, START_MS } from '../../support/commands.js';
import { HASH_SECRET } from '../../support/hash-secret.js';

const BY_KEY = '__keyspace@0__:';
const BY_EVENT = '__keyevent@0__:';

function set(key: string): Command {
  return { type: 'set', key, value: bytesOf('v'), exptimeS: 0 };
}

/** The subscribers of a server whose state the test changes, and what they are told. */
class Subscribed {
  readonly store: KeyValueStore;
  readonly state: AppliedState;
  readonly clients: ClientConnection[] = [];
  readonly told: string[] = [];
  readonly closed: number[] = [];
  closedCount = 0;
  #toldBytes = 0;
  nowMs = 0;
  isFull = false;
  leader: number | undefined = 1;
  readonly subscribers: Subscribers;

  constructor(maxChanges?: number) {
    this.store = new KeyValueStore(HASH_SECRET, maxChanges);
    this.state = new AppliedState(this.store, { index: 0, term: 0 });
    const raft = { leader: () => this.leader };
    this.subscribers = new Subscribers({
      raft: {
        get leader() {
          return raft.leader();
        },
      },
      changes: this.state,
      replies: this,
      close: (client) => {
        this.closed.push(client.id);
        this.subscribers.end(client);
      },
      onSubscribersClosed: (count) => {
        this.closedCount += count;
      },
    });
    this.apply(set('first'));
  }

  push(client: ClientConnection, text: string): void {
    this.told[client.id] += text;
    this.#toldBytes += text.length;
    client.addUnread(text.length);
  }

  apply(...commands: Command[]): void {
    this.store.apply(payloadOf(START_MS, commands));
  }

  /** So many changes of `a`. */
  applyMany(count: number): void {
    for (let left = count; left > 0; left -= 1_000)
      this.apply(...Array.from({ length: Math.min(left, 1_000) }, () => set('a')));
  }

  /** A client that comes from another server with what it was subscribed to. Returns the number that {@link told} has it by. */
  #open(at: RespCheckpoint, routed: boolean): ClientConnection {
    const id = this.clients.length;
    const client = new ClientConnection(id, { ...opening(id), at, routed }, new TotalUnread(), this.nowMs);
    this.clients.push(client);
    this.told.push('');
    return client;
  }

  subscribe(channels: string[], patterns: string[] = [], { routed } = { routed: true }): number {
    const client = this.#open(AT_RESP_START, routed);
    client.redis?.change({ subscriptions: new Subscriptions(channels, patterns) });
    this.subscribers.follow(client, this.nowMs);
    return client.id;
  }

  resume(toldTo: number, channels: string[]): number {
    const at = { ...AT_RESP_START, subscriptions: new Subscriptions(channels, []), toldTo };
    const client = this.#open(at, true);
    this.subscribers.resume(client, at, this.nowMs);
    return client.id;
  }

  /** A turn after which everybody but these reads. Returns how many bytes were told. */
  turn(...unread: number[]): number {
    const before = this.#toldBytes;
    this.subscribers.work(this.nowMs);
    for (const client of this.clients) if (!unread.includes(client.id)) client.addUnread(-client.unreadBytes);
    return this.#toldBytes - before;
  }

  /** Turns until nothing is due. */
  settle(...unread: number[]): void {
    for (let turns = 0; turns === 0 || this.subscribers.isDue; turns += 1) {
      if (turns > 10_000) throw new Error('there is always something due');
      this.turn(...unread);
    }
  }

  pass(ms: number, ...unread: number[]): void {
    this.nowMs += ms;
    this.settle(...unread);
  }

  /** The last part of each message that it was told. */
  payloads(id: number): string[] {
    return (this.told[id] ?? '')
      .split(/(?=\*[34]\r\n)/)
      .filter((text) => text !== '')
      .map((text) => text.split('\r\n').at(-2) ?? '');
  }
}

describe('subscribers', () => {
  it('are told of changes from then on, of their channels alone', () => {
    const server = new Subscribed();
    const one = server.subscribe([`${BY_KEY}a`, 'silent']);
    const two = server.subscribe([`${BY_EVENT}del`]);
    server.apply(set('a'), set('b'), { type: 'delete', key: 'a' });
    server.settle();
    expect(server.payloads(one)).to.deep.equal(['set', 'del']);
    expect(server.payloads(two)).to.deep.equal(['a']);
    expect(server.told[one]).to.equal(
      '*3\r\n$7\r\nmessage\r\n$16\r\n__keyspace@0__:a\r\n$3\r\nset\r\n*3\r\n$7\r\nmessage\r\n$16\r\n__keyspace@0__:a\r\n$3\r\ndel\r\n',
    );
  });

  it('who subscribe to more are told of that from then on', () => {
    const server = new Subscribed();
    const id = server.subscribe([`${BY_KEY}a`]);
    server.apply(set('a'), set('b'));
    const subscriptions = new Subscriptions([`${BY_KEY}a`, `${BY_KEY}b`], []);
    server.clients[id]?.redis?.change({ subscriptions });
    server.subscribers.follow(server.clients[id] as ClientConnection, 0);
    server.settle();
    server.apply(set('b'));
    server.settle();
    expect(server.payloads(id)).to.deep.equal(['set', 'set']);
    server.clients[id]?.redis?.change({ subscriptions: NO_SUBSCRIPTIONS });
    server.subscribers.follow(server.clients[id] as ClientConnection, 0);
    server.apply(set('a'));
    server.settle();
    expect(server.payloads(id)).to.have.lengthOf(2);
    expect(server.subscribers).to.include({ count: 0, byteLength: 0 });
    expect([...server.subscribers.names.channels()]).to.deep.equal([]);
  });

  it('thousands of one channel are told over several turns, each once, by one text', () => {
    const server = new Subscribed();
    const ids = Array.from({ length: 3_000 }, () => server.subscribe([`${BY_KEY}k`], [`${BY_KEY}*`]));
    server.apply(set('k'), set('k'));
    let turns = 0;
    do {
      expect(server.turn()).to.be.lessThan(2 * SUBSCRIBER_BYTES_PER_TURN);
      turns += 1;
    } while (server.subscribers.isDue);
    expect(turns).to.be.within(3, 10);
    for (const id of ids) expect(server.payloads(id)).to.deep.equal(['set', 'set', 'set', 'set']);
  });

  it('with many patterns that take long to compare do not make a turn long', () => {
    const server = new Subscribed();
    const patterns = Array.from({ length: 300 }, (_, i) => `*${'a'.repeat(100)}b*${i}`);
    const id = server.subscribe([`${BY_KEY}${'a'.repeat(240)}`], patterns);
    server.apply(set('a'.repeat(240)));
    let turns = 0;
    while (turns === 0 || server.subscribers.isDue) {
      server.turn();
      turns += 1;
    }
    expect(turns).to.be.within(2, 100);
    expect(server.payloads(id)).to.deep.equal(['set']);
  });

  it('who come from another server go on where that was, each change once', () => {
    const server = new Subscribed();
    const { lastRevision } = server.store;
    server.apply(set('a'), set('b'), set('a'), set('a'));
    const live = server.subscribe([`${BY_KEY}a`]);
    const late = server.resume(lastRevision + 2, [`${BY_KEY}a`]);
    const ahead = server.resume(lastRevision + 6, [`${BY_KEY}a`]);
    server.settle();
    server.apply(set('a'), set('a'));
    server.settle();
    expect(server.payloads(live)).to.have.lengthOf(2);
    expect(server.payloads(late)).to.have.lengthOf(4);
    expect(server.payloads(ahead)).to.have.lengthOf(1);
    expect(server.clients.map(({ subscriber }) => subscriber?.next)).to.deep.equal(
      Array(3).fill(lastRevision + 7),
    );
  });

  it('are told of what is left when what comes next is not kept', () => {
    const server = new Subscribed(1);
    const { lastRevision } = server.store;
    server.applyMany(5_000);
    const id = server.resume(lastRevision + 1, [`${BY_KEY}a`]);
    server.settle();
    const { length } = server.payloads(id);
    expect(length).to.be.greaterThan(0).and.lessThan(5_000);
    server.apply(set('a'));
    server.settle();
    expect(server.payloads(id)).to.have.lengthOf(length + 1);
    expect(server.closed).to.deep.equal([]);
  });

  it('who do not read are told no more, and go on when they do', () => {
    const server = new Subscribed();
    const [slow, quick] = [server.subscribe([`${BY_KEY}a`]), server.subscribe([`${BY_KEY}a`])];
    const { length } = '*3\r\n$7\r\nmessage\r\n$16\r\n__keyspace@0__:a\r\n$3\r\nset\r\n';
    const count = Math.ceil(MAX_UNREAD_REPLY_BYTES / length) + 1_000;
    server.applyMany(count);
    server.settle(slow);
    expect(server.payloads(quick)).to.have.lengthOf(count);
    expect(server.told[slow]?.length).to.be.within(MAX_UNREAD_REPLY_BYTES, MAX_UNREAD_REPLY_BYTES + length);
    server.pass(MAX_STALLED_SUBSCRIBER_MS / 2, slow);
    server.clients[slow]?.addUnread(-(server.clients[slow]?.unreadBytes ?? 0));
    server.turn();
    server.settle();
    expect(server.payloads(slow)).to.have.lengthOf(count);
    server.apply(set('a'));
    server.settle();
    expect(server.payloads(slow)).to.have.lengthOf(count + 1);
    expect(server.closed).to.deep.equal([]);
  });

  it('who do not read for long, or until changes are dropped, are closed', () => {
    const server = new Subscribed(10_000);
    const byTime = server.subscribe([`${BY_KEY}a`]);
    const byCount = server.subscribe([`${BY_KEY}a`]);
    const other = server.subscribe([`${BY_KEY}b`]);
    const fill = (id: number) => server.clients[id]?.addUnread(MAX_UNREAD_REPLY_BYTES);
    fill(byTime);
    server.apply(set('a'));
    server.settle(byTime);
    server.pass(MAX_STALLED_SUBSCRIBER_MS, byTime);
    expect(server.closed).to.deep.equal([byTime]);
    fill(byCount);
    for (let i = 0; i < 4; i += 1) {
      server.applyMany(5_000);
      server.settle(byCount);
    }
    server.pass(SUBSCRIBER_LOOK_MS, byCount);
    expect(server.closed).to.deep.equal([byTime, byCount]);
    server.pass(MAX_STALLED_SUBSCRIBER_MS);
    expect(server.closedCount).to.equal(2);
    server.apply(set('b'));
    server.settle();
    expect(server.payloads(other)).to.deep.equal(['set']);
  });

  it('of a server are closed when it hears of no leader for long, those of the router are not', () => {
    const server = new Subscribed();
    const own = server.subscribe(['x'], [], { routed: false });
    server.subscribe(['x']);
    server.leader = undefined;
    server.pass(SUBSCRIBER_LOOK_MS);
    expect(server.closed).to.deep.equal([]);
    server.pass(LEADERLESS_SUBSCRIBER_MS);
    expect(server.closed).to.deep.equal([own]);
    expect(server.closedCount).to.equal(0);
  });

  it('of the router that are told of nothing have their place told now and then', () => {
    const server = new Subscribed();
    const id = server.subscribe([`${BY_KEY}other`]);
    const before = server.clients[id]?.subscriber?.next ?? 0;
    server.applyMany(SUBSCRIBER_TOLD_CHANGES + 1);
    server.settle();
    expect(server.clients[id]?.subscriber?.next).to.equal(before);
    server.pass(SUBSCRIBER_LOOK_MS);
    expect(server.clients[id]?.subscriber?.next).to.equal(server.store.lastRevision + 1);
  });

  it('cost nothing when there are none: nothing is due', () => {
    const server = new Subscribed();
    expect(server.subscribers).to.include({ isDue: false, deadlineMs: Number.POSITIVE_INFINITY });
    const id = server.subscribe(['x']);
    expect(server.subscribers.deadlineMs).to.equal(SUBSCRIBER_LOOK_MS);
    server.subscribers.end(server.clients[id] as ClientConnection);
    expect(server.subscribers).to.include({ isDue: false, deadlineMs: Number.POSITIVE_INFINITY });
  });
});
