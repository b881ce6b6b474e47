/** Configurations as one writes them on a blackboard: `0 3 | 0 1 | 4` has voters 0 and 3, outgoing voters 0 and 1, learner 4. */

import type { Configuration, Member } from '../../../src/raft/types.js';

/** Each in the slot of its number. */
export function membersOfIds(ids: readonly number[]): readonly Member[] {
  return ids.map((id) => ({ id, slot: id }));
}

export function configurationOf(text: string): Configuration {
  const [voters = [], outgoing = [], learners = []] = text.split('|').map((part) =>
    membersOfIds(
      part
        .split(' ')
        .filter((word) => word !== '')
        .map(Number),
    ),
  );
  const nextId = Math.max(-1, ...[...voters, ...outgoing, ...learners].map(({ id }) => id)) + 1;
  return { voters, outgoing, learners, nextId };
}

/** The reverse of {@link configurationOf}, without what is empty at its end. */
export function textOfConfiguration({ voters, outgoing, learners }: Configuration): string {
  const parts = [voters, outgoing, learners].map((part) => part.map(({ id }) => id).join(' '));
  while (parts.length > 1 && parts.at(-1) === '') parts.pop();
  return parts.join(' | ');
}
