/** Operations of unknown outcome, of which nothing shows whether they took effect, by what others could know of them. */

import { isRead, type Operation } from './history.js';

/** Operations of unknown outcome that nobody can tell apart, in the order of their calls. */
export interface Kind {
  readonly operations: readonly Operation[];
  /** They take effect in this version alone, for a cas; undefined for what does in any. */
  readonly expected: number | undefined;
}

/**
 * Two operations are of the same kind if others can know the same of their effects, but for when they were called.
 *
 * @param isBuiltOn whether later values are made of the one that one of them writes
 */
export function kindsOf(guesses: readonly Operation[], { isBuiltOn }: { isBuiltOn: boolean }): Kind[] {
  const kinds = new Map<string, { operations: Operation[]; expected: number | undefined }>();
  const wanted = wantedBy(guesses);
  for (const operation of guesses) {
    const { action } = operation;
    if (isRead(action)) continue;
    const expected = action.op === 'cas' ? action.expected : undefined;
    // An exchange may depend on this very value.
    const isTold = 'value' in action && (isBuiltOn || wanted.has(action.value));
    const value = isTold ? action.value : '';
    const before = action.op === 'exchange' ? action.expected : '';
    const name = `${action.op} ${expected} ${before} ${value}`;
    const kind = kinds.get(name);
    if (kind === undefined) kinds.set(name, { operations: [operation], expected });
    else kind.operations.push(operation);
  }
  return [...kinds.values()];
}

/** The values that exchanges of unknown outcome would replace. */
export function wantedBy(guesses: readonly Operation[]): Set<string> {
  return new Set(guesses.flatMap(({ action }) => (action.op === 'exchange' ? (action.expected ?? []) : [])));
}
