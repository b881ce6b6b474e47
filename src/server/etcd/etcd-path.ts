/**
 * The way of commands whose keys are in etcd: they wait in the order in which they came, and go in steps. A step is the first of
 * them that can share a transaction; while it is under way others gather for the next.
 *
 * What may have been written is never tried again: its outcome is unknown. What was surely not is tried until it has waited too
 * long.
 */

import { type Environment, sleep } from '../../environment.js';
import type { EtcdChanges } from '../../etcd/etcd-changes.js';
import { EtcdNoAnswerError, EtcdRefusalError, EtcdUnreachableError } from '../../etcd/etcd-errors.js';
import type { EtcdKeys } from '../../etcd/etcd-keys.js';
import type { KeyOrderReads } from '../../etcd/key-order-reads.js';
import { type Reach, reachOf } from '../../etcd/reach.js';
import type { Scratch } from '../../etcd/scratch.js';
import type { Sessions } from '../../etcd/sessions.js';
import type { Outcome, SharedCommand, SharedTransactions } from '../../etcd/shared-transactions.js';
import { MAX_SHARED_COMMANDS, MAX_WAITING_BYTES, RETRY_PAUSE_MS } from '../../etcd-limits.js';
import { isWrite } from '../../protocol/request.js';
import { ErrorReply } from '../../protocol/resp/value.js';
import { LEADER_WAIT_MS, QUORUM_WAIT_MS } from '../../time-limits.js';
import type { Answerer } from '../clients/answering.js';
import type { PendingCommand } from '../clients/client-connection.js';
import type { CommandPath } from '../clients/command-path.js';
import type { Pause } from '../clients/pause.js';
import { tellsOfKeys } from '../clients/replica-reads.js';
import { AsideCommands, type AsideReach } from './aside-commands.js';
import { answerRefused, NO_SPACE, replyTo, UNKNOWN } from './refusals.js';

export interface EtcdPathOptions {
  readonly environment: Environment;
  readonly keys: EtcdKeys;
  readonly keyOrderReads: KeyOrderReads;
  readonly sessions: Sessions;
  readonly changes: EtcdChanges;
  readonly transactions: SharedTransactions;
  readonly scratch: Scratch;
  readonly answerer: Answerer;
  readonly pause: Pause;
  /** Told after each step whether etcd has answered: undefined, or why it has not. */
  readonly onAnswer: (trouble: string | undefined) => void;
  /** Replies wait to be sent, and clients may have sent more. */
  readonly onAnswered: () => void;
  /** A defect: the server cannot go on. */
  readonly onFailure: (error: unknown) => void;
}

/** What a command asks of etcd; or that another server may have executed it, so that its outcome is unknown. */
type Asked = Reach | { readonly type: 'repeated' };

interface Waiting {
  readonly command: PendingCommand;
  readonly reach: Asked;
}

export class EtcdPath implements CommandPath {
  readonly #options: EtcdPathOptions;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #isGoing = false;
  #hasStopped = false;
  /** Of the commands in front that are executed, so many may have been written. */
  #writing = 0;
  readonly #aside: AsideCommands;

  constructor(options: EtcdPathOptions) {
    this.#options = options;
    this.#aside = new AsideCommands(options);
  }

  get commandCount(): number {
    return this.#waiting.length + this.#aside.count;
  }

  get hasPendingWrite(): boolean {
    return this.#waiting.some(({ command }) => isWrite(command.request));
  }

  get hasRoom(): boolean {
    return this.#waitingBytes < MAX_WAITING_BYTES;
  }

  take(command: PendingCommand): void {
    const { pause } = this.#options;
    if (pause.isOn && pause.hold(command)) return;
    const reach = this.#reachOf(command);
    const isAlone = command.client.pendingCount === 1;
    if (isAlone && reach.type === 'none') this.#answerLocally(command);
    else if (isAlone && reach.type === 'refused') this.#answerNotHere(command, reach);
    else {
      this.#waiting.push({ command, reach });
      this.#waitingBytes += bytesOf(reach);
      // It leaves the queue before it is answered: no command of its client may follow it there.
      if (isAside(reach)) command.client.standsAside = true;
    }
  }

  expire(): void {
    // Each step is bounded, and sees to those that have waited too long.
  }

  leadershipLost(): void {
    // There is no leader: see sole-leader.ts.
  }

  /**
   * Begins with what waits, unless that is under way. To be called once what has arrived was taken, so that it goes together.
   */
  go(): void {
    if (this.#isGoing || this.#waiting.length === 0 || this.#hasStopped) return;
    this.#isGoing = true;
    this.#goOn().then(
      () => {
        this.#isGoing = false;
        this.#options.onAnswered();
      },
      (error: unknown) => this.#options.onFailure(error),
    );
  }

  /** Nothing is answered any more. */
  stop(): void {
    this.#hasStopped = true;
    this.#aside.stop();
  }

  async #goOn(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#hasStopped) {
      await this.#step();
      this.#options.onAnswered();
    }
  }

  async #step(): Promise<void> {
    const { environment, onAnswer } = this.#options;
    this.#answerOverdue(environment.nowMs() - QUORUM_WAIT_MS);
    try {
      await this.#executeFirst();
    } catch (error) {
      if (
        error instanceof EtcdUnreachableError ||
        (error instanceof EtcdNoAnswerError && this.#writing === 0)
      ) {
        onAnswer(error.message);
        this.#answerOverdue(environment.nowMs() - LEADER_WAIT_MS);
        await sleep(environment, RETRY_PAUSE_MS);
      } else if (error instanceof EtcdNoAnswerError) {
        onAnswer(error.message);
        this.#answerFirst(this.#writing, (command) => this.#answerUnknown(command));
      } else this.#refuseFirst(error);
    } finally {
      this.#writing = 0;
    }
  }

  /** Executes and answers the first of those that wait. */
  async #executeFirst(): Promise<void> {
    const { keys, onAnswer, scratch, answerer } = this.#options;
    const [first] = this.#waiting;
    if (first === undefined) return;
    const { command, reach } = first;
    switch (reach.type) {
      case 'none':
        this.#answerFirst(1, () => this.#answerLocally(command));
        return;
      case 'repeated':
        this.#answerFirst(1, () => this.#answerUnknown(command));
        return;
      case 'refused':
        this.#answerFirst(1, () => this.#answerNotHere(command, reach));
        return;
      case 'count': {
        const count = await keys.count();
        onAnswer(undefined);
        this.#answerFirst(1, () => {
          if (command.request.type !== 'redis-local') answerer.read(command, count);
          // Which of them have deadlines, nobody has counted.
          else answerer.local(command, command.request, { count, volatileCount: 0 });
        });
        return;
      }
      case 'key-order':
      case 'session':
      case 'changes':
        this.#answerFirst(1, () => this.#aside.begin(command, reach));
        return;
      case 'clear': {
        // The same code as everywhere looks at the arguments.
        scratch.load(new Map(), 0);
        const executed = await scratch.execute(command.request);
        const result = executed.type === 'written' ? executed.result : undefined;
        const isBad = result?.type === 'resp' && result.value instanceof ErrorReply;
        this.#writing = 1;
        if (!isBad) await keys.clear(QUORUM_WAIT_MS);
        onAnswer(undefined);
        this.#answerFirst(1, () => {
          if (result !== undefined) answerer.write(command, result);
        });
        return;
      }
      case 'keys':
        await this.#executeShared(command.takenAtMs + QUORUM_WAIT_MS);
    }
  }

  async #executeShared(endMs: number): Promise<void> {
    const { transactions, onAnswer } = this.#options;
    const shared: SharedCommand[] = [];
    for (const { command, reach } of this.#waiting) {
      if (reach.type !== 'keys' || shared.length === MAX_SHARED_COMMANDS) break;
      shared.push({ request: command.request, reach });
    }
    const outcomes = await transactions.execute(shared, endMs, (count) => {
      this.#writing = count;
    });
    onAnswer(undefined);
    let place = 0;
    this.#answerFirst(outcomes.length, (command) => {
      const outcome = outcomes[place];
      place += 1;
      if (outcome !== undefined) this.#answer(command, outcome);
    });
  }

  /** etcd has refused what the first of them came to, or they ask for what cannot be: nothing was done. */
  #refuseFirst(error: unknown): void {
    const { onAnswer } = this.#options;
    onAnswer(undefined);
    if (error instanceof EtcdRefusalError && error.isNoSpace) {
      // Those that only read are executed without the writes.
      this.#refuseWrites(Math.max(1, this.#writing));
      return;
    }
    const reply = replyTo(error);
    if (reply === undefined) throw error;
    this.#answerFirst(1, (command) =>
      answerRefused(this.#options.answerer, command, reply, { type: 'unwritable' }),
    );
  }

  /** Refuses those that write among the first `count`; the others stay in front. */
  #refuseWrites(count: number): void {
    const front = this.#waiting.slice(0, count);
    // A client's answers keep the order of its commands: what follows a read of the same client stays, too.
    const stays = new Set<unknown>();
    const kept: Waiting[] = [];
    for (const one of front) {
      const { command, reach } = one;
      if (!isWrite(command.request) || stays.has(command.client)) {
        stays.add(command.client);
        kept.push(one);
        continue;
      }
      this.#waitingBytes -= bytesOf(reach);
      answerRefused(this.#options.answerer, command, NO_SPACE, { type: 'unwritable' });
    }
    // Whoever only reads finds keys past their deadlines: those are removed, which needs no space.
    this.#waiting = [...kept, ...this.#waiting.slice(count)];
  }

  /** Takes the first `count` out, and answers each of them. */
  #answerFirst(count: number, answer: (command: PendingCommand) => void): void {
    for (const { command, reach } of this.#waiting.splice(0, count)) {
      this.#waitingBytes -= bytesOf(reach);
      if (isAside(reach)) command.client.standsAside = false;
      if (!this.#options.answerer.endIfGone(command)) answer(command);
    }
  }

  /** Answers those in front that were taken at `takenAtMs` or earlier: nothing of them was done. */
  #answerOverdue(takenAtMs: number): void {
    let count = 0;
    while ((this.#waiting[count]?.command.takenAtMs ?? Number.POSITIVE_INFINITY) <= takenAtMs) count += 1;
    this.#answerFirst(count, (command) => this.#options.answerer.unexecuted(command, { type: 'no-leader' }));
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

  #answerLocally(command: PendingCommand): void {
    const { answerer } = this.#options;
    // What tells of all keys would have to count them.
    if (command.request.type === 'redis-local') answerer.unexecuted(command, { type: 'no-leader' });
    else answerer.fromState(command);
  }

  #answerNotHere(command: PendingCommand, { reason }: { readonly reason: string }): void {
    answerRefused(this.#options.answerer, command, new ErrorReply(reason), { type: 'command-error' });
  }

  #answerUnknown(command: PendingCommand): void {
    const { answerer } = this.#options;
    if (!isWrite(command.request)) answerer.unexecuted(command, { type: 'no-leader' });
    else answerRefused(answerer, command, UNKNOWN);
  }

  /**
   * What may have been executed by another server is not executed again, but for what is executed once all the same, and a last
   * command that only reads.
   */
  #reachOf(command: PendingCommand): Asked {
    const { client, request, endOffset } = command;
    const isInfo = request.type === 'redis-local' && request.name === 'info' && tellsOfKeys(request);
    const reach: Reach = isInfo ? { type: 'count' } : reachOf(request);
    const repeatedBytes = client.dedupeKey?.repeatedBytes ?? 0;
    const mayRepeat = isAside(reach) || request.type === 'once';
    if (endOffset > repeatedBytes || mayRepeat || reach.type === 'none' || reach.type === 'refused')
      return reach;
    return !isWrite(request) && endOffset === repeatedBytes ? reach : { type: 'repeated' };
  }
}

function isAside(reach: Asked): reach is AsideReach {
  return reach.type === 'key-order' || reach.type === 'session' || reach.type === 'changes';
}

function bytesOf(reach: Asked): number {
  if (reach.type !== 'keys') return 0;
  return reach.keys.reduce((sum, key) => sum + key.length, reach.byteLength);
}
