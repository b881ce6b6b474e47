/** What files of limits assert when they are loaded: nobody changes one of two that depend on each other. */

/** What must hold between limits, and why. */
export type LimitRelation = readonly [holds: boolean, why: string];

/** Throws if one of them does not hold. */
export function assertRelations(file: string, relations: readonly LimitRelation[]): void {
  for (const [holds, why] of relations) if (!holds) throw new Error(`${file} does not hold: ${why}`);
}
