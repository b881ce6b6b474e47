/**
 * What a key may hold, given the writes that one client sent in order and the answers it got.
 *
 * While a write's outcome is unknown there are two possibilities, with it and without; every answer and every read
 * rules some out. When none is left, what was acknowledged is lost, or something was made up.
 */

/** `value` is undefined while the key does not exist, and then the version is 0. */
export interface KeyState {
  readonly version: number;
  readonly value: string | undefined;
}

export type Write = { readonly type: 'set'; readonly value: string } | { readonly type: 'delete' };

/** What the client was told; `unknown` when it got no answer, or ERR_INTERNAL. */
export type WriteOutcome =
  | { readonly type: 'stored'; readonly version: number }
  | { readonly type: 'deleted' }
  | { readonly type: 'not-found' }
  | { readonly type: 'unknown' };

const ABSENT: KeyState = { version: 0, value: undefined };

/** The answers or the read do not fit anything that can have happened. */
export class LostWriteError extends Error {
  readonly code = 'LOST_WRITE';

  constructor(key: string, what: string) {
    super(`${key}: ${what}`);
    this.name = 'LostWriteError';
  }
}

export class KeyModel {
  readonly key: string;
  #possible: readonly KeyState[] = [ABSENT];

  constructor(key: string) {
    this.key = key;
  }

  /** The client sent the write and knows this of it, in the order of sending. Throws {@link LostWriteError}. */
  wrote(write: Write, outcome: WriteOutcome): void {
    const after = this.#possible
      .filter((state) => fits(state, outcome))
      .map((state) => applied(state, write));
    const next = outcome.type === 'unknown' ? [...this.#possible, ...after] : after;
    this.#become(next, `${write.type} came to ${JSON.stringify(outcome)}`);
  }

  /** The key was read, with no write under way. Throws {@link LostWriteError}. */
  read(found: KeyState): void {
    const same = this.#possible.filter(
      ({ version, value }) => version === found.version && value === found.value,
    );
    this.#become(same, `read as ${show(found)}`);
  }

  #become(states: readonly KeyState[], what: string): void {
    if (states.length === 0)
      throw new LostWriteError(
        this.key,
        `${what}, where it can only hold ${this.#possible.map(show).join(' or ')}`,
      );
    const distinct = new Map(states.map((state) => [`${state.version}:${state.value}`, state]));
    this.#possible = [...distinct.values()];
  }
}

function applied(state: KeyState, write: Write): KeyState {
  return write.type === 'delete' ? ABSENT : { version: state.version + 1, value: write.value };
}

/** Whether a write that found this state can have come to this. */
function fits({ version, value }: KeyState, outcome: WriteOutcome): boolean {
  switch (outcome.type) {
    case 'stored':
      return outcome.version === version + 1;
    case 'deleted':
      return value !== undefined;
    case 'not-found':
      return value === undefined;
    case 'unknown':
      return true;
  }
}

const SHOWN_CHARS = 30;

function show({ version, value }: KeyState): string {
  return value === undefined
    ? 'nothing'
    : `version ${version} "${value.slice(0, SHOWN_CHARS)}" (${value.length} bytes)`;
}
