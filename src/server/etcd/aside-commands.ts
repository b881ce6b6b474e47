/** Commands that are executed beside all others, since they ask etcd many times: a few at a time, the others wait. */

import type { EtcdChanges } from '../../etcd/etcd-changes.js';
import { EtcdNoAnswerError } from '../../etcd/etcd-errors.js';
import type { KeyOrderReads } from '../../etcd/key-order-reads.js';
import { isUnanswered } from '../../etcd/patience.js';
import type { Reach } from '../../etcd/reach.js';
import type { Sessions } from '../../etcd/sessions.js';
import { MAX_ASIDE } from '../../etcd-limits.js';
import { ErrorReply } from '../../protocol/resp/value.js';
import { MAX_WAITING_WALKS, MAX_WALKS } from '../../redis-limits.js';
import type { PendingCommand } from '../clients/client-connection.js';
import { Aside } from './aside.js';
import { answerRefused, type EtcdAnswerer, replyTo, UNKNOWN } from './refusals.js';

/** What is executed beside all others. */
export type AsideReach = Extract<Reach, { type: 'key-order' | 'session' | 'changes' }>;

const TOO_MANY = new ErrorReply(
  `TRYAGAIN ${MAX_WALKS} commands that go through all keys are at work, and ${MAX_WAITING_WALKS} wait`,
);

export interface AsideCommandsOptions {
  readonly keyOrderReads: KeyOrderReads;
  readonly sessions: Sessions;
  readonly changes: Pick<EtcdChanges, 'reach'>;
  readonly answerer: EtcdAnswerer;
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
  readonly #others = new Aside({ maxRunning: MAX_ASIDE, maxWaiting: Number.POSITIVE_INFINITY });
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
  begin(command: PendingCommand, reach: AsideReach): void {
    const isWalk = reach.type === 'key-order' && reach.request.type === 'redis-walk';
    const aside = isWalk ? this.#walks : this.#others;
    if (aside.add(() => this.#execute(command, reach))) command.client.standsAside = true;
    else this.#options.answerer.read(command, TOO_MANY);
  }

  async #execute(command: PendingCommand, reach: AsideReach): Promise<void> {
    const { answerer, onAnswered, onFailure } = this.#options;
    const { client } = command;
    try {
      const answer = await this.#answerTo(command, reach);
      client.standsAside = false;
      if (this.#hasStopped) return;
      if (!answerer.endIfGone(command)) answer();
      onAnswered();
    } catch (error) {
      onFailure(error);
    }
  }

  async #answerTo(command: PendingCommand, reach: AsideReach): Promise<() => void> {
    const { answerer, onAnswer } = this.#options;
    try {
      const answer = await this.#outcomeOf(command, reach);
      onAnswer(undefined);
      return answer;
    } catch (error) {
      if (isUnanswered(error)) {
        onAnswer(error.message);
        const isUnknown = reach.type === 'session' && error instanceof EtcdNoAnswerError;
        if (isUnknown) return () => answerRefused(answerer, command, UNKNOWN);
        return () => answerer.unexecuted(command, { type: 'no-leader' });
      }
      const reply = replyTo(error);
      if (reply === undefined) throw error;
      return () => answerRefused(answerer, command, reply);
    }
  }

  async #outcomeOf(command: PendingCommand, reach: AsideReach): Promise<() => void> {
    const { keyOrderReads, sessions, changes, answerer } = this.#options;
    if (reach.type === 'changes') {
      await changes.reach(reach.revision);
      return () => answerer.fromState(command);
    }
    if (reach.type === 'session') {
      const { request } = reach;
      const isOpening = request.type === 'session-open';
      const result = await (isOpening ? sessions.open(request.ttlS) : sessions.close(request.id));
      return () => answerer.write(command, result);
    }
    const isUnwanted = () => command.client.isGone || this.#hasStopped;
    const value = await keyOrderReads.execute(reach.request, isUnwanted);
    return () => answerer.read(command, value);
  }
}
