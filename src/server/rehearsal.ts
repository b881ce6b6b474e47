/**
 * Failovers rehearsed in memory before a server serves.
 *
 * What a server does when a leader ends, it does for the first time, or for the first time in days. V8 compiles a function
 * when it is first called, and learns from calls which objects come by: a failover of code that has never run takes twice
 * as long. So three servers of the real kind, which have no disk and no clients but this file, lose their leader a few times
 * within the thread that is about to run one.
 */

import type { Port } from '../channel/port.js';
import { type Environment, endOfTurn } from '../environment.js';
import { beginLogTime, LogTime } from '../log-time.js';
import { initialConfiguration } from '../raft/configuration.js';
import type { RaftOptions } from '../raft/raft-options.js';
import { RehearsedServer } from './rehearsed-server.js';

/** From there on another one saves less of a failover than it costs of a start. */
export const FAILOVERS = 6;

/** What a rehearsal waits for comes within a dozen turns of the event loop. What has not come by then will not. */
const MAX_TURNS = 500;

const LINK_TURNS = 10;

export interface RehearsalOptions {
  readonly environment: Environment;
  /** Makes both ends of a channel. */
  readonly newPorts: () => readonly [Port, Port];
  /** How the servers run, but for their ids and members. */
  readonly raft: RaftOptions;
}

/**
 * Rehearses failovers. Resolves to how many came to their end: one that does not is the last. Takes some 30 ms, in turns, and
 * leaves nothing behind.
 */
export async function rehearse(options: RehearsalOptions): Promise<number> {
  const rehearsal = new Rehearsal(options);
  try {
    return await rehearsal.run();
  } finally {
    rehearsal.close();
  }
}

class Rehearsal {
  readonly #environment: Environment;
  readonly #newPorts: () => readonly [Port, Port];
  readonly #servers: readonly RehearsedServer[];

  constructor({ environment, newPorts, raft }: RehearsalOptions) {
    this.#environment = environment;
    this.#newPorts = newPorts;
    const configuration = initialConfiguration(3);
    const logTime = new LogTime(environment, beginLogTime(environment));
    this.#servers = configuration.voters.map(
      ({ id }) =>
        new RehearsedServer({
          environment,
          logTime,
          ports: newPorts(),
          raft: { ...raft, id, configuration, leasesAreOver: true },
        }),
    );
  }

  async run(): Promise<number> {
    for (const server of this.#servers)
      for (const other of this.#servers) if (server.id < other.id) this.#join(server, other);
    let leader = await this.#firstLeader();
    for (let rehearsed = 0; rehearsed < FAILOVERS; rehearsed += 1) {
      if (leader === undefined) return rehearsed;
      leader = await this.#failOver(leader);
    }
    return FAILOVERS;
  }

  close(): void {
    for (const server of this.#servers) server.close();
  }

  #join(one: RehearsedServer, other: RehearsedServer): void {
    const [port, otherPort] = this.#newPorts();
    one.connect(other.id, port);
    other.connect(one.id, otherPort);
  }

  async #firstLeader(): Promise<RehearsedServer | undefined> {
    const [first] = this.#servers;
    // A link takes messages once both of its ends have heard of each other.
    for (let turn = 0; turn < LINK_TURNS; turn += 1) await endOfTurn(this.#environment);
    first?.campaign();
    return this.#leaderOf(this.#servers);
  }

  /** Clients ask all servers, the leader ends, clients ask the others, and the leader comes back. Resolves to the next one. */
  async #failOver(leader: RehearsedServer): Promise<RehearsedServer | undefined> {
    const others = this.#servers.filter((server) => server !== leader);
    for (const server of this.#servers) server.ask({ areRouted: false });
    await this.#until(() => this.#servers.every(({ isAnswered }) => isAnswered));
    for (const server of others) {
      server.disconnect(leader.id);
      server.ask({ areRouted: true });
    }
    const next = await this.#leaderOf(others);
    for (const server of others) this.#join(server, leader);
    const hasAll = (server: RehearsedServer) => server.commitIndex === next?.commitIndex;
    await this.#until(() => !leader.isServing && this.#servers.every(hasAll));
    for (const server of this.#servers) server.leaveClients();
    return next;
  }

  async #leaderOf(servers: readonly RehearsedServer[]): Promise<RehearsedServer | undefined> {
    const leader = () => servers.find(({ isServing }) => isServing);
    await this.#until(() => leader() !== undefined);
    return leader();
  }

  async #until(hasCome: () => boolean): Promise<void> {
    for (let turn = 0; turn < MAX_TURNS && !hasCome(); turn += 1) await endOfTurn(this.#environment);
  }
}
