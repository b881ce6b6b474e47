import { expect } from 'chai';
import { CommandOrder, type Grouping, type Ordered } from '../../src/etcd/command-order.js';
import { MAX_LOOKED_AT } from '../../src/etcd-limits.js';

interface Named extends Ordered {
  readonly what: string;
}

const clients = new Map<string, object>();

/** A command: its client and number, and the names that it reaches. */
function command(what: string, ...names: string[]): Named {
  const [who = ''] = what;
  const client = clients.get(who) ?? { who };
  clients.set(who, client);
  return { what, client, names, isAlone: false };
}

const ALL: Grouping<Named> = { joins: () => true, isEnough: () => true };
const upTo = (size: number): Grouping<Named> => ({ ...ALL, joins: (_, group) => group.length < size });

describe('the order of commands that go to etcd', () => {
  let order: CommandOrder<Named>;

  beforeEach(() => {
    order = new CommandOrder();
  });

  function add(...commands: readonly Named[]): void {
    for (const one of commands) order.add(one);
  }

  /** What may go now, as told by `grouping`. */
  function begin(grouping = ALL) {
    const group = order.begin(grouping);
    return { group, told: group.map(({ what }) => what).join(' ') };
  }

  it('has all go together that may', () => {
    add(command('a1', 'x'), command('b1', 'x'), command('a2', 'y'));
    expect(begin().told).equal('a1 b1 a2');
    expect(begin().told).equal('');
  });

  it('has no command of a client go while an earlier one is under way in another group', () => {
    add(command('a1', 'x'), command('a2', 'y'), command('b1', 'z'), command('a3', 'w'));
    const first = begin(upTo(1));
    expect(first.told).equal('a1');
    expect(begin().told).equal('b1');
    expect(begin().told).equal('');
    order.end(first.group, []);
    expect(begin().told).equal('a2 a3');
  });

  it('has no key be in two groups under way, but disjoint ones beside each other', () => {
    add(command('a1', 'x', 'y'), command('b1', 'y', 'z'), command('c1', 'w'));
    const first = begin(upTo(1));
    expect(begin().told).equal('c1');
    order.end(first.group, []);
    expect(begin().told).equal('b1');
  });

  it('lets nobody overtake who wants a key that an earlier command waits for, or comes from its client', () => {
    add(
      command('a1', 'x'),
      command('b1', 'x', 'y'),
      command('c1', 'y'),
      command('b2', 'v'),
      command('d1', 'v'),
    );
    const first = begin(upTo(1));
    add(command('e1', 'w'));
    expect(begin().told).equal('e1');
    order.end(first.group, []);
    expect(begin().told).equal('b1 c1 b2 d1');
  });

  it('puts those in front again that are not finished', () => {
    add(command('a1', 'x'), command('a2', 'x'), command('a3', 'y'), command('b1', 'y'));
    const { group } = begin(upTo(3));
    order.end(group, group.slice(1));
    expect(order.count).equal(3);
    expect(begin().told).equal('a2 a3 b1');
  });

  it('has a command that is alone wait for all before it, and all after it wait for that', () => {
    add(command('a1', 'x'), { ...command('b1'), isAlone: true }, command('c1', 'y'));
    const first = begin();
    expect(first.told).equal('a1');
    expect(begin().told).equal('');
    order.end(first.group, []);
    const alone = begin();
    expect(alone.told).equal('b1');
    expect(begin().told).equal('');
    order.end(alone.group, []);
    expect(begin().told).equal('c1');
  });

  it('begins beside others only with enough, and by itself with whatever there is', () => {
    const three: Grouping<Named> = { ...ALL, isEnough: ({ length }) => length >= 3 };
    add(command('a1', 'x'));
    const { group } = begin(three);
    add(command('b1', 'y'), command('c1', 'z'));
    expect(begin(three).told).equal('');
    add(command('d1', 'w'));
    expect(begin(three).told).equal('b1 c1 d1');
    add(command('e1', 'v'));
    expect(begin(three).told).equal('');
    order.end(group, []);
    expect(begin(three).told).equal('');
  });

  it('takes those out whose time is over, but none whose client is to be answered something else before', () => {
    add(
      command('a1', 'x'),
      command('a2', 'y'),
      command('b1', 'x'),
      command('b2'),
      command('c1'),
      command('c2'),
    );
    const { group } = begin(upTo(1));
    const over = order.takeOver(({ what }) => what !== 'b1' && what !== 'c2');
    expect(over.map(({ what }) => what)).deep.equal(['c1']);
    order.end(group, []);
    expect(begin().told).equal('a2 b1 b2 c2');
  });

  it('counts what waits and what is under way, and looks through both', () => {
    add(command('a1', 'x'), command('b1', 'y'));
    const { group } = begin(upTo(1));
    expect(order.count).equal(2);
    expect(order.some(({ what }) => what === 'a1') && order.some(({ what }) => what === 'b1')).equal(true);
    order.end(group, []);
    expect(order.count).equal(1);
    expect(order.some(({ what }) => what === 'a1')).equal(false);
  });

  it('looks at a limited part of a long queue, and not again until there is something new', () => {
    add(command('a1', 'x'));
    const { group } = begin();
    for (let i = 0; i < 2 * MAX_LOOKED_AT; i += 1) add(command('a2', 'x'));
    add(command('b1', 'y'));
    expect(begin().told).equal('');
    order.end(group, []);
    expect(begin().group).lengthOf(MAX_LOOKED_AT / 2);
  });
});
