/**
 * Changes of the cluster's members: starts the servers that are to come, has the leader make them members, and ends those that
 * are none any more.
 *
 * A server's directory is noted before it is used, and goes only once the configuration without it is committed, or a change
 * that would have added it is known to be given up. So a process that ends in the middle finds, when it starts again, more
 * servers than there are members at most, and {@link Membership.settle} ends those.
 */

import { isJoint } from '../raft/configuration.js';
import type { Configuration, Member as IdentifiedServer, ServerId, SlotId } from '../raft/types.js';
import type { ClientAddress, MembersAnswer, MembersView } from '../wire/control.js';
import { MembersError, messageOf, ServerStartError, WrongStateError } from './cluster-errors.js';
import { MAX_SERVERS } from './cluster-options.js';
import type { EventLog } from './event-log.js';
import type { Timeout } from './signal.js';

/** Between two attempts, while the leader changes or has another change to finish. */
const RETRY_MS = 20;
/** A removed leader hands over within this many election timeouts. */
const HAND_OVER_TIMEOUTS = 2;

/** Who the members are. Ids are in rising order. */
export interface Members {
  readonly voters: readonly SlotId[];
  readonly learners: readonly SlotId[];
  readonly change: {
    readonly adding: readonly SlotId[];
    readonly removing: readonly SlotId[];
    /** How much of the log the new server has that has least of it, from 0 to 1. */
    readonly caughtUp: number;
    /** Those without whose answers the change may not go on. */
    readonly waitsFor: readonly SlotId[];
  } | null;
}

export interface AddedServer extends ClientAddress {
  readonly id: SlotId;
}

/** What a change of members needs of a server: see member.ts. */
export interface ChangingServer {
  readonly id: SlotId;
  readonly identity: ServerId;
  readonly isUp: boolean;
  readonly isServing: boolean;
  readonly failure: unknown;
  call<R>(invoke: (control: MembersControl) => Promise<R>): Promise<R>;
}

export interface MembersControl {
  members(): Promise<MembersView>;
  changeMembers(voters: readonly IdentifiedServer[]): Promise<MembersAnswer>;
}

/** What a change of members needs of the cluster: see running-cluster.ts. */
export interface ChangingServers {
  readonly members: readonly ChangingServer[];
  readonly claimant: ChangingServer | undefined;
  readonly gateway: { serverAddress(id: SlotId): ClientAddress };
  has(id: SlotId): boolean;
  member(id: SlotId): ChangingServer;
  idOf(identity: ServerId): SlotId | undefined;
  add(id: SlotId): Promise<ChangingServer>;
  remove(server: ChangingServer): Promise<void>;
  settle(size: number): Promise<void>;
}

export interface MembershipEnvironment {
  readonly running: ChangingServers;
  readonly eventLog: Pick<EventLog, 'record'>;
  readonly electionTimeoutMs: number;
  /** Resolves to what `look` finds, which looks again after every change. Rejects with NotRunningError or TimeoutError. */
  readonly until: <T>(look: () => T | undefined, timeout?: Timeout) => Promise<T>;
  /** Resolves after this time. */
  readonly pause: (durationMs: number) => Promise<unknown>;
}

export class Membership {
  readonly #environment: MembershipEnvironment;
  /** The voters that a change is to lead to; undefined while there is none. */
  #wanted: readonly SlotId[] | undefined;
  #isBusy = false;
  #settling: Promise<void> = Promise.resolve();

  constructor(environment: MembershipEnvironment) {
    this.#environment = environment;
  }

  async members(): Promise<Members> {
    const { configuration, change } = await this.#view();
    const { voters, outgoing, learners } = configuration;
    const [before, after] = [outgoing.length > 0 ? outgoing : voters, this.#wanted ?? slotsOf(voters)];
    const old = slotsOf(before);
    const adding = without(after, old);
    const removing = without(old, after);
    const isChanging = change !== null || isJoint(configuration) || this.#wanted !== undefined;
    const { running } = this.#environment;
    return {
      voters: old,
      learners: slotsOf(learners),
      change: isChanging
        ? {
            adding,
            removing,
            caughtUp: change?.caughtUp ?? 0,
            waitsFor: (change?.waitsFor ?? []).flatMap((identity) => running.idOf(identity) ?? []),
          }
        : null,
    };
  }

  /** Changes the voters to these. Rejects with WrongStateError or MembersError; then the old members serve on. */
  async change(voters: readonly SlotId[]): Promise<readonly AddedServer[]> {
    checkVoters(voters);
    await this.#settling.catch(() => undefined);
    return this.#alone(voters, async () => {
      await this.#finishEarlier();
      const { running } = this.#environment;
      const added: ChangingServer[] = [];
      try {
        for (const id of voters) if (!running.has(id)) added.push(await this.#start(id));
        await this.#drive(voters.map((id) => ({ id: running.member(id).identity, slot: id })));
      } catch (error) {
        // Whoever is a member all the same stays.
        await this.#finishEarlier();
        throw error;
      }
      await this.#finishEarlier();
      return added.map(({ id }) => ({ id, ...running.gateway.serverAddress(id) }));
    });
  }

  /** Adds a server of the lowest free id. Rejects as {@link change} does. */
  async add(): Promise<readonly AddedServer[]> {
    const { voters } = await this.members();
    return this.change([...voters, this.#freeId]);
  }

  /** Removes a member. Rejects as {@link change} does. */
  async remove(id: SlotId): Promise<void> {
    const { voters } = await this.members();
    if (voters.length === 1) throw new WrongStateError(`server ${id} is the only one: add another first`);
    await this.change(voters.filter((voter) => voter !== id));
  }

  get #freeId(): SlotId {
    const ids = Array.from({ length: MAX_SERVERS }, (_, id) => id);
    const free = ids.find((id) => !this.#environment.running.has(id));
    if (free === undefined) throw new WrongStateError(`there are ${MAX_SERVERS} servers: remove one first`);
    return free;
  }

  /** Ends what an earlier process left of a change: finishes it, or gives it up. */
  settle(): Promise<void> {
    this.#settling = this.#alone(undefined, () => this.#finishEarlier());
    return this.#settling;
  }

  async #alone<T>(wanted: readonly SlotId[] | undefined, action: () => Promise<T>): Promise<T> {
    if (this.#isBusy) throw new WrongStateError('another change of members is under way: try again');
    this.#isBusy = true;
    this.#wanted = wanted;
    try {
      return await action();
    } finally {
      this.#isBusy = false;
      this.#wanted = undefined;
    }
  }

  /** Has a change that goes on finished, learners that are left over removed, and servers that are no members ended. */
  async #finishEarlier(): Promise<void> {
    const { running } = this.#environment;
    const configuration = await this.#settled();
    for (const member of running.members)
      if (!configuration.voters.some(({ id }) => id === member.identity)) await this.#end(member);
    await running.settle(configuration.voters.length);
  }

  /** The configuration once it is committed and has neither learners nor two halves. */
  async #settled(): Promise<Configuration> {
    while (true) {
      const { configuration, isDecided, change } = await this.#view();
      const isOver = isDecided && change === null && !isJoint(configuration);
      if (isOver && configuration.learners.length === 0) return configuration;
      if (isOver) await this.#ask(configuration.voters);
      else await this.#pause();
    }
  }

  async #start(id: SlotId): Promise<ChangingServer> {
    const { running, until } = this.#environment;
    const member = await running.add(id);
    await until(() => {
      throwFailure(member);
      return member.isUp || undefined;
    });
    return member;
  }

  /** Rejects with MembersError once the leader has given the change up, with WrongStateError when it refuses the list. */
  async #drive(voters: readonly IdentifiedServer[]): Promise<void> {
    let hasBegun = false;
    while (true) {
      const answer = await this.#ask(voters);
      if (answer.outcome === 'done') return;
      if (answer.outcome === 'given up') throw new MembersError(answer.reason);
      if (answer.outcome === 'refused' && answer.refusal === 'wrong list') {
        // A leader gave new servers up, and was gone before it told: their identities are known, and used up.
        if (hasBegun) throw new MembersError('the leader that drove it is gone');
        throw new WrongStateError(answer.reason);
      }
      hasBegun ||= answer.outcome === 'leadership lost';
      await this.#pause();
    }
  }

  /** Asks the leader to change the voters to these. A leader that ends meanwhile has lost its leadership. */
  async #ask(voters: readonly IdentifiedServer[]): Promise<MembersAnswer> {
    const leader = await this.#leader();
    return leader
      .call(async (control): Promise<MembersAnswer> => await control.changeMembers(voters))
      .catch((): MembersAnswer => ({ outcome: 'leadership lost' }));
  }

  async #view(): Promise<MembersView> {
    while (true) {
      const leader = await this.#leader();
      const view = await leader.call((control) => control.members()).catch(() => undefined);
      if (view?.isLeading === true) return view;
      await this.#pause();
    }
  }

  #leader(): Promise<ChangingServer> {
    const { running, until } = this.#environment;
    return until(() => (running.claimant?.isServing ? running.claimant : undefined));
  }

  async #pause(): Promise<void> {
    await this.#environment.pause(RETRY_MS);
  }

  /** The server is no member. A leader that is removed hands over first. */
  async #end(member: ChangingServer): Promise<void> {
    const { running, until, electionTimeoutMs, eventLog } = this.#environment;
    const timeoutMs = HAND_OVER_TIMEOUTS * electionTimeoutMs;
    const what = `server ${member.id} does not hand over`;
    await until(() => (running.claimant !== member && running.claimant?.isServing) || undefined, {
      what,
      timeoutMs,
    }).catch((error: unknown) =>
      eventLog.record({ type: 'removal-forced', server: member.id, reason: messageOf(error) }),
    );
    await running.remove(member);
    eventLog.record({ type: 'removed', server: member.id });
  }
}

/** Throws ServerStartError when the server has ended by itself since it was last up. */
export function throwFailure({ id, failure }: Pick<ChangingServer, 'id' | 'failure'>): void {
  if (failure !== undefined) throw new ServerStartError(id, failure);
}

function checkVoters(voters: readonly SlotId[]): void {
  const isWrong = (id: SlotId, place: number) =>
    !Number.isInteger(id) || id < 0 || id >= MAX_SERVERS || voters.indexOf(id) !== place;
  if (voters.length === 0 || voters.some(isWrong))
    throw new WrongStateError(
      `the members must be different ids from 0 to ${MAX_SERVERS - 1}, and at least one: ${voters.join(', ')}`,
    );
}

function slotsOf(members: readonly IdentifiedServer[]): readonly SlotId[] {
  return members.map(({ slot }) => slot).sort((a, b) => a - b);
}

function without(ids: readonly SlotId[], others: readonly SlotId[]): readonly SlotId[] {
  return ids.filter((id) => !others.includes(id));
}
