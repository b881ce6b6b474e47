/** A watch of keys of etcd, by a stream of its own. */

import { READ_TIMEOUT_MS } from '../../etcd-limits.js';
import { EtcdNoAnswerError } from '../etcd-errors.js';
import type { EtcdWatch } from '../etcd-transport.js';
import { Watch, type WatchRequest, type WatchResponse, type WatchStart } from '../rpc/messages.js';
import { type Endpoint, type Endpoints, isLost } from './endpoints.js';
import { errorOf } from './grpc-errors.js';

export interface GrpcWatchOptions {
  readonly endpoints: Endpoints;
  /** What tells etcd who asks. */
  readonly headers: () => Promise<Record<string, string>>;
  /** Has the next headers be new ones. */
  readonly forgetToken: () => void;
}

/** What etcd says of a watch by somebody whom it does not know any more, or who may not see the keys. */
const NOT_KNOWN = /permission denied|invalid auth token|user name is empty/;

/** A stream that etcd has answered. */
interface Opened {
  readonly endpoint: Endpoint;
  readonly first: WatchResponse;
  readonly others: AsyncIterator<WatchResponse>;
}

export class GrpcWatch implements EtcdWatch {
  readonly #start: WatchStart;
  readonly #options: GrpcWatchOptions;
  readonly #ending = new AbortController();
  #isCreated = false;
  #isProgressWanted = false;
  #onWanted: () => void = () => undefined;

  constructor(start: WatchStart, options: GrpcWatchOptions) {
    this.#start = start;
    this.#options = options;
  }

  askProgress(): void {
    if (!this.#isCreated) return;
    this.#isProgressWanted = true;
    this.#onWanted();
  }

  close(): void {
    this.#ending.abort();
    this.#onWanted();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchResponse, void, undefined> {
    let endpoint: Endpoint | undefined;
    try {
      const opened = await this.#openKnown();
      endpoint = opened.endpoint;
      this.#isCreated = true;
      let answer = opened.first;
      while (true) {
        yield answer;
        if (answer.canceled) return;
        const next = await opened.others.next();
        if (next.done === true) throw new EtcdNoAnswerError(`${endpoint.url} has ended a watch`);
        answer = next.value;
      }
    } catch (error) {
      if (this.#ending.signal.aborted) return;
      const told = endpoint === undefined || isLost(error) ? error : errorOf(error, endpoint.url);
      if (endpoint !== undefined && isLost(told)) this.#options.endpoints.leave(endpoint);
      throw told;
    } finally {
      this.close();
    }
  }

  /** A stream by a token that etcd knows, if there can be one. */
  async #openKnown(): Promise<Opened> {
    const { headers, forgetToken } = this.#options;
    const opened = await this.#open(await headers());
    if (!opened.first.canceled || !NOT_KNOWN.test(opened.first.cancelReason)) return opened;
    forgetToken();
    return this.#open(await headers());
  }

  #open(headers: Record<string, string>): Promise<Opened> {
    return this.#options.endpoints.use(async (endpoint) => {
      const giving = new AbortController();
      const timer = setTimeout(() => giving.abort(), READ_TIMEOUT_MS);
      const signal = AbortSignal.any([this.#ending.signal, giving.signal]);
      try {
        const { transport } = endpoint;
        const stream = await transport.stream(Watch.watch, signal, undefined, headers, this.#requests());
        const others = stream.message[Symbol.asyncIterator]();
        const first = await others.next();
        if (first.done === true) throw new EtcdNoAnswerError(`${endpoint.url} has not begun a watch`);
        return { endpoint, first: first.value, others };
      } catch (error) {
        giving.abort();
        throw isLost(error) ? error : errorOf(error, endpoint.url);
      } finally {
        clearTimeout(timer);
      }
    });
  }

  async *#requests(): AsyncGenerator<WatchRequest, void, undefined> {
    yield { request: { case: 'createRequest', value: this.#start } };
    while (!this.#ending.signal.aborted) {
      if (this.#isProgressWanted) {
        this.#isProgressWanted = false;
        yield { request: { case: 'progressRequest', value: {} } };
        continue;
      }
      await new Promise<void>((resolve) => {
        this.#onWanted = resolve;
      });
    }
  }
}
