/** Why a migration cannot be begun, or gone on with. */

/** The message is one line, which says what to do. */
export class MigrationError extends Error {
  readonly code = 'MIGRATION_REFUSED';

  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = 'MigrationError';
  }
}

/** What was copied is of no use any more. Nothing but beginning anew helps. */
export class BeginAnewError extends MigrationError {}

/** etcd does not keep any more what its keys were when the migration began. */
export class CompactedError extends BeginAnewError {
  constructor(revision: string) {
    super(`etcd keeps its revision ${revision} no more, as of which keys were copied: begin anew`);
    this.name = 'CompactedError';
  }
}
