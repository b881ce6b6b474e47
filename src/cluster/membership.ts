/**
 * Changes of the cluster's members: starts the servers that are to come, has the leader make them members, and ends those that
 * are none any more.
 *
 * A server's directory is noted before it is used, and goes only once the configuration without it is committed, or a change
 * that would have added it is known to be given up. So a process that ends in the middle finds, when it starts again, more
 * servers than there are members at most, and {@link Membership.settle} ends those.
 */

import { messageOf } from '../error-message.js';
import { isJoint } from '../raft/configuration.js';
import { majorityOf } from '../raft/quorum.js';
import type { Configuration, Member as IdentifiedServer, ServerId, SlotId } from '../raft/types.js';
import { ANSWER_TIMEOUT_MS, LEADER_WAIT_MS } from '../time-limits.js';
import type { ClientAddress, MembersAnswer, MembersView } from '../wire/control.js';
import { MembersError, TimeoutError, throwFailure, WrongStateError } from './cluster-errors.js';
import { MAX_SERVERS } from './cluster-options.js';
import type { EventLog } from './event-log.js';
import { type Goal, type Members, membersIn, viewWithoutLeader } from './members-view.js';
import type { Timeout } from './signal.js';

/** Between two attempts, while the leader changes or has another change to finish. */
const RETRY_MS = 20;
/** A removed leader hands over within this many election timeouts. */
const HAND_OVER_TIMEOUTS = 2;

export interface AddedServer extends ClientAddress {
  readonly id: SlotId;
}

/** Where a new server keeps its data. */
export interface ServerPlace {
  /** Its directory, where each server has its own. Unless given it is beside the others, or that of the server it replaces. */
  readonly dataDir?: string | undefined;
}

/** What a change of members needs of a server: see member.ts. */
export interface ChangingServer {
  readonly id: SlotId;
  readonly identity: ServerId;
  readonly isUp: boolean;
  readonly isServing: boolean;
  readonly failure: unknown;
  start(): void;
  stop(): Promise<void>;
  restart(): Promise<void>;
  call<R>(invoke: (control: MembersControl) => Promise<R>): Promise<R>;
}

export interface MembersControl {
  members(): Promise<MembersView>;
  changeMembers(voters: readonly IdentifiedServer[]): Promise<MembersAnswer>;
}

/** What a change of members needs of the cluster: see running-cluster.ts. */
export interface ChangingServers {
  /** Two of one id while a server is replaced. */
  readonly servers: readonly ChangingServer[];
  readonly claimant: ChangingServer | undefined;
  readonly gateway: { serverAddress(id: SlotId): ClientAddress };
  has(id: SlotId): boolean;
  member(id: SlotId): ChangingServer;
  idOf(identity: ServerId): SlotId | undefined;
  takePorts(ids: readonly SlotId[]): Promise<void>;
  givePorts(ids: readonly SlotId[]): void;
  add(id: SlotId, dataDir?: string): Promise<ChangingServer>;
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
  /** Has another server lead, if that is possible. */
  readonly handOver: (id: SlotId) => Promise<void>;
}

export class Membership {
  readonly #environment: MembershipEnvironment;
  #goal: Goal | undefined;
  #isBusy = false;
  #settling: Promise<void> = Promise.resolve();
  /** The server that is to be replaced, until it was started again. */
  #replaced: ChangingServer | undefined;

  constructor(environment: MembershipEnvironment) {
    this.#environment = environment;
  }

  /** Who the members are, as the leader says; without one, as those that run know. */
  async members(): Promise<Members> {
    const { running } = this.#environment;
    const views = await Promise.all(
      running.servers.flatMap((server) => (server.isUp ? [this.#viewOf(server)] : [])),
    );
    const known = views.filter((view) => view !== undefined);
    const isUp = (identity: ServerId) => running.servers.some((one) => one.identity === identity && one.isUp);
    const leading = running.claimant?.isServing ? known.find(({ isLeading }) => isLeading) : undefined;
    const view = leading ?? viewWithoutLeader(known, isUp) ?? (await this.#view());
    return membersIn(view, this.#goal, (identity) => running.idOf(identity));
  }

  /** Changes the voters to these. Rejects with WrongStateError or MembersError; then the old members serve on. */
  async change(
    voters: readonly SlotId[],
    dataDirs: ReadonlyMap<SlotId, string> = new Map(),
  ): Promise<readonly AddedServer[]> {
    checkVoters(voters);
    return this.#begin({ voters, replaced: undefined }, async () => {
      const { running } = this.#environment;
      this.#requireMajorityOf(voters);
      const ids = voters.filter((id) => !running.has(id));
      await running.takePorts(ids);
      try {
        for (const id of ids) await this.#start(await running.add(id, dataDirs.get(id)));
      } catch (error) {
        running.givePorts(ids);
        throw error;
      }
      await this.#drive(voters.map((id) => running.member(id)));
      return ids;
    });
  }

  /** Adds a server of the lowest free id. Rejects as {@link change} does. */
  async add({ dataDir }: ServerPlace = {}): Promise<readonly AddedServer[]> {
    const voters = await this.#voters();
    const id = this.#freeId;
    return this.change([...voters, id], new Map(dataDir === undefined ? [] : [[id, dataDir]]));
  }

  /** Removes a member. Rejects as {@link change} does. */
  async remove(id: SlotId): Promise<void> {
    const voters = await this.#voters();
    if (voters.length === 1) throw new WrongStateError(`server ${id} is the only one: add another first`);
    await this.change(voters.filter((voter) => voter !== id));
  }

  /**
   * Has another server, with an empty directory, take the place of a member, whether that runs or not. That one is stopped first,
   * and its directory stays until the change is committed. When it is given up, or no server leads for a while, since this one
   * may be needed for that, the member is started again. Rejects as {@link change} does.
   */
  async replace(id: SlotId, { dataDir }: ServerPlace = {}): Promise<readonly AddedServer[]> {
    const { running, handOver } = this.#environment;
    const voters = await this.#voters();
    return this.#begin({ voters, replaced: id }, async () => {
      const old = running.member(id);
      this.#requireMajorityWithout(old, voters);
      const server = await running.add(id, dataDir);
      this.#replaced = old;
      try {
        if (running.claimant === old) await handOver(id);
        await old.stop();
        await this.#start(server);
        await this.#drive(voters.map((voter) => (voter === id ? server : running.member(voter))));
      } catch (error) {
        await this.#finishEarlier();
        await this.#startReplaced();
        throw error;
      } finally {
        this.#replaced = undefined;
      }
      return [id];
    });
  }

  /** Starts the server that was stopped to be replaced, unless that was done. */
  async #startReplaced(): Promise<void> {
    const old = this.#replaced;
    if (old === undefined || old.isUp || !this.#environment.running.servers.includes(old)) return;
    this.#replaced = undefined;
    await old.restart();
  }

  /** Throws WrongStateError when these could not decide anything, since members among them are down. */
  #requireMajorityOf(voters: readonly SlotId[]): void {
    const { running } = this.#environment;
    const down = voters.filter((id) => running.has(id) && !running.member(id).isUp);
    if (voters.length - down.length >= majorityOf(voters.length)) return;
    throw new WrongStateError(
      `of the servers ${voters.join(', ')} no majority would run, for ${down.join(', ')} is down: restart or replace it first`,
    );
  }

  /** Throws WrongStateError when the other members cannot decide anything while this one is down. */
  #requireMajorityWithout({ id }: ChangingServer, voters: readonly SlotId[]): void {
    const { running } = this.#environment;
    const needed = majorityOf(voters.length);
    const others = voters.filter((voter) => voter !== id && running.member(voter).isUp);
    if (others.length >= needed) return;
    const advice = voters.length < 3 ? 'add another first' : 'restart those that are down';
    throw new WrongStateError(
      `server ${id} cannot be replaced while fewer than ${needed} others run: ${advice}`,
    );
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

  /** Makes the change that `action` makes, which resolves to the ids of new servers, once nothing is left of an earlier one. */
  async #begin(goal: Goal, action: () => Promise<readonly SlotId[]>): Promise<readonly AddedServer[]> {
    const { pause } = this.#environment;
    const isSettling = this.#isBusy && this.#goal === undefined;
    if (isSettling) await Promise.race([this.#settling.catch(() => undefined), pause(LEADER_WAIT_MS)]);
    return this.#alone(goal, async () => {
      await this.#requireLeader();
      await this.#finishEarlier();
      // Whoever is a member all the same, after a failure, stays.
      const added = await action().finally(() => this.#finishEarlier());
      const { gateway } = this.#environment.running;
      return added.map((id) => ({ id, ...gateway.serverAddress(id) }));
    });
  }

  async #alone<T>(goal: Goal | undefined, action: () => Promise<T>): Promise<T> {
    if (this.#isBusy) throw new WrongStateError('another change of members is under way: try again');
    this.#isBusy = true;
    this.#goal = goal;
    try {
      return await action();
    } finally {
      this.#isBusy = false;
      this.#goal = undefined;
    }
  }

  /** Has a change that goes on finished, learners that are left over removed, and servers that are no members ended. */
  async #finishEarlier(): Promise<void> {
    const { running } = this.#environment;
    const configuration = await this.#settled();
    for (const member of running.servers)
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

  /** Resolves once the server is up. Rejects with ServerStartError. */
  async #start(member: ChangingServer): Promise<void> {
    member.start();
    await this.#environment.until(() => {
      throwFailure(member);
      return member.isUp || undefined;
    });
  }

  /** Rejects with MembersError once the leader has given the change up, with WrongStateError when it refuses the list. */
  async #drive(members: readonly ChangingServer[]): Promise<void> {
    const voters = members.map(({ id, identity }) => ({ id: identity, slot: id }));
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

  /** The ids of those that vote. Rejects with TimeoutError when no server leads. */
  async #voters(): Promise<readonly SlotId[]> {
    await this.#requireLeader();
    const { voters } = (await this.#view()).configuration;
    return voters.map(({ slot }) => slot).sort((a, b) => a - b);
  }

  /** Before anything is changed: rejects with TimeoutError when no server leads. */
  async #requireLeader(): Promise<void> {
    const { running, until } = this.#environment;
    const what = 'no server leads';
    await until(() => running.claimant?.isServing || undefined, { what, timeoutMs: LEADER_WAIT_MS });
  }

  /** What a server knows of the members; undefined when it does not answer. */
  async #viewOf(server: ChangingServer): Promise<MembersView | undefined> {
    const asked = server.call((control) => control.members()).catch(() => undefined);
    return Promise.race([asked, this.#environment.pause(ANSWER_TIMEOUT_MS).then(() => undefined)]);
  }

  async #view(): Promise<MembersView> {
    while (true) {
      const view = await this.#viewOf(await this.#leader());
      if (view?.isLeading === true) return view;
      await this.#pause();
    }
  }

  /** Where none leads for a while, a server that was stopped to be replaced is started again: its vote may be needed. */
  async #leader(): Promise<ChangingServer> {
    const { running, until } = this.#environment;
    const find = () => (running.claimant?.isServing ? running.claimant : undefined);
    while (this.#replaced !== undefined) {
      const waited = until(find, { what: 'no server leads', timeoutMs: LEADER_WAIT_MS });
      const leader = await waited.catch(throwUnlessTimeout);
      if (leader !== undefined) return leader;
      const old = this.#replaced;
      // One whose disk does not answer cannot be started yet.
      await this.#startReplaced().catch(() => {
        this.#replaced = old;
      });
    }
    return until(find);
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
    const other = running.servers.find(({ id }) => id === member.id);
    const isReplaced = other !== undefined && other.identity > member.identity;
    const type = other === undefined ? 'removed' : isReplaced ? 'replaced' : 'not-replaced';
    eventLog.record({ type, server: member.id });
  }
}

function throwUnlessTimeout(error: unknown): undefined {
  if (!(error instanceof TimeoutError)) throw error;
}

function checkVoters(voters: readonly SlotId[]): void {
  const isWrong = (id: SlotId, place: number) =>
    !Number.isInteger(id) || id < 0 || id >= MAX_SERVERS || voters.indexOf(id) !== place;
  if (voters.length === 0 || voters.some(isWrong))
    throw new WrongStateError(
      `the members must be different ids from 0 to ${MAX_SERVERS - 1}, and at least one: ${voters.join(', ') || 'none'}`,
    );
}
