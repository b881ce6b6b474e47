/** A server's part in the configuration, and a change of members, in words. */

import type { ServerView } from '../../src/admin/live/view.js';
import type { ObservedMembers } from '../../src/wire/observations.js';
import { percent } from './format.ts';

/**
 * `voter`: it votes, and no change is half done. `old`, `new`, `both`: the halves of a joint configuration in which it votes.
 * `outside`: it is not a member yet, or not any more.
 */
export type Part =
  | { readonly name: 'voter' | 'old' | 'new' | 'both' | 'outside' }
  | { readonly name: 'learner'; readonly caughtUp: number };

export function partOf(members: ObservedMembers | null | undefined, id: number): Part {
  if (members == null) return { name: 'voter' };
  const { voters, outgoing, replaced, learners } = members;
  const learner = learners.find((one) => one.id === id);
  if (learner !== undefined) return { name: 'learner', caughtUp: learner.caughtUp };
  const isNew = voters.includes(id);
  if (outgoing.length === 0) return { name: isNew ? 'voter' : 'outside' };
  const isOld = outgoing.includes(id) && !replaced.includes(id);
  if (isNew && isOld) return { name: 'both' };
  if (isNew) return { name: 'new' };
  return { name: isOld ? 'old' : 'outside' };
}

/** What the part is called beside a server; undefined where nothing is to be said. */
export function partLabel(part: Part): string | undefined {
  switch (part.name) {
    case 'voter':
      return undefined;
    case 'learner':
      return `${percent(part.caughtUp)} caught up`;
    case 'old':
      return 'old half';
    case 'new':
      return 'new half';
    case 'both':
      return 'both halves';
    case 'outside':
      return 'no member';
  }
}

/** The server's role in words, or what keeps it from having one. */
export function roleOf({ state, seen, isDiskLost }: ServerView): string {
  if (isDiskLost) return 'disk lost';
  if (state === 'stopped') return 'stopped';
  if (state === 'busy') return 'silent';
  return seen?.role ?? 'starting';
}

/** The class of a role, for style sheets. */
export function roleClass(role: string): string {
  return `role-${role.replaceAll(' ', '-')}`;
}

/** What is under way, in a sentence; undefined while nothing is. */
export function changeText(members: ObservedMembers): string | undefined {
  const { voters, outgoing, learners, step } = members;
  if (step === 'giving up') return 'The change is taken back: the old members go on.';
  if (outgoing.length > 0) return `Joint: majorities of both ${list(outgoing)} and ${list(voters)} decide.`;
  if (learners.length > 0) {
    const ids = learners.map(({ id }) => id);
    return `${servers(ids)} ${ids.length === 1 ? 'catches' : 'catch'} up before ${ids.length === 1 ? 'it votes' : 'they vote'}.`;
  }
  return step === null ? undefined : `The members ${list(voters)} are being agreed on.`;
}

/** Who votes, while nothing changes. */
export function votersText({ voters }: ObservedMembers): string {
  const majority = Math.floor(voters.length / 2) + 1;
  if (voters.length === 1) return 'One voter, which decides alone.';
  return `${voters.length} voters, of which ${majority} decide.`;
}

/** Whom the change waits for; undefined for nobody. */
export function waitText({ waitsFor, outgoing, step }: ObservedMembers): string | undefined {
  const isWaiting = waitsFor.length > 0 && (outgoing.length > 0 || step === 'deciding');
  return isWaiting ? `Waits for ${servers(waitsFor).toLowerCase()}.` : undefined;
}

function servers(ids: readonly number[]): string {
  return `${ids.length === 1 ? 'Server' : 'Servers'} ${ids.join(', ')}`;
}

function list(ids: readonly number[]): string {
  return `{${ids.join(', ')}}`;
}
