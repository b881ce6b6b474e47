/** Changes of members in a simulated process: the code of src/cluster/membership.ts, over simulated servers. */

import {
  MembersError,
  ServerStartError,
  TimeoutError,
  WrongStateError,
} from '../../../src/cluster/cluster-errors.js';
import { type ChangingServers, Membership } from '../../../src/cluster/membership.js';
import { Signal } from '../../../src/cluster/signal.js';
import type { SlotPorts } from '../../../src/cluster/slot-ports.js';
import type { Gateway } from '../../../src/gateway/gateway.js';
import type { Member, ServerId, SlotId } from '../../../src/raft/types.js';
import type { SimulatedThread } from '../world/thread.js';
import type { ClusterHome } from './home.js';
import type { SimulatedMember } from './member.js';

/** Stands for the directory on a disk that the home chooses. */
const NEW_DISK = 'new disk';

export interface MemberChangesOptions {
  readonly main: SimulatedThread;
  readonly gateway: Gateway;
  readonly ports: SlotPorts;
  readonly home: ClusterHome;
  readonly electionTimeoutMs: number;
  readonly portOf: (slot: SlotId) => number;
  readonly members: () => readonly SimulatedMember[];
  readonly addMember: (member: Member) => SimulatedMember;
  readonly removeMember: (member: SimulatedMember) => void;
  /** Called before a server ends for good. Throws PropertyViolation. */
  readonly onRemoving: (id: ServerId) => void;
  /** Has the leader hand over to this one, if it can. */
  readonly transfer: (to: SimulatedMember) => void;
  /** Whether a change may fail like this, beside the ways that are told to whoever asked for it. */
  readonly isFailureExpected: (error: unknown) => boolean;
  readonly onViolation: (error: unknown) => void;
  readonly trace: (what: () => string) => void;
}

export class MemberChanges implements ChangingServers {
  readonly #options: MemberChangesOptions;
  readonly #changed: Signal;
  readonly #membership: Membership;
  /** Changes that are not over. */
  underWay = 0;

  constructor(options: MemberChangesOptions) {
    this.#options = options;
    const { environment } = options.main;
    this.#changed = new Signal(environment);
    this.#membership = new Membership({
      running: this,
      eventLog: { record: (event) => options.trace(() => JSON.stringify(event)) },
      electionTimeoutMs: options.electionTimeoutMs,
      until: (look, timeout) => this.#changed.until(look, timeout),
      pause: (durationMs) => new Promise<void>((resolve) => environment.startTimer(resolve, durationMs)),
      handOver: (slot) => this.#handOver(slot),
    });
  }

  /** Something has changed with a server. */
  notify(): void {
    this.#changed.notify();
  }

  /** Changes the voters to those of these slots. */
  change(slots: readonly SlotId[]): void {
    this.#follow(`members ${slots.join(' ')}`, this.#membership.change(slots));
  }

  /** Has a new server take the place of that of this slot, on a disk of its own or where that one is. */
  replace(slot: SlotId, where: 'on a new disk' | 'in its place'): void {
    const dataDir = where === 'on a new disk' ? NEW_DISK : undefined;
    this.#follow(`members, ${slot} replaced ${where}`, this.#membership.replace(slot, { dataDir }));
  }

  /** Ends what an earlier process, or a change that failed, has left. */
  settleEarlier(): void {
    this.#follow('earlier changes', this.#membership.settle());
  }

  get gateway(): Gateway {
    return this.#options.gateway;
  }

  get servers(): readonly SimulatedMember[] {
    return this.#options.members();
  }

  get claimant(): SimulatedMember | undefined {
    let claimant: SimulatedMember | undefined;
    for (const member of this.servers)
      if ((member.leadsTerm ?? -1) > (claimant?.leadsTerm ?? -1)) claimant = member;
    return claimant;
  }

  has(slot: SlotId): boolean {
    return this.servers.some(({ id }) => id === slot);
  }

  member(slot: SlotId): SimulatedMember {
    const servers = this.servers.filter(({ id }) => id === slot);
    const holder = servers.find(({ identity }) => identity === this.#options.ports.holderOf(slot));
    const member = holder ?? servers.at(-1);
    if (member === undefined) throw new WrongStateError(`there is no server in slot ${slot}`);
    return member;
  }

  idOf(identity: ServerId): SlotId | undefined {
    return this.servers.find((member) => member.identity === identity)?.id;
  }

  async takePorts(slots: readonly SlotId[]): Promise<void> {
    const { gateway, portOf } = this.#options;
    for (const slot of slots) await gateway.add(slot, portOf(slot));
  }

  givePorts(slots: readonly SlotId[]): void {
    for (const slot of slots) if (!this.has(slot)) this.gateway.remove(slot);
  }

  async add(slot: SlotId, dataDir?: string): Promise<SimulatedMember> {
    const { home, addMember } = this.#options;
    const isOnNewDisk = dataDir === NEW_DISK || !this.has(slot);
    return addMember(await home.add(slot, { isOnNewDisk }));
  }

  async remove(member: SimulatedMember): Promise<void> {
    const { home, removeMember, onRemoving } = this.#options;
    onRemoving(member.identity);
    await member.stop();
    removeMember(member);
    this.givePorts([member.id]);
    this.notify();
    await home.remove(member.identity);
  }

  /** As src/cluster/cluster.ts does. */
  async #handOver(slot: SlotId): Promise<void> {
    const { electionTimeoutMs, transfer } = this.#options;
    const before = this.claimant;
    const successor = this.servers.find(({ id, isUp }) => id !== slot && isUp);
    if (successor === undefined) return;
    transfer(successor);
    const isDone = () => (this.claimant !== before && this.claimant?.isServing) || undefined;
    const timeout = { what: 'leadership is not handed over', timeoutMs: 3 * electionTimeoutMs };
    await this.#changed.until(isDone, timeout).catch(() => undefined);
  }

  settle(size: number): Promise<void> {
    return this.#options.home.directory.settle(size);
  }

  #follow(what: string, change: Promise<unknown>): void {
    const { trace, isFailureExpected, onViolation } = this.#options;
    this.underWay += 1;
    change.then(
      () => {
        this.underWay -= 1;
        trace(() => `${what}: done`);
      },
      (error: unknown) => {
        this.underWay -= 1;
        trace(() => `${what}: ${error}`);
        if (!isTold(error) && !isFailureExpected(error)) onViolation(error);
      },
    );
  }
}

/** Whether that is how a change is refused or given up. */
function isTold(error: unknown): boolean {
  // Without a leader nothing is begun.
  const kinds = [MembersError, WrongStateError, ServerStartError, TimeoutError];
  return kinds.some((kind) => error instanceof kind);
}
