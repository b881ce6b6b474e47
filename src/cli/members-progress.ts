/** How far a change of members is, in words. */

import type { ProgressDisplay } from './progress-display.js';

/** What `GET /api/members` answers, as far as it is shown. */
export interface MembersProgress {
  readonly learners: readonly number[];
  readonly change: { readonly caughtUp: number; readonly waitsFor: readonly number[] };
}

export function showMembers(
  display: ProgressDisplay,
  { learners, change }: MembersProgress,
  nowMs: number,
): void {
  const share = learners.length > 0 ? change.caughtUp : undefined;
  display.show(textOf(learners, change.waitsFor), share, nowMs);
}

function textOf(learners: readonly number[], waitsFor: readonly number[]): string {
  if (learners.length > 0) return `${servers(learners)} ${learners.length === 1 ? 'catches' : 'catch'} up`;
  return waitsFor.length > 0 ? `the change waits for ${servers(waitsFor)}` : 'the members are agreed on';
}

function servers(ids: readonly number[]): string {
  return `server${ids.length === 1 ? '' : 's'} ${ids.join(', ')}`;
}
