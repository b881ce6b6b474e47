/** Commands that are executed beside all others, since they ask etcd many times: a few at a time, the others wait. */

import type { KeyOrderRead, KeyOrderReads } from '../../etcd/key-order-reads.js';
import { isUnanswered } from '../../etcd/patience.js';
import { MAX_KEY_ORDER_READS } from '../../etcd-limits.js';
import { ErrorReply } from '../../protocol/resp/value.js';
import { MAX_WAITING_WALKS, MAX_WALKS } from '../../redis-limits.js';
import type { Answerer } from '../clients/answering.js';
import type { PendingCommand } from '../clients/client-connection.js';
import { Aside } from './aside.js';
import { replyTo } from './refusals.js';

const TOO_MANY = new ErrorReply(
  `TRYAGAIN ${MAX_WALKS} commands that go through all keys are at work, and ${MAX_WAITING_WALKS} wait`,
);

export interface AsideCommandsOptions {
  readonly keyOrderReads: KeyOrderReads;
  readonly answerer: Answerer;
  /** Told whether etcd has answered: undefined, or why it has not. */
  readonly onAnswer: (trouble: string | undefined) => void;
  /** Replies wait to be sent, and clients may have sent more. */
  readonly onAnswered: () => void;
  /** A defect: the server cannot go on. */
  readonly onFailure: (error: unknown) => void;
}

export class AsideCommands {
  readonly #options: AsideCommandsOptions;
  readonly #walks = new Aside({ maxRunning: MAX_WALKS, maxWaiting: MAX_WAITING_WALKS });
  /** A client has one of these at a time. */
  readonly #others = new Aside({ maxRunning: MAX_KEY_ORDER_READS, maxWaiting: Number.POSITIVE_INFINITY });
  #hasStopped = false;

  constructor(options: AsideCommandsOptions) {
    this.#options = options;
  }

  /** Commands that are not answered. */
  get count(): number {
    return this.#walks.count + this.#others.count;
  }

  /** Nothing is answered any more. */
  stop(): void {
    this.#hasStopped = true;
  }

  /** Answers the command, the first one of its client; nothing more of the client is taken until then. */
  begin(command: PendingCommand, request: KeyOrderRead): void {
    const aside = request.type === 'redis-walk' ? this.#walks : this.#others;
    if (aside.add(() => this.#execute(command, request))) command.client.standsAside = true;
    else this.#options.answerer.read(command, TOO_MANY);
  }

  async #execute(command: PendingCommand, request: KeyOrderRead): Promise<void> {
    const { answerer, onAnswered, onFailure } = this.#options;
    const { client } = command;
    try {
      const answer = await this.#answerTo(command, request);
      client.standsAside = false;
      if (this.#hasStopped) return;
      if (!answerer.endIfGone(command)) answer();
      onAnswered();
    } catch (error) {
      onFailure(error);
    }
  }

  async #answerTo(command: PendingCommand, request: KeyOrderRead): Promise<() => void> {
    const { keyOrderReads, answerer, onAnswer } = this.#options;
    const isUnwanted = () => command.client.isGone || this.#hasStopped;
    try {
      const value = await keyOrderReads.execute(request, isUnwanted);
      onAnswer(undefined);
      return () => answerer.read(command, value);
    } catch (error) {
      if (isUnanswered(error)) {
        onAnswer(error.message);
        return () => answerer.unexecuted(command, { type: 'no-leader' });
      }
      const reply = replyTo(error);
      if (reply === undefined) throw error;
      return () => answerer.read(command, reply);
    }
  }
}
