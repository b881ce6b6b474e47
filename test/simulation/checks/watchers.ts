/** Whether watchers know the state from what they were told. */

import { lineKey } from '../../../src/protocol/text/watch-lines.js';
import { PropertyViolation } from '../../../src/raft/checks/property-violation.js';
import type { KeyValueStore } from '../../../src/state-machine/key-value-store.js';
import { recordsOf } from '../../support/records.js';
import type { SimulatedWatcher } from '../client/watcher.js';

/** Whether the watcher was told of all changes of the store. */
export function wasToldAll({ next }: SimulatedWatcher, { lastRevision }: KeyValueStore): boolean {
  return next === lastRevision + 1;
}

/** Throws PropertyViolation unless what the watcher was told comes to the state, where it was told all. */
export function checkWatcher({ content }: SimulatedWatcher, store: KeyValueStore): void {
  const told = [...content].map(([key, record]) => `${key}=${record}`).sort();
  const held = recordsOf(store)
    .map(([key, { revision, version, value }]) => `${lineKey(key)}=${revision} ${version} ${value}`)
    .sort();
  if (told.join('\n') === held.join('\n')) return;
  throw new PropertyViolation(
    'watch',
    `a watcher was told ${told.join(' ')}, and there is ${held.join(' ')}`,
  );
}
