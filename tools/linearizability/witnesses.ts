/** What the outcomes of some operations tell of others: whose value they met, and by when it was there. */

import type { Action, Operation } from './history.js';

/** An action with a value that nobody else writes, which is then the key's. */
const WRITES_VALUE: ReadonlySet<Action['op']> = new Set(['set', 'cas', 'swap', 'exchange']);

/**
 * Each operation, as far as it is known, with what it is in the history. A write whose value was read took effect before
 * that read returned, whatever its own client was told.
 */
export function withWitnesses(history: readonly Operation[]): Map<Operation, Operation> {
  const witnesses = new Map<string, Witness>();
  for (const operation of history) {
    const seen = seenBy(operation);
    if (seen === undefined) continue;
    const { return: end } = operation;
    const other = witnesses.get(seen.value);
    const version = seen.version ?? other?.version;
    witnesses.set(seen.value, { return: Math.min(end, other?.return ?? end), version });
  }
  return new Map(
    history.map((operation) => {
      const { action } = operation;
      const value = 'value' in action && WRITES_VALUE.has(action.op) ? action.value : undefined;
      const witness = value === undefined ? undefined : witnesses.get(value);
      return [witness === undefined ? operation : witnessed(operation, witness), operation];
    }),
  );
}

function witnessed(operation: Operation, witness: Witness): Operation {
  if (operation.outcome.type === 'unknown')
    return { ...operation, outcome: { type: 'stored', version: witness.version }, return: witness.return };
  return witness.return < operation.return ? { ...operation, return: witness.return } : operation;
}

/** The value that the operation met and replaced; undefined if it is not known, or there was none. */
export function replacedBy({ action, outcome }: Operation): string | undefined {
  if (outcome.type === 'swapped') return outcome.before;
  return action.op === 'exchange' && outcome.type === 'stored' ? action.expected : undefined;
}

/** What those who met a value know of the write that made it. */
interface Witness {
  /** When the first of them returned. */
  readonly return: number;
  readonly version: number | undefined;
}

/** The value that the operation is known to have met. */
function seenBy(operation: Operation): Seen | undefined {
  if (operation.outcome.type === 'found') return operation.outcome;
  const value = replacedBy(operation);
  return value === undefined ? undefined : { value };
}

interface Seen {
  readonly value: string;
  readonly version?: number | undefined;
}
