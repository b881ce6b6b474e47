/**
 * Executes commands that go to etcd together, and answers them.
 *
 * What may have been written is never tried again: its outcome is unknown. What was surely not waits again.
 */

import type { Environment } from '../../environment.js';
import { EtcdNoAnswerError, EtcdRefusalError, EtcdUnreachableError } from '../../etcd/etcd-errors.js';
import type { EtcdKeys } from '../../etcd/etcd-keys.js';
import type { Scratch } from '../../etcd/scratch.js';
import type { Outcome, SharedTransactions } from '../../etcd/shared-transactions.js';
import { isWrite } from '../../protocol/request.js';
import { ErrorReply } from '../../protocol/resp/value.js';
import { QUORUM_WAIT_MS } from '../../time-limits.js';
import type { PendingCommand } from '../clients/client-connection.js';
import { answerRefused, answerUnknown, type EtcdAnswerer, NO_SPACE, replyTo } from './refusals.js';
import type { WaitingCommand } from './waiting-command.js';

export interface GroupExecutionOptions {
  readonly environment: Pick<Environment, 'nowMs'>;
  readonly keys: Pick<EtcdKeys, 'count' | 'clear'>;
  readonly transactions: SharedTransactions;
  readonly newScratch: () => Scratch;
  readonly answerer: EtcdAnswerer;
  /** Told whether etcd has answered: undefined, or why it has not. */
  readonly onAnswer: (trouble: string | undefined) => void;
}

/** What is left of a group: commands of which nothing was done. */
export interface Left {
  readonly unfinished: readonly WaitingCommand[];
  /** Nothing could be asked of etcd. */
  readonly isUnreached: boolean;
}

const NOTHING_LEFT: Left = { unfinished: [], isUnreached: false };

export class GroupExecution {
  readonly #options: GroupExecutionOptions;
  readonly #group: readonly WaitingCommand[];
  /** So many of the first may have been written. */
  #writing = 0;

  constructor(options: GroupExecutionOptions, group: readonly WaitingCommand[]) {
    this.#options = options;
    this.#group = group;
  }

  /** Rejects only for a defect. */
  async run(): Promise<Left> {
    const { onAnswer } = this.#options;
    try {
      const left = await this.#execute();
      onAnswer(undefined);
      return left;
    } catch (error) {
      if (error instanceof EtcdUnreachableError || error instanceof EtcdNoAnswerError) {
        onAnswer(error.message);
        if (error instanceof EtcdUnreachableError || this.#writing === 0)
          return { unfinished: this.#group, isUnreached: true };
        return this.#answerFirst(this.#writing, (command) => answerUnknown(this.#options.answerer, command));
      }
      onAnswer(undefined);
      return this.#refuse(error);
    }
  }

  #execute(): Promise<Left> {
    const [first] = this.#group;
    if (first === undefined) return Promise.resolve(NOTHING_LEFT);
    if (first.reach.type === 'keys') return this.#executeShared(first.command.takenAtMs + QUORUM_WAIT_MS);
    return first.reach.type === 'clear' ? this.#clear(first.command) : this.#count(first.command);
  }

  async #executeShared(endMs: number): Promise<Left> {
    const { transactions } = this.#options;
    const shared = this.#group.flatMap(({ command: { request }, reach }) =>
      reach.type === 'keys' ? [{ request, reach }] : [],
    );
    const outcomes = await transactions.execute(shared, endMs, (count) => {
      this.#writing = count;
    });
    return this.#answerFirst(outcomes.length, (command, place) => {
      const outcome = outcomes[place];
      if (outcome !== undefined) this.#answer(command, outcome);
    });
  }

  async #count({ request }: PendingCommand): Promise<Left> {
    const { keys, answerer } = this.#options;
    const count = await keys.count();
    return this.#answerFirst(1, (command) => {
      if (request.type !== 'redis-local') answerer.read(command, count);
      // Which of them have deadlines, nobody has counted.
      else answerer.local(command, request, { count, volatileCount: 0 });
    });
  }

  async #clear({ request }: PendingCommand): Promise<Left> {
    const { keys, newScratch, answerer } = this.#options;
    // The same code as everywhere looks at the arguments.
    const [executed] = await newScratch().execute([request]);
    const result = executed?.type === 'written' ? executed.result : undefined;
    const isBad = result?.type === 'resp' && result.value instanceof ErrorReply;
    this.#writing = 1;
    if (!isBad) await keys.clear(QUORUM_WAIT_MS);
    return this.#answerFirst(1, (command) => {
      if (result !== undefined) answerer.write(command, result);
    });
  }

  /** etcd has refused what the first of them came to, or they ask for what cannot be: nothing was done. */
  #refuse(error: unknown): Left {
    // Those that only read are executed without the writes.
    if (error instanceof EtcdRefusalError && error.isNoSpace)
      return this.#refuseWrites(Math.max(1, this.#writing));
    const reply = replyTo(error);
    if (reply === undefined) throw error;
    return this.#answerFirst(1, (command) =>
      answerRefused(this.#options.answerer, command, reply, { type: 'unwritable' }),
    );
  }

  /** Refuses those that write among the first `count`. */
  #refuseWrites(count: number): Left {
    const { answerer } = this.#options;
    // A client's answers keep the order of its commands: what follows a read of the same client waits again, too.
    const stays = new Set<unknown>();
    const unfinished: WaitingCommand[] = [];
    for (const one of this.#group.slice(0, count)) {
      const { command, client } = one;
      if (!isWrite(command.request) || stays.has(client)) {
        stays.add(client);
        unfinished.push(one);
      } else if (!answerer.endIfGone(command))
        answerRefused(answerer, command, NO_SPACE, { type: 'unwritable' });
    }
    // Whoever only reads finds keys past their deadlines: those are removed, which needs no space.
    return { unfinished: [...unfinished, ...this.#group.slice(count)], isUnreached: false };
  }

  #answerFirst(count: number, answer: (command: PendingCommand, place: number) => void): Left {
    for (const [place, { command }] of this.#group.slice(0, count).entries())
      if (!this.#options.answerer.endIfGone(command)) answer(command, place);
    return { unfinished: this.#group.slice(count), isUnreached: false };
  }

  #answer(command: PendingCommand, outcome: Outcome): void {
    const { answerer } = this.#options;
    switch (outcome.type) {
      case 'written':
        answerer.write(command, outcome.result);
        return;
      case 'read':
        answerer.tell(command, outcome.reply);
        return;
      case 'watched':
        command.client.redis?.watched(outcome.keys);
        answerer.tell(command, { type: 'ok', version: 0 });
        return;
      case 'refused':
        answerRefused(answerer, command, new ErrorReply(outcome.reason), { type: 'unwritable' });
    }
  }
}
