/**
 * The failover benchmark: kills the leader's thread, again and again, and takes the time until clients can write.
 */

import { Program, ProgramError, type ProgramStatus } from '../../support/program.js';
import { RedirectingClient } from '../../support/redirecting-client.js';
import { TextClient } from '../../support/text-client.js';
import { Ledger } from './ledger.js';
import { Writer } from './writer.js';

export interface FailoverOptions {
  readonly rounds: number;
  readonly servers: number;
  /** Clients that keep writing: half of them through the router, half on the servers' own ports. */
  readonly clients: number;
  /** Script to run; the built command line unless a test brings its own. */
  readonly entry?: string;
}

/** Times run from the sending of the kill request. */
export interface FailoverRound {
  readonly killed: number;
  /**
   * Until the router acknowledged a write. The first is sent when the old leader's connections are seen to end: one from
   * before could be the old leader's last.
   */
  readonly routerMs: number;
  /** Until any other server acknowledged a write on its own port; a client of each tries all the time. */
  readonly directMs: number;
}

export interface FailoverResult {
  readonly rounds: readonly FailoverRound[];
  readonly acknowledgedWrites: number;
  readonly keys: number;
  /** Acknowledged writes that a read at the end does not find, one line each. */
  readonly lost: readonly string[];
}

const LOAD_PAUSE_MS = 10;

/** How finely a failover is measured, as far as writes are refused rather than held back. */
const PROBE_PAUSE_MS = 1;

/** Rejects with ProgramError when the program does not start, or does not recover in good time. */
export async function measureFailover(
  { clients, rounds, ...options }: FailoverOptions,
  onRound: (round: FailoverRound, number: number) => void = () => undefined,
): Promise<FailoverResult> {
  const program = await Program.start(options);
  try {
    return await failOverAgainAndAgain(program, { clients, rounds }, onRound);
  } finally {
    await program.stop();
  }
}

/** The same with a program that runs. Rejects with ProgramError when it ends or does not recover in good time. */
export async function failOverAgainAndAgain(
  program: Program,
  { clients, rounds }: Pick<FailoverOptions, 'clients' | 'rounds'>,
  onRound: (round: FailoverRound, number: number) => void = () => undefined,
): Promise<FailoverResult> {
  const bench = new FailoverBench(program, clients);
  const end = program.exited.then(() => {
    throw new ProgramError('the program ended during failovers', program.stderrTail);
  });
  try {
    return await Promise.race([bench.run(rounds, onRound), end]);
  } finally {
    bench.close();
  }
}

class FailoverBench {
  readonly #program: Program;
  readonly #ledger = new Ledger();
  readonly #over = new AbortController();
  readonly #load: readonly Writer[];
  readonly #routerProbe: Writer;
  /** By server id. */
  readonly #serverProbes: readonly Writer[];

  constructor(program: Program, clients: number) {
    this.#program = program;
    const { routerPort, serverPorts } = program;
    const newWriter = (name: string, connect: ConstructorParameters<typeof Writer>[2]) =>
      new Writer(`failover:${name}`, this.#ledger, connect);
    this.#load = Array.from({ length: clients }, (_, i) =>
      newWriter(`load:${i}`, async () =>
        i % 2 === 0 ? TextClient.connect(routerPort) : new RedirectingClient(serverPorts),
      ),
    );
    this.#routerProbe = newWriter('router', () => TextClient.connect(routerPort));
    this.#serverProbes = serverPorts.map((port, id) =>
      newWriter(`server:${id}`, () => TextClient.connect(port)),
    );
  }

  async run(
    rounds: number,
    onRound: (round: FailoverRound, number: number) => void,
  ): Promise<FailoverResult> {
    const { signal } = this.#over;
    const load = Promise.all(this.#load.map((writer) => writer.keepWriting(signal, LOAD_PAUSE_MS)));
    const measured = this.#measure(rounds, onRound).finally(() => this.#over.abort());
    const [results] = await Promise.all([measured, load]);
    await this.#readBack();
    return {
      rounds: results,
      acknowledgedWrites: this.#ledger.writes,
      keys: this.#ledger.keys.length,
      lost: this.#ledger.broken,
    };
  }

  close(): void {
    this.#over.abort();
    for (const writer of [...this.#load, this.#routerProbe, ...this.#serverProbes]) writer.close();
  }

  async #measure(
    rounds: number,
    onRound: (round: FailoverRound, number: number) => void,
  ): Promise<FailoverRound[]> {
    const results: FailoverRound[] = [];
    for (let number = 1; number <= rounds; number += 1) {
      const result = await this.#failOver();
      results.push(result);
      onRound(result, number);
      await this.#recover(result.killed);
    }
    return results;
  }

  async #failOver(): Promise<FailoverRound> {
    const killed = await this.#program.leader();
    const survivors = this.#serverProbes.filter((_, id) => id !== killed);
    const { closed: ended } = await this.#witness(killed);
    const requestedAtMs = performance.now();
    const [routedAtMs, directAtMs] = await Promise.all([
      ended.then(() => this.#firstAcknowledgement([this.#routerProbe])),
      this.#firstAcknowledgement(survivors),
      this.#program.killServer(killed),
    ]);
    return { killed, routerMs: routedAtMs - requestedAtMs, directMs: directAtMs - requestedAtMs };
  }

  /** A connection that does nothing but end when the server does. */
  async #witness(id: number): Promise<TextClient> {
    const port = this.#program.serverPorts[id];
    if (port === undefined) throw new RangeError(`there is no server ${id}`);
    return TextClient.connect(port);
  }

  /** When any of the writers had a write acknowledged, on performance.now(); never if all is over first. */
  async #firstAcknowledgement(writers: readonly Writer[]): Promise<number> {
    const acknowledged = new AbortController();
    const signal = AbortSignal.any([acknowledged.signal, this.#over.signal]);
    let atMs = Number.POSITIVE_INFINITY;
    const onAcknowledged = () => {
      atMs = Math.min(atMs, performance.now());
      acknowledged.abort();
    };
    await Promise.all(writers.map((writer) => writer.keepWriting(signal, PROBE_PAUSE_MS, onAcknowledged)));
    return atMs;
  }

  /** Starts the server again and waits until it has what the cluster had committed by then. */
  async #recover(id: number): Promise<void> {
    await this.#program.restartServer(id);
    const { servers } = await this.#program.status();
    const committed = Math.max(...servers.map(({ commitIndex }) => commitIndex));
    await this.#program.waitFor(`server ${id} to catch up with index ${committed}`, (status) =>
      hasApplied(status, id, committed),
    );
  }

  async #readBack(): Promise<void> {
    const client = await TextClient.connect(this.#program.routerPort);
    for (const key of this.#ledger.keys) this.#ledger.check(key, await client.getm(key));
    client.close();
  }
}

function hasApplied({ servers }: ProgramStatus, id: number, index: number): boolean {
  const server = servers.find((each) => each.id === id);
  return server?.state === 'running' && server.lastApplied >= index;
}
