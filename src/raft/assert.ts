/**
 * What must hold inside the core, checked where it is relied upon. A violation is a bug in this program, never
 * the fault of a user or of the network: the server that finds one stops rather than go on with a broken log.
 */

export class InvariantError extends Error {
  readonly code = 'INVARIANT_VIOLATED';

  constructor(message: string) {
    super(`consensus invariant violated: ${message}`);
    this.name = 'InvariantError';
  }
}

/** Throws {@link InvariantError} unless the condition holds. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}
