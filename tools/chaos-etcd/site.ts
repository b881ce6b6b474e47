/** Three nodes of etcd, and two programs with two servers each that keep their keys there. */

import { Etcd, idOf } from '../support/etcd-process.js';
import { freePorts } from '../support/free-ports.js';
import { Program } from '../support/program.js';
import { PeerNetwork } from './peer-network.js';

const NODES = 3;
const PROGRAMS = 2;
const SERVERS = 2;
const PREFIX = 'chaos/';

/** A program, which may have been started anew since. */
interface Front {
  readonly port: number;
  program: Program;
}

export class Site {
  readonly nodes: readonly Etcd[];
  readonly #network: PeerNetwork;
  readonly #entry: string;
  readonly #fronts: Front[] = [];
  /** In etcd, by the nodes' places. */
  #ids: readonly string[] = [];

  private constructor(nodes: readonly Etcd[], network: PeerNetwork, entry: string) {
    this.nodes = nodes;
    this.#network = network;
    this.#entry = entry;
  }

  /** @param entry the script of the program */
  static async start(entry: string): Promise<Site> {
    const network = new PeerNetwork();
    const nodes = await Etcd.startCluster(NODES, (peerPort) => network.between(peerPort));
    const site = new Site(nodes, network, entry);
    try {
      await site.#begin();
      return site;
    } catch (error) {
      await site.stop();
      throw error;
    }
  }

  async #begin(): Promise<void> {
    this.#ids = await Promise.all(this.nodes.map((node) => idOf(node)));
    for (let place = 0; place < PROGRAMS; place += 1) {
      const port = await freePorts();
      this.#fronts.push({ port, program: await this.#startProgram(port, place) });
    }
  }

  get programs(): readonly Program[] {
    return this.#fronts.map(({ program }) => program);
  }

  /** Where clients find servers; that of a router at the end. */
  get ports(): readonly number[] {
    return [
      ...this.programs.flatMap(({ serverPorts }) => serverPorts),
      ...this.programs.map(({ routerPort }) => routerPort),
    ];
  }

  /** Cuts the node off from the others. */
  cut(place: number): void {
    const node = this.nodes[place];
    const id = this.#ids[place];
    if (node === undefined || id === undefined) throw new RangeError(`there is no node ${place}`);
    this.#network.cut(node.peerPort, id);
  }

  heal(): void {
    this.#network.heal();
  }

  /** Kills the program; the returned function starts it again. */
  async killProgram(place: number): Promise<() => Promise<void>> {
    const front = this.#fronts[place];
    if (front === undefined) throw new RangeError(`there is no program ${place}`);
    await front.program.kill();
    return async () => {
      front.program = await this.#startProgram(front.port, place);
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.programs.map((program) => program.stop()));
    await this.destroy();
  }

  /** Whatever state it is in. */
  async destroy(): Promise<void> {
    await Promise.all(this.programs.map((program) => program.kill()));
    await Promise.all(this.nodes.map((node) => node.stop()));
    this.#network.close();
  }

  /** Each asks another node first. */
  #startProgram(port: number, place: number): Promise<Program> {
    const endpoints = this.nodes.map((_, one) => this.nodes[(one + place) % NODES]?.endpoint).join(',');
    return Program.start({
      entry: this.#entry,
      servers: SERVERS,
      port,
      storage: 'elsewhere',
      flags: [
        '--engine',
        'etcd',
        '--etcd-endpoints',
        endpoints,
        '--etcd-prefix',
        PREFIX,
        '--log-level',
        'error',
      ],
    });
  }
}
