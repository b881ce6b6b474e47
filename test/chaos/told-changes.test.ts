import { expect } from 'chai';
import type { Change } from '../../src/client/index.js';
import { firstNotAmong } from '../../tools/chaos/subscribers.js';
import { ToldChanges, ToldWatcher } from '../../tools/chaos/told-changes.js';

/** What is found wrong when watchers are told these changes, each its own. */
function findingsOf(
  ...watchers: readonly { readonly from?: 0; readonly changes: readonly Change[] }[]
): string[] {
  const findings: string[] = [];
  const told = new ToldChanges((what) => findings.push(what));
  for (const [place, { from, changes }] of watchers.entries()) {
    const watcher = new ToldWatcher(told, `watcher ${place}`, from === 0, () => place);
    for (const change of changes) watcher.take(change);
  }
  told.check();
  return findings;
}

function set(key: string, revision: number, version = revision): Change {
  return { type: 'set', key, value: `c1-${revision}.`, version, ttl: undefined, revision };
}

function deleted(key: string, revision: number): Change {
  return { type: 'deleted', key, revision };
}

const synced = (revision: number): Change => ({ type: 'synced', revision });
const RESET: Change = { type: 'reset' };

describe('what watchers were told', () => {
  it('is right when each was told each change once', () => {
    const all = [set('a', 1), set('b', 2), deleted('a', 3), set('a', 4, 1)];
    const late = [set('b', 2), synced(3), set('a', 4, 1)];
    expect(findingsOf({ changes: all }, { from: 0, changes: late })).to.deep.equal([]);
  });

  for (const [what, changes, finding] of [
    ['a change that is left out', [set('a', 1), set('b', 4)], /was told of 2 changes after 0 up to 4, of 3/],
    ['a change that is repeated', [set('a', 1), set('a', 1), set('b', 2)], /was told of 1 after 1/],
    ['changes in another order', [set('b', 2), set('a', 1)], /was told of 1 after 2/],
    ['another change', [set('a', 1), set('c', 2)], /was told "set c 2 c1-2" at 2, and another one/],
  ] as const)
    it(`tells ${what}`, () => {
      const others = { changes: [set('a', 1), set('b', 2), set('b', 4)] };
      expect(findingsOf(others, { changes }).join('\n')).to.match(finding);
    });

  it('tells a value that was written twice', () => {
    const again: Change = { type: 'set', key: 'a', value: 'c1-1.', version: 2, ttl: undefined, revision: 2 };
    expect(findingsOf({ changes: [set('a', 1), again] }).join('\n')).to.match(
      /c1-1 was written twice, at 1 and at 2/,
    );
  });

  it('tells a state that lacks a key, and one with a key that is gone', () => {
    const all = { changes: [set('a', 1), set('b', 2), deleted('a', 3), set('b', 4)] };
    expect(findingsOf(all, { from: 0, changes: [synced(2)] }).join('\n')).to.match(
      /was told of a nothing in the state at 2, and it was last changed at 1\n.* of b nothing/,
    );
    expect(findingsOf(all, { from: 0, changes: [set('a', 1), set('b', 2), synced(3)] }).join('\n')).to.match(
      /was told of a 1 in the state at 3, and it was gone/,
    );
  });

  it('blames nobody for what no watcher was told', () => {
    const gap = [set('a', 1), RESET, set('b', 9), synced(9), set('b', 10)];
    expect(
      findingsOf({ changes: gap }, { from: 0, changes: [set('b', 9), synced(9), set('b', 10)] }),
    ).to.deep.equal([]);
  });
});

describe('what happened, for those who are told less', () => {
  it('is all changes in order, as long as some watcher was told of each', () => {
    const told = new ToldChanges(() => undefined);
    const take = (name: string, from: 0 | undefined, changes: readonly Change[]) => {
      const watcher = new ToldWatcher(told, name, from === 0, () => 0);
      for (const change of changes) watcher.take(change);
    };
    take('one', 0, [synced(0), set('a', 1), set('b', 2)]);
    take('two', undefined, [set('b', 2), deleted('a', 5)]);
    expect(told.inOrder()).to.deep.equal(['set a', 'set b', 'deleted a']);
    take('three', undefined, [set('c', 9)]);
    expect(told.inOrder()).to.equal(undefined);
  });

  it('has what a subscriber was told in it, each once', () => {
    const all = ['set a', 'set b', 'set a', 'deleted a'];
    for (const told of [[], all, ['set a', 'set a'], ['set b', 'deleted a']])
      expect(firstNotAmong(told, all)).to.equal(undefined);
    expect(firstNotAmong(['set a', 'set a', 'set a'], all)).to.equal(2);
    expect(firstNotAmong(['deleted a', 'set a'], all)).to.equal(1);
    expect(firstNotAmong(['set c'], all)).to.equal(0);
  });
});
