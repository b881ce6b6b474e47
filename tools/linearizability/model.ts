/**
 * One key as the store promises it: what each operation may answer in a state, and what it makes of it.
 */

import type { Operation } from './history.js';

/** The key's value and version; undefined while it does not exist. */
export type KeyState = { readonly value: string; readonly version: number } | undefined;

/** The state after the operation, or `illegal` when in this state its outcome would have been another one. */
export function step(state: KeyState, { action, outcome }: Operation): KeyState | 'illegal' {
  const isUnknown = outcome.type === 'unknown';
  switch (action.op) {
    case 'get':
      if (isUnknown) return state;
      if (outcome.type === 'found')
        return state?.value === outcome.value && isOf(outcome.version, state) ? state : 'illegal';
      return outcome.type === 'not-found' && state === undefined ? state : 'illegal';
    case 'exists': {
      if (isUnknown) return state;
      const count = state === undefined ? 0 : 1;
      return outcome.type === 'counted' && outcome.count === count ? state : 'illegal';
    }
    case 'set': {
      const after = { value: action.value, version: (state?.version ?? 0) + 1 };
      if (isUnknown) return after;
      return outcome.type === 'stored' && isOf(outcome.version, after) ? after : 'illegal';
    }
    case 'cas': {
      const result = casResult(state, action.expected);
      if (!isUnknown && outcome.type !== result) return 'illegal';
      if (result !== 'stored') return state;
      const after = { value: action.value, version: action.expected + 1 };
      return outcome.type === 'stored' && !isOf(outcome.version, after) ? 'illegal' : after;
    }
    case 'delete':
      if (isUnknown) return undefined;
      return outcome.type === (state === undefined ? 'not-found' : 'deleted') ? undefined : 'illegal';
    case 'swap':
      if (outcome.type === 'swapped' && outcome.before !== state?.value) return 'illegal';
      return { value: action.value, version: (state?.version ?? 0) + 1 };
    case 'exchange':
      if (state?.value === action.expected)
        return { value: action.value, version: (state?.version ?? 0) + 1 };
      return isUnknown ? state : 'illegal';
    case 'increment': {
      const count = Number(state?.value ?? 0) + 1;
      if (outcome.type === 'counted' && outcome.count !== count) return 'illegal';
      return { value: `${count}`, version: (state?.version ?? 0) + 1 };
    }
    case 'append': {
      const value = (state?.value ?? '') + action.value;
      if (outcome.type === 'counted' && outcome.count !== value.length) return 'illegal';
      return { value, version: (state?.version ?? 0) + 1 };
    }
  }
}

/** Whether that is the state's version, as far as one was told. */
function isOf(version: number | undefined, state: { readonly version: number }): boolean {
  return version === undefined || version === state.version;
}

function casResult(state: KeyState, expected: number): 'stored' | 'not-found' | 'version-mismatch' {
  if (state === undefined) return 'not-found';
  return state.version === expected ? 'stored' : 'version-mismatch';
}
