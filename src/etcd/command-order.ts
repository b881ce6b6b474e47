/**
 * Which commands go to etcd next. Several groups of them are under way at a time, each in a transaction of its own, and etcd may
 * do these in any order; still nobody can tell.
 *
 * A client has commands in one group at a time: so none of its commands takes effect before an earlier one, whatever becomes of
 * that. A key is in one group at a time: transactions would else fail each other. And whoever waits for a key, or for a client's
 * turn, goes before those who came later and want the same: so nobody waits for ever.
 */

import { MAX_LOOKED_AT } from '../etcd-limits.js';

export interface Ordered {
  /** Whose commands keep their order. */
  readonly client: object;
  /** What no two groups under way have in common. */
  readonly names: readonly string[];
  /** It is under way while nothing else is. */
  readonly isAlone: boolean;
}

export interface Grouping<Command> {
  /** Whether the command joins the group, to which no other may be added if it does not. */
  joins(command: Command, group: readonly Command[]): boolean;
  /** Whether the group may begin beside others that are under way. */
  isEnough(group: readonly Command[]): boolean;
}

export class CommandOrder<Command extends Ordered> {
  #waiting: Command[] = [];
  readonly #underWay = new Set<readonly Command[]>();
  readonly #clients = new Set<object>();
  readonly #names = new Set<string>();
  #isExclusive = false;
  /** False: since nothing could begin, nothing has come that could. */
  #mayBegin = true;

  /** Commands that wait, or are under way. */
  get count(): number {
    let count = this.#waiting.length;
    for (const group of this.#underWay) count += group.length;
    return count;
  }

  /** The command that has waited longest, or about so. */
  get first(): Command | undefined {
    return this.#waiting[0];
  }

  some(test: (command: Command) => boolean): boolean {
    if (this.#waiting.some(test)) return true;
    for (const group of this.#underWay) if (group.some(test)) return true;
    return false;
  }

  add(command: Command): void {
    if (!this.#clients.has(command.client)) this.#mayBegin = true;
    this.#waiting.push(command);
  }

  /** Commands that may go together now, in their order; none if nothing may. They are under way until {@link end}. */
  begin(grouping: Grouping<Command>): readonly Command[] {
    if (this.#isExclusive || !this.#mayBegin) return [];
    const group: Command[] = [];
    const passed: Command[] = [];
    const clients = new Set<object>();
    const names = new Set<string>();
    let place = 0;
    for (let looked = 0; looked < MAX_LOOKED_AT; place += 1) {
      const command = this.#waiting[place];
      if (command === undefined) break;
      looked += 1 + command.names.length;
      if (command.isAlone) {
        // It is the next one once all is over that is under way.
        if (place > 0 || this.#underWay.size > 0) break;
        group.push(command);
        place = 1;
        break;
      }
      const { client } = command;
      const isBlocked = this.#clients.has(client) || clients.has(client) || this.#isTaken(command, names);
      if (isBlocked) {
        passed.push(command);
        clients.add(client);
        for (const name of command.names) names.add(name);
        continue;
      }
      if (!grouping.joins(command, group)) break;
      group.push(command);
    }
    this.#mayBegin = group.length > 0 && (this.#underWay.size === 0 || grouping.isEnough(group));
    if (!this.#mayBegin) return [];
    this.#waiting.splice(0, place, ...passed);
    this.#claim(group);
    return group;
  }

  /** The group is not under way any more. Those of it that are `unfinished` wait again, in front. */
  end(group: readonly Command[], unfinished: readonly Command[]): void {
    this.#underWay.delete(group);
    this.#isExclusive = false;
    this.#mayBegin = true;
    for (const { client, names } of group) {
      this.#clients.delete(client);
      for (const name of names) this.#names.delete(name);
    }
    if (unfinished.length > 0) this.#waiting = [...unfinished, ...this.#waiting];
  }

  /** Takes those out that `isOver` and wait, as far as an answer to them keeps their clients' order. */
  takeOver(isOver: (command: Command) => boolean): readonly Command[] {
    const over: Command[] = [];
    const left: Command[] = [];
    const clients = new Set(this.#clients);
    for (const command of this.#waiting) {
      if (!clients.has(command.client) && isOver(command)) over.push(command);
      else {
        left.push(command);
        clients.add(command.client);
      }
    }
    this.#waiting = left;
    return over;
  }

  #isTaken({ names }: Command, waitedFor: ReadonlySet<string>): boolean {
    return names.some((name) => this.#names.has(name) || waitedFor.has(name));
  }

  #claim(group: readonly Command[]): void {
    this.#underWay.add(group);
    for (const { client, names, isAlone } of group) {
      this.#isExclusive ||= isAlone;
      this.#clients.add(client);
      for (const name of names) this.#names.add(name);
    }
  }
}
