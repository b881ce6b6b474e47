/**
 * Questions to one configuration: who votes, who only learns, and between the two steps of a change who voted before (thesis
 * 4.2.1, 4.3). How a change goes is in start-change.ts and joint-consensus.ts.
 */

import type { Quorum } from './quorum.js';
import type { Configuration, Member, Members, ServerId } from './types.js';

/** The highest identity: what a disk and a message keep it in is 32 bits, and a vote is written as one more. */
export const MAX_SERVER_ID = 2 ** 32 - 2;

/** Nobody. */
export const NO_MEMBERS: Configuration = { voters: [], outgoing: [], learners: [], nextId: 0 };

/** The configuration of a new cluster: servers 0 to `count` less one, each in the slot of its number. */
export function initialConfiguration(count: number): Configuration {
  const voters = Array.from({ length: count }, (_, id) => ({ id, slot: id }));
  return { ...NO_MEMBERS, voters, nextId: count };
}

/** Whether a change is half done: two majorities decide (thesis 4.3). */
export function isJoint({ outgoing }: Members): boolean {
  return outgoing.length > 0;
}

/** Whether the server's vote counts, in either half of a joint configuration. */
export function hasVoter({ voters, outgoing }: Members, id: ServerId): boolean {
  return includes(voters, id) || includes(outgoing, id);
}

/** Whether nobody's vote counts but this server's. */
export function hasVoterAlone(members: Members, id: ServerId): boolean {
  return votersOf(members).length === 1 && hasVoter(members, id);
}

/** Everybody in it, each once. */
export function membersOf({ voters, outgoing, learners }: Members): readonly Member[] {
  return [...voters, ...outgoing.filter(({ id }) => !includes(voters, id)), ...learners];
}

/** Everybody whose vote counts, each once. */
export function votersOf({ voters, outgoing }: Members): readonly Member[] {
  return membersOf({ voters, outgoing, learners: [] });
}

export function quorumOf({ voters, outgoing }: Members): Quorum {
  return { voters: voters.map(idOf), outgoing: outgoing.map(idOf) };
}

export function includes(members: readonly Member[], id: ServerId): boolean {
  return members.some((member) => member.id === id);
}

/** The members that are not among the others. */
export function without(members: readonly Member[], others: readonly Member[]): readonly Member[] {
  return members.filter(({ id }) => !includes(others, id));
}

/** Whether both lists have the same members, in any order. */
export function isSame(members: readonly Member[], others: readonly Member[]): boolean {
  return members.length === others.length && without(members, others).length === 0;
}

export function idOf({ id }: Member): ServerId {
  return id;
}

/** What is wrong with the members, to follow their name; undefined when nothing is. */
export function faultOf({ voters, outgoing, learners }: Members): string | undefined {
  for (const half of [voters, outgoing]) {
    const learnersToo = [...half, ...learners];
    const twice = learnersToo.find(
      ({ id }, place) => learnersToo.findIndex((other) => other.id === id) < place,
    );
    if (twice !== undefined) return `names server ${twice.id} twice`;
    const shared = half.find(({ slot }, place) => half.findIndex((other) => other.slot === slot) < place);
    if (shared !== undefined) return `gives slot ${shared.slot} to two voters`;
    const wrong = learnersToo.find(({ id }) => !Number.isSafeInteger(id) || id < 0 || id > MAX_SERVER_ID);
    if (wrong !== undefined) return `names server ${wrong.id}: 0 to ${MAX_SERVER_ID} is meant`;
  }
  if (voters.length === 0 && (outgoing.length > 0 || learners.length > 0)) return 'has no voters';
  return undefined;
}
