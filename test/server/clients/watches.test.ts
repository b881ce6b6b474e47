import { expect } from 'chai';
import { MAX_VALUE_BYTES } from '../../../src/limits.js';
import type { Command } from '../../../src/protocol/command.js';
import { AppliedState } from '../../../src/server/applied-state.js';
import { ClientConnection, TotalUnread } from '../../../src/server/clients/client-connection.js';
import { StateTelling } from '../../../src/server/clients/watches/state-telling.js';
import { Watchers } from '../../../src/server/clients/watches/watchers.js';
import { KeyValueStore } from '../../../src/state-machine/key-value-store.js';
import { Work } from '../../../src/state-machine/work.js';
import {
  MAX_HISTORY_BYTES,
  MAX_STATE_WATCHERS,
  UNREAD_WANTED_STATE_MS,
  WATCH_BYTES_PER_TURN,
  WATCH_MARK_MS,
} from '../../../src/watch-limits.js';
import { opening } from '../../support/client-frames.js';
import { bytesOf, payloadOf, START_MS } from '../../support/commands.js';
import { HASH_SECRET } from '../../support/hash-secret.js';

const LARGE = 'x'.repeat(WATCH_BYTES_PER_TURN / 4);
const ALL_BYTES_AND_A_LINE = WATCH_BYTES_PER_TURN + 2 * LARGE.length;

function set(key: string, value = 'v'): Command {
  return { type: 'set', key, value: bytesOf(value), exptimeS: 0 };
}

/** The watchers of a server whose state the test changes, and what they are told. */
class Watched {
  readonly store: KeyValueStore;
  readonly clients: ClientConnection[] = [];
  readonly told: string[] = [];
  /** Where each would go on elsewhere, as far as its connection was told. */
  readonly places: (number | undefined)[] = [];
  nowMs = 0;
  isFull = false;
  readonly watchers: Watchers;

  constructor({ history }: { readonly history?: number } = {}) {
    this.store = new KeyValueStore(HASH_SECRET, history);
    this.watchers = new Watchers({
      raft: { leader: 1 },
      logTime: { nowMs: () => START_MS },
      changes: new AppliedState(this.store, { index: 0, term: 0 }),
      replies: this,
      close: (client) => this.watchers.end(client),
    });
    this.apply(set('first'));
  }

  push(client: ClientConnection, text: string): void {
    this.told[client.id] += text;
    this.places[client.id] = client.watch?.place.revision;
    client.addUnread(text.length);
  }

  apply(...commands: Command[]): void {
    this.store.apply(payloadOf(START_MS, commands));
  }

  /** Returns the number that {@link told} has it by. */
  watch(revision: number | undefined, prefix = ''): number {
    const id = this.clients.length;
    const client = new ClientConnection(id, opening(id), new TotalUnread(), this.nowMs);
    this.clients.push(client);
    this.told.push('');
    const request = { type: 'watch', prefix, revision, isResumed: false } as const;
    const reply = this.watchers.begin({ client }, request, this.nowMs);
    if (reply?.type === 'compacted') this.push(client, `refused ${reply.firstKept}`);
    return id;
  }

  /** A turn after which everybody but these reads. Returns how many bytes were told. */
  turn(...unread: number[]): number {
    const before = this.#toldBytes;
    this.watchers.work(this.nowMs);
    for (const client of this.clients) if (!unread.includes(client.id)) client.addUnread(-client.unreadBytes);
    return this.#toldBytes - before;
  }

  /** Turns until nothing is due. */
  settle(...unread: number[]): void {
    for (let turns = 0; turns === 0 || this.watchers.isDue; turns += 1) {
      if (turns > 1_000) throw new Error('there is always something due');
      this.turn(...unread);
    }
  }

  /** The revisions of the changes that it was told of, in order. */
  revisions(id: number): number[] {
    return [...(this.told[id] ?? '').matchAll(/^(?:SET|DELETED|FLUSHED) (\d+)/gm)].map(([, n]) => Number(n));
  }

  get #toldBytes(): number {
    return this.told.reduce((sum, { length }) => sum + length, 0);
  }
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

describe('a watch', () => {
  for (const skipped of [0, 5])
    it(`that begins ${skipped} changes before the last, which live ones are still to be told of, is told none before`, () => {
      const watched = new Watched();
      const live = watched.watch(undefined);
      watched.settle();
      const before = watched.store.lastRevision;
      watched.apply(...range(1, 20).map((n) => set(`k${n}`, LARGE)));
      watched.turn();
      expect(watched.revisions(live).length).to.be.below(20);
      const last = watched.store.lastRevision;
      const late = watched.watch(last - skipped + 1);
      watched.settle();
      watched.apply(set('end'));
      watched.settle();
      expect(watched.revisions(live)).to.deep.equal(range(before + 1, last + 1));
      expect(watched.revisions(late)).to.deep.equal(range(last - skipped + 1, last + 1));
    });
});

describe('a watch from a revision', () => {
  it('of another cluster, before all of this one, is refused, and one from the first is not', () => {
    const watched = new Watched();
    const first = watched.store.lastRevision;
    expect(watched.told[watched.watch(2)]).to.equal(`refused ${first}`);
    expect(watched.told[watched.watch(first - 1)]).to.equal(`refused ${first}`);
    for (const id of [watched.watch(first), watched.watch(1)]) {
      watched.settle();
      expect(watched.revisions(id)).to.deep.equal([first]);
    }
  });
});

describe('what is told of the state', () => {
  it('keeps no key aside that was there from the beginning', () => {
    const watched = new Watched();
    const client = watched.watch(0);
    for (let n = 0; n < 20; n += 1) watched.apply(set(`k${n}`, LARGE));
    const add = StateTelling.prototype.add;
    let added = 0;
    StateTelling.prototype.add = function (key) {
      added += 1;
      add.call(this, key);
    };
    try {
      watched.turn(client);
      for (let n = 0; n < 20; n += 1) watched.apply(set('k9', `${n}`), set('new', `${n}`));
      watched.settle();
    } finally {
      StateTelling.prototype.add = add;
    }
    expect(added).to.equal(1);
    expect(watched.told[client]).to.match(/AT \d+\r\n$/);
  });
});

describe('watchers', () => {
  it('are told a large change some in a turn, and each of all changes in the end', () => {
    const watched = new Watched();
    const ids = range(1, 50).map(() => watched.watch(undefined));
    watched.settle();
    const before = watched.store.lastRevision;
    watched.apply(set('a', LARGE), set('b'));
    do expect(watched.turn()).to.be.below(ALL_BYTES_AND_A_LINE);
    while (watched.watchers.isDue);
    for (const id of ids) expect(watched.revisions(id)).to.deep.equal([before + 1, before + 2]);
  });

  it('are told of parts of a large value one by one, and many at once cost others a limited time', () => {
    const watched = new Watched();
    watched.apply(set('big', 'x'.repeat(MAX_VALUE_BYTES - 1)));
    const id = watched.watch(undefined);
    watched.settle();
    const before = watched.store.lastRevision;
    const part = (at: number): Command => ({ type: 'redis', args: ['SETRANGE', 'big', `${at}`, 'y'] });
    for (let at = 0; at < 40; at += 1) {
      watched.apply(part(at));
      watched.settle();
    }
    expect(watched.revisions(id)).to.deep.equal(range(before + 1, before + 40));
    const work = new Work();
    watched.store.begin(payloadOf(START_MS, range(1, 1_000).map(part)));
    expect(watched.store.goOn(work)).to.equal(true);
    expect(work.totalUnits).to.be.below(2 * MAX_HISTORY_BYTES);
    watched.settle();
    const [, firstKept] = /\r\nERR_COMPACTED (\d+)\r\n$/.exec(watched.told[id] ?? '') ?? [];
    expect(Number(firstKept)).to.be.above(watched.revisions(id).at(-1) ?? 0);
    const anew = watched.watch(0, 'big');
    watched.settle();
    watched.apply(part(0));
    watched.settle();
    const { lastRevision } = watched.store;
    expect(watched.revisions(anew)).to.deep.equal([lastRevision - 1, lastRevision]);
  });

  it('that lag take their turns, and look at a limited number of changes in one', () => {
    const watched = new Watched();
    const from = watched.store.lastRevision + 1;
    watched.apply(...range(1, 2_000).map((n) => set(`other${n}`)), set('mine'));
    const { history } = watched.store;
    let looked = 0;
    const visit = history.visit.bind(history);
    history.visit = (first, last, take) =>
      visit(first, last, (change) => {
        looked += 1;
        return take(change);
      });
    const ids = range(1, 40).map(() => watched.watch(from, 'mine'));
    while (watched.watchers.isDue) {
      looked = 0;
      watched.turn();
      expect(looked).to.be.below(20_000);
    }
    for (const id of ids) expect(watched.revisions(id)).to.deep.equal([watched.store.lastRevision]);
  });

  it('of the state are told it although those who are live are never told all', () => {
    const watched = new Watched();
    const live = watched.watch(undefined);
    watched.settle();
    const late = watched.watch(0, 'first');
    for (let turns = 0; turns < 20; turns += 1) {
      watched.apply(...range(1, 5).map((n) => set(`k${n}`, LARGE)));
      watched.turn();
    }
    expect(watched.revisions(live).length).to.be.below(100);
    expect(watched.told[late]).to.match(/^SET \d+ first 1 0 1\r\nv\r\nAT \d+\r\n/);
  });

  it('of the state that do not read make room for one that waits', () => {
    const watched = new Watched();
    for (let n = 0; n < 20; n += 1) watched.apply(set(`k${n}`, LARGE));
    const stalled = range(1, MAX_STATE_WATCHERS).map(() => watched.watch(0));
    watched.settle(...stalled);
    const waiting = watched.watch(0, 'first');
    watched.settle(...stalled);
    expect(watched.told[waiting]).to.equal('');
    watched.nowMs += UNREAD_WANTED_STATE_MS;
    watched.settle(...stalled);
    watched.settle(...stalled);
    expect(watched.told[waiting]).to.match(/^SET .*\r\nv\r\nAT \d+\r\n$/);
    expect(watched.told[stalled[0] ?? -1]).to.match(/ERR_COMPACTED \d+\r\n$/);
  });

  it('have no mark due at once while nothing can be told', () => {
    const watched = new Watched();
    watched.watch(undefined);
    watched.settle();
    watched.nowMs += WATCH_MARK_MS;
    watched.isFull = true;
    watched.turn();
    expect(watched.watchers.deadlineMs).to.be.above(watched.nowMs);
  });
});

describe('a watch of a quiet prefix', () => {
  it('is told how far it has been told, never ahead of a change, and goes on from there', () => {
    const watched = new Watched();
    const quiet = watched.watch(undefined, 'quiet');
    const other = watched.watch(undefined, 'other');
    watched.settle();
    watched.apply(...range(1, 20).map((n) => set(`other${n}`, LARGE)), set('quiet'));
    watched.nowMs += WATCH_MARK_MS;
    watched.turn();
    const last = watched.store.lastRevision;
    for (const id of [quiet, other])
      for (const [, mark] of (watched.told[id] ?? '').matchAll(/^AT (\d+)/gm))
        expect(Number(mark)).to.be.below(last);
    watched.settle();
    expect(watched.revisions(quiet)).to.deep.equal([last]);
    watched.apply(set('another'));
    watched.nowMs += WATCH_MARK_MS;
    watched.settle();
    expect(watched.told[quiet]).to.match(new RegExp(`AT ${last + 1}\\r\\n$`));
  });

  for (const [what, history, value] of [
    ['many changes', undefined, 'v'],
    ['few changes', 1_000, 'v'],
    ['few of large values', undefined, LARGE],
  ] as const)
    it(`has its place told before ${what} are no more kept`, () => {
      const watched = new Watched({ ...(history === undefined ? {} : { history }) });
      const quiet = watched.watch(undefined, 'quiet');
      watched.settle();
      watched.push(watched.clients[quiet] as ClientConnection, '');
      const count = value === LARGE ? 10 : 300;
      const rounds = value === LARGE ? 60 : 600;
      for (let round = 0; round < rounds; round += 1) {
        watched.apply(...range(1, count).map((n) => set(`other${n}`, value)));
        watched.nowMs += 500;
        watched.settle();
        expect(watched.places[quiet]).to.be.at.least(watched.store.history.firstKept);
      }
      expect(watched.store.history.firstKept).to.be.above(watched.store.lastRevision - rounds * count);
    }).timeout(60_000);
});
