/**
 * One server's thread as the main thread sees it, from start to end.
 */

import { MessageChannel, type MessagePort } from 'node:worker_threads';
import * as Comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { openChannel, type PortChannel } from '../channel/port-channel.js';
import { EVENTS_CAPACITY, TRAFFIC_CAPACITY } from '../limits.js';
import type { ServerId } from '../raft/types.js';
import { STOP_TIMEOUT_MS } from '../time-limits.js';
import type { PeerNews, ServerControl, ServerEvent, ServerStart } from '../wire/control.js';
import { ServerGoneError } from './cluster-errors.js';
import type { ThreadPool } from './thread-pool.js';

/** A thread loads its modules in a tenth of this time. A thread that has not by then will not. */
const LOAD_TIMEOUT_MS = 5_000;

/** How a thread came to its end. */
export type ThreadEnd =
  /** It was terminated by {@link ServerThread.kill}. */
  | { readonly how: 'killed' }
  /** It did what {@link ServerThread.stop} asked for. */
  | { readonly how: 'stopped' }
  /** It ended by itself. */
  | { readonly how: 'died'; readonly error: unknown };

/** What a server reports once its thread has loaded. */
export type ServerReport = Exclude<ServerEvent, { type: 'loaded' }>;

/** A server's thread as src/cluster/member.ts uses it. */
export type MemberThread = Omit<ServerThread, 'id'>;

export class ServerThread {
  readonly id: ServerId;
  /** Client traffic with the server. */
  readonly traffic: PortChannel<Uint8Array>;
  /** Resolves once the thread has ended and has released its files. */
  readonly ended: Promise<ThreadEnd>;
  readonly #events: PortChannel<PeerNews, ServerEvent>;
  readonly #abort = new AbortController();
  readonly #controlPort: MessagePort;
  /** Held as long as the thread lives: comlink drops the calls of a proxy that nobody holds (comlink 692). */
  readonly #control: Comlink.Remote<ServerControl>;
  /** The rejections of the calls that have no answer yet. */
  readonly #unanswered = new Set<(error: ServerGoneError) => void>();
  #isStopping = false;
  #isLoaded = false;
  #threadId: number | undefined;
  #isKilled = false;
  #isGone = false;
  #loadTimer: NodeJS.Timeout | undefined;

  constructor(pool: ThreadPool, start: Omit<ServerStart, 'ports'>) {
    const control = new MessageChannel();
    const traffic = new MessageChannel();
    const events = new MessageChannel();
    this.id = start.slot;
    this.#controlPort = control.port1;
    this.#control = Comlink.wrap<ServerControl>(nodeEndpoint(control.port1));
    this.traffic = openChannel(traffic.port1, { capacity: TRAFFIC_CAPACITY });
    this.#events = openChannel(events.port1, {
      capacity: EVENTS_CAPACITY,
      transfer: (news) => (news.type === 'joined' ? [news.port] : []),
    });
    const ports = { control: control.port2, traffic: traffic.port2, events: events.port2 };
    const task: ServerStart = { ...start, ports };
    const { signal } = this.#abort;
    this.ended = this.#watch(
      pool.run(task, {
        signal,
        transferList: Object.values(ports),
        threadId: () => this.#threadId,
      }),
    );
  }

  /** What the server reports, until it ends. Reports after {@link kill} mean nothing. */
  async *reports(): AsyncGenerator<ServerReport> {
    for await (const event of this.#events.receiver) {
      if (event.type === 'loaded') this.#onLoaded(event.threadId);
      else yield event;
    }
  }

  /**
   * Terminates the thread, as a crash would; {@link ended} tells when it is over. A thread that still loads its modules
   * is terminated as soon as it has them: Node 20 aborts the whole process when a thread ends while it loads modules
   * (v8::Module::IsGraphAsync).
   */
  kill(): void {
    this.#isKilled = true;
    if (this.#isLoaded) this.#terminate();
    else this.#loadTimer ??= setTimeout(() => this.#terminate(), LOAD_TIMEOUT_MS);
  }

  /** Asks the server to stop, and resolves once it has. To be called only after its event `up`. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const deadline = setTimeout(() => this.kill(), STOP_TIMEOUT_MS);
    // A server that ends before it answers has stopped as well.
    await this.call((control) => control.stop()).catch(() => {});
    await this.ended;
    clearTimeout(deadline);
  }

  /**
   * Calls the server. To be called only after its event `up`: before, nobody listens, and the call is lost
   * (comlink 665). Rejects with {@link ServerGoneError} when the thread ends before it answers: comlink itself would
   * leave the call unanswered for ever (comlink 601).
   */
  call<R>(invoke: (control: Comlink.Remote<ServerControl>) => Promise<R>): Promise<R> {
    return new Promise((resolve, reject) => {
      if (this.#isGone) {
        reject(new ServerGoneError(this.id));
        return;
      }
      this.#unanswered.add(reject);
      invoke(this.#control)
        .then(resolve, reject)
        .finally(() => this.#unanswered.delete(reject));
    });
  }

  /** Tells the server of another server. To be called only after its event `up`. */
  tell(news: PeerNews): void {
    // Fails only once the thread is gone.
    this.#events.sender.send(news).catch(() => {
      if (news.type === 'joined') news.port.close();
    });
  }

  #onLoaded(threadId: number): void {
    this.#isLoaded = true;
    this.#threadId = threadId;
    if (this.#isKilled) this.#terminate();
  }

  #terminate(): void {
    this.#abort.abort();
    this.#release();
  }

  async #watch(running: Promise<void>): Promise<ThreadEnd> {
    const end = await running.then(
      () => this.#endOfTask(),
      (error: unknown) => this.#endOfThread(error),
    );
    this.#release();
    return end;
  }

  #endOfTask(): ThreadEnd {
    if (this.#isStopping) return { how: 'stopped' };
    return { how: 'died', error: new Error('it stopped without being asked to') };
  }

  #endOfThread(error: unknown): ThreadEnd {
    return this.#isKilled ? { how: 'killed' } : { how: 'died', error };
  }

  #release(): void {
    this.#isGone = true;
    clearTimeout(this.#loadTimer);
    this.#controlPort.close();
    this.traffic.close();
    this.#events.close();
    for (const reject of this.#unanswered) reject(new ServerGoneError(this.id));
    this.#unanswered.clear();
  }
}
