/**
 * One server's thread as the main thread sees it, from its start to its end.
 *
 * The thread is a long-running task of the pool. Aborting the task terminates the thread at once, as a crash would.
 */

import { MessageChannel, type MessagePort } from 'node:worker_threads';
import * as Comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import type { Piscina } from 'piscina';
import { openChannel, type PortChannel } from '../channel/port-channel.js';
import { TRAFFIC_CAPACITY } from '../limits.js';
import type { ServerControl, ServerEvent, ServerStart } from '../server/control.js';
import { ServerGoneError } from './errors.js';

/** Events of a server that the main thread has not looked at yet. */
const EVENTS_CAPACITY = 64;

/** How a thread came to its end. */
export type ThreadEnd =
  | { readonly how: 'killed' }
  | { readonly how: 'stopped' }
  | { readonly how: 'died'; readonly error: unknown };

export class ServerThread {
  readonly id: number;
  /** Client traffic with the server. */
  readonly traffic: PortChannel<Uint8Array>;
  /** What the server reports. */
  readonly events: PortChannel<never, ServerEvent>;
  /** Resolves once the thread has ended and holds nothing any more. */
  readonly ended: Promise<ThreadEnd>;
  readonly #abort = new AbortController();
  readonly #controlPort: MessagePort;
  /** Held for as long as the thread lives: comlink takes a proxy that nobody holds for one that is done with. */
  readonly #control: Comlink.Remote<ServerControl>;
  #isStopping = false;

  constructor(pool: Piscina, start: Omit<ServerStart, 'ports'>) {
    const control = new MessageChannel();
    const traffic = new MessageChannel();
    const events = new MessageChannel();
    this.id = start.id;
    this.#controlPort = control.port1;
    this.#control = Comlink.wrap<ServerControl>(nodeEndpoint(control.port1));
    this.traffic = openChannel(traffic.port1, { capacity: TRAFFIC_CAPACITY });
    this.events = openChannel(events.port1, { capacity: EVENTS_CAPACITY });
    const ports = { control: control.port2, traffic: traffic.port2, events: events.port2 };
    const task: ServerStart = { ...start, ports };
    const running = pool.run(task, { signal: this.#abort.signal, transferList: Object.values(ports) });
    this.ended = this.#watch(running);
  }

  /** Terminates the thread at once, as a crash would. */
  kill(): void {
    this.#abort.abort();
  }

  /** Asks the server to stop, and resolves once its thread has ended. */
  async stop(): Promise<ThreadEnd> {
    this.#isStopping = true;
    await this.call((control) => control.stop()).catch(() => undefined);
    return this.ended;
  }

  /**
   * Calls the server. Only after its event `up`: before, nobody listens, and the call is lost. Rejects with
   * {@link ServerGoneError} when the thread ends first: comlink alone would leave the call unanswered for ever.
   */
  async call<R>(call: (control: Comlink.Remote<ServerControl>) => Promise<R>): Promise<R> {
    const gone = this.ended.then(() => {
      throw new ServerGoneError(this.id);
    });
    return Promise.race([call(this.#control), gone]);
  }

  /** Joins the server with a peer through the port. */
  async connect(peer: number, port: MessagePort): Promise<void> {
    await this.call((control) => control.connect(peer, Comlink.transfer(port, [port])));
  }

  async #watch(running: Promise<unknown>): Promise<ThreadEnd> {
    let end: ThreadEnd = { how: this.#isStopping ? 'stopped' : 'killed' };
    try {
      await running;
      end = this.#isStopping
        ? { how: 'stopped' }
        : { how: 'died', error: new Error('its task came to an end') };
    } catch (error) {
      end = this.#abort.signal.aborted ? { how: 'killed' } : { how: 'died', error };
    }
    this.#controlPort.close();
    this.traffic.close();
    this.events.close();
    return end;
  }
}
