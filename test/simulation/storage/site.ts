/** A simulated disk with a directory for one server, on time that passes by itself. */

import { Random } from '../../../tools/support/random.js';
import { SimulatedDisk } from '../world/disk.js';
import type { SimulatedFiles } from '../world/files.js';
import { SimulatedThread } from '../world/thread.js';
import { World } from '../world/world.js';

export const DIRECTORY = '/server';

export class SimulatedSite {
  readonly disk: SimulatedDisk;
  readonly #world = new World();
  readonly #random: Random;
  #thread: SimulatedThread;
  #files: SimulatedFiles;

  private constructor(seed: number) {
    this.#random = new Random(seed);
    this.disk = new SimulatedDisk(this.#world, this.#random);
    [this.#thread, this.#files] = this.#start();
  }

  /** With the directory, whose name survives. */
  static async make(seed: number): Promise<SimulatedSite> {
    const site = new SimulatedSite(seed);
    await site.until(site.files.makeDirectory(DIRECTORY));
    await site.until(site.files.syncDirectory('/'));
    return site;
  }

  /** Of the thread that runs. */
  get files(): SimulatedFiles {
    return this.#files;
  }

  /** The thread that runs ends, and another one starts. */
  endThread(): void {
    this.#thread.end();
    [this.#thread, this.#files] = this.#start();
  }

  /** The machine ends, and a thread starts on what is left. */
  losePower(): void {
    this.disk.losePower();
    [this.#thread, this.#files] = this.#start();
  }

  /** Lets time pass until the promise settles. Rejects when nothing is due any more before it does. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settle = () => {
      isSettled = true;
    };
    promise.then(settle, settle);
    if (!(await this.#world.run(() => isSettled))) throw new Error('nothing more will happen');
    return promise;
  }

  /** Lets time pass until the promise settles, but for at most this many events. */
  async untilOrEvents(promise: Promise<unknown>, events: number): Promise<void> {
    let isSettled = false;
    const settle = () => {
      isSettled = true;
    };
    promise.then(settle, settle);
    const end = this.#world.timeline.steps + events;
    await this.#world.run(() => isSettled || this.#world.timeline.steps >= end);
  }

  /** Lets time pass while others wait for what happens in it, until `isOver`. */
  async run(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await this.#world.run(isOver);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #start(): [SimulatedThread, SimulatedFiles] {
    const onError = (error: unknown) => {
      throw error;
    };
    const thread = new SimulatedThread({ name: 'server', world: this.#world, random: this.#random, onError });
    return [thread, this.disk.filesOf(thread)];
  }
}

/** A site of its own for each test of the block, whose time passes; returns what tells it. */
export function useSimulatedSite(): () => SimulatedSite {
  let site: SimulatedSite | undefined;
  let running: Promise<void> = Promise.resolve();
  beforeEach(async () => {
    const made = await SimulatedSite.make(1);
    site = made;
    running = made.run(() => site === undefined);
  });
  afterEach(async () => {
    site = undefined;
    await running;
  });
  return () => {
    if (site === undefined) throw new TypeError('there is a site only while a test runs');
    return site;
  };
}
