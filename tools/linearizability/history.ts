/**
 * What clients did and saw, one operation after the other.
 */

/** What an operation asked for. Values are unique across a history, so that a read tells which write it saw. */
export type Action =
  | { readonly op: 'set'; readonly value: string }
  | { readonly op: 'get' }
  | { readonly op: 'cas'; readonly value: string; readonly expected: number }
  | { readonly op: 'delete' };

/** What the client was told. */
export type Outcome =
  /** `version` is undefined where the client is not told. */
  | { readonly type: 'stored'; readonly version: number | undefined }
  | { readonly type: 'found'; readonly value: string; readonly version?: number | undefined }
  | { readonly type: 'not-found' }
  | { readonly type: 'version-mismatch' }
  | { readonly type: 'deleted' }
  /** Nothing that could be relied on: the operation may take effect at any later time, or never. */
  | { readonly type: 'unknown' };

export interface Operation {
  readonly client: number;
  readonly key: string;
  readonly action: Action;
  readonly outcome: Outcome;
  /** When it was asked for, on a clock that all clients share. */
  readonly call: number;
  /** When the outcome was known; means nothing if it never was, as an operation goes on after its client gave up. */
  readonly return: number;
  /** Where it is in the log of what took effect, if anybody knows; undefined otherwise. */
  readonly position: number | undefined;
}
