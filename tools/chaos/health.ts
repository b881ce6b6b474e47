/** Which servers are well, and can talk to each other well, as far as the faults go that were done to them. */

export interface Interval {
  readonly fromNs: number;
  readonly untilNs: number;
}

type Link = readonly [from: number, to: number];

export class Health {
  #majorities: readonly (readonly number[])[];
  readonly #nowNs: () => number;
  /** By server: how many faults it has, if any. */
  readonly #unwell = new Map<number, number>();
  #badLinks: readonly Link[] = [];
  #programIsUp = false;
  /** By place of the majority: since when it is well. */
  readonly #wellSinceNs = new Map<number, number>();
  readonly #intervals: Interval[] = [];

  /** @param nowNs a monotonic clock, in ns */
  constructor(servers: number, nowNs: () => number) {
    this.#majorities = smallestMajorities(Array.from({ length: servers }, (_, id) => id));
    this.#nowNs = nowNs;
  }

  /** The program serves. Faults of servers and of links are not undone by that. */
  programUp(): void {
    this.#programIsUp = true;
    this.#note();
  }

  programDown(): void {
    this.#programIsUp = false;
    this.#note();
  }

  /** The servers have one fault more; to be said before it is so. */
  unwell(...ids: readonly number[]): void {
    for (const id of ids) this.#unwell.set(id, (this.#unwell.get(id) ?? 0) + 1);
    this.#note();
  }

  /** They have one fault less, and none if there is no other; to be said once it is so. */
  well(...ids: readonly number[]): void {
    for (const id of ids) {
      const faults = (this.#unwell.get(id) ?? 0) - 1;
      if (faults > 0) this.#unwell.set(id, faults);
      else this.#unwell.delete(id);
    }
    this.#note();
  }

  /** These links lose or delay messages, and no others do; to be said before it is so, or with none once it is. */
  setBadLinks(links: readonly Link[]): void {
    this.#badLinks = links;
    this.#note();
  }

  /** These are the members from now on. */
  setMembers(ids: readonly number[]): void {
    this.#judgeBy(smallestMajorities(ids));
  }

  /** The members change, and these may be among them before, meanwhile or after: while all are well, nothing may stop. */
  membersChange(ids: readonly number[]): void {
    this.#judgeBy([ids]);
  }

  /**
   * Each time in which one and the same majority was well and connected, so far. They overlap, for there are several
   * majorities.
   */
  intervals(): readonly Interval[] {
    const untilNs = this.#nowNs();
    return [...this.#intervals, ...[...this.#wellSinceNs.values()].map((fromNs) => ({ fromNs, untilNs }))];
  }

  #judgeBy(majorities: readonly (readonly number[])[]): void {
    const untilNs = this.#nowNs();
    for (const fromNs of this.#wellSinceNs.values()) this.#intervals.push({ fromNs, untilNs });
    this.#wellSinceNs.clear();
    this.#majorities = majorities;
    this.#note();
  }

  #note(): void {
    const nowNs = this.#nowNs();
    for (const [place, majority] of this.#majorities.entries()) {
      const sinceNs = this.#wellSinceNs.get(place);
      const isWell = this.#isWell(majority);
      if (isWell && sinceNs === undefined) this.#wellSinceNs.set(place, nowNs);
      if (isWell || sinceNs === undefined) continue;
      this.#wellSinceNs.delete(place);
      this.#intervals.push({ fromNs: sinceNs, untilNs: nowNs });
    }
  }

  #isWell(majority: readonly number[]): boolean {
    if (!this.#programIsUp || majority.some((id) => this.#unwell.has(id))) return false;
    return !this.#badLinks.some(([from, to]) => majority.includes(from) && majority.includes(to));
  }
}

/** All sets of just more than half of the servers. */
function smallestMajorities(ids: readonly number[]): number[][] {
  const size = Math.floor(ids.length / 2) + 1;
  const all = Array.from({ length: 2 ** ids.length }, (_, bits) => ids.filter((_id, i) => (bits >> i) & 1));
  return all.filter((set) => set.length === size);
}
