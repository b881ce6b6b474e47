/**
 * What clients did and saw, one operation after the other.
 */

/** What an operation asked for. Values are unique across a history, so that a read tells which write it saw. */
export type Action =
  | { readonly op: 'set'; readonly value: string }
  | { readonly op: 'get' }
  /** Looks whether the key is there: it counts 1 or 0. */
  | { readonly op: 'exists' }
  | { readonly op: 'cas'; readonly value: string; readonly expected: number }
  | { readonly op: 'delete' }
  /** Reads the value and replaces it, in one step. */
  | { readonly op: 'swap'; readonly value: string }
  /** Replaces the value if it is still `expected`, undefined for no such key; one that was refused is no operation. */
  | { readonly op: 'exchange'; readonly value: string; readonly expected: string | undefined }
  /** Adds 1 to a decimal number, from 0 if there is no such key. */
  | { readonly op: 'increment' }
  | { readonly op: 'append'; readonly value: string };

/** Whether it has no effect that one could be unsure of. */
export function isRead({ op }: Action): boolean {
  return op === 'get' || op === 'exists';
}

/** What the client was told. */
export type Outcome =
  /** `version` is undefined where the client is not told. */
  | { readonly type: 'stored'; readonly version: number | undefined }
  | { readonly type: 'found'; readonly value: string; readonly version?: number | undefined }
  | { readonly type: 'not-found' }
  | { readonly type: 'version-mismatch' }
  | { readonly type: 'deleted' }
  /** What a swap replaced; undefined for no such key. */
  | { readonly type: 'swapped'; readonly before: string | undefined }
  /** The number after an increment, how long the value is after an append, or whether the key is there. */
  | { readonly type: 'counted'; readonly count: number }
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
  /**
   * The connection that it was asked for on, if commands on it are answered in their order: what has outcomes then took
   * effect in the order of the history. Undefined where nothing is known of that.
   */
  readonly stream?: number;
  /** Where it is in the log of what took effect, if anybody knows; undefined otherwise. */
  readonly position: number | undefined;
}
