/**
 * The way of commands whose keys are in etcd: they wait until their order lets them go (command-order.ts), and those that can
 * share a transaction go together, a few such groups at a time; meanwhile others gather for the next.
 *
 * What was surely not done is tried until it has waited too long.
 */

import { type Environment, sleep } from '../../environment.js';
import { CommandOrder, type Grouping } from '../../etcd/command-order.js';
import { TransactionRoom } from '../../etcd/transaction-room.js';
import {
  MAX_GROUPS,
  MAX_SHARED_COMMANDS,
  MAX_WAITING_BYTES,
  MIN_GROUP_BESIDE,
  RETRY_PAUSE_MS,
} from '../../etcd-limits.js';
import { isWrite } from '../../protocol/request.js';
import { ErrorReply } from '../../protocol/resp/value.js';
import { LEADER_WAIT_MS, QUORUM_WAIT_MS } from '../../time-limits.js';
import type { PendingCommand } from '../clients/client-connection.js';
import type { CommandPath } from '../clients/command-path.js';
import type { Pause } from '../clients/pause.js';
import { AsideCommands, type AsideCommandsOptions } from './aside-commands.js';
import { GroupExecution, type GroupExecutionOptions } from './group-execution.js';
import { answerRefused, answerUnknown } from './refusals.js';
import { askedBy, isAside, WaitingCommand } from './waiting-command.js';

export interface EtcdPathOptions extends GroupExecutionOptions, AsideCommandsOptions {
  readonly environment: Environment;
  readonly pause: Pause;
}

export class EtcdPath implements CommandPath {
  readonly #options: EtcdPathOptions;
  readonly #order = new CommandOrder<WaitingCommand>();
  readonly #aside: AsideCommands;
  #waitingBytes = 0;
  #groups = 0;
  /** Nothing is begun: so many groups could not reach etcd a short while ago. */
  #pauses = 0;
  #hasStopped = false;
  /** Before that nobody is looked for who has waited too long. */
  #overdueFromMs = Number.NEGATIVE_INFINITY;

  constructor(options: EtcdPathOptions) {
    this.#options = options;
    this.#aside = new AsideCommands(options);
  }

  get commandCount(): number {
    return this.#order.count + this.#aside.count;
  }

  get hasPendingWrite(): boolean {
    return this.#order.some(({ command }) => isWrite(command.request));
  }

  get hasRoom(): boolean {
    return this.#waitingBytes < MAX_WAITING_BYTES;
  }

  take(command: PendingCommand): void {
    const { pause } = this.#options;
    if (pause.isOn && pause.hold(command)) return;
    const waiting = new WaitingCommand(command, askedBy(command));
    const { reach } = waiting;
    const needsEtcd = reach.type !== 'none' && reach.type !== 'refused';
    if (command.client.pendingCount === 1 && !needsEtcd) {
      this.#answerHere(waiting);
      return;
    }
    this.#order.add(waiting);
    this.#waitingBytes += waiting.byteLength;
    // It goes on its own before it is answered: no command of its client may follow it.
    if (isAside(reach)) command.client.standsAside = true;
  }

  expire(): void {
    // Each group is bounded; those that have waited too long are seen to before another begins.
  }

  leadershipLost(): void {
    // There is no leader: see sole-leader.ts.
  }

  /** Begins with what waits, as far as it may. To be called once what has arrived was taken, so that it goes together. */
  go(): void {
    const { onAnswered, onFailure } = this.#options;
    if (this.#hasStopped || this.#pauses > 0) return;
    this.#answerOverdue(QUORUM_WAIT_MS);
    for (let answered = 0; this.#groups < MAX_GROUPS; ) {
      const group = this.#order.begin(newGrouping());
      const [first] = group;
      if (first === undefined) return;
      if (isDoneHere(first)) {
        this.#order.end(group, []);
        this.#answerHere(first);
        answered += 1;
        if (answered < MAX_SHARED_COMMANDS) continue;
        onAnswered();
        return;
      }
      this.#execute(group).then(onAnswered, onFailure);
    }
  }

  /** Nothing is answered any more. */
  stop(): void {
    this.#hasStopped = true;
    this.#aside.stop();
  }

  async #execute(group: readonly WaitingCommand[]): Promise<void> {
    const { environment } = this.#options;
    this.#groups += 1;
    const { unfinished, isUnreached } = await new GroupExecution(this.#options, group).run();
    this.#groups -= 1;
    this.#order.end(group, unfinished);
    this.#waitingBytes -= byteLengthOf(group) - byteLengthOf(unfinished);
    if (!isUnreached || this.#hasStopped) return;
    this.#overdueFromMs = Number.NEGATIVE_INFINITY;
    this.#answerOverdue(LEADER_WAIT_MS);
    this.#pauses += 1;
    await sleep(environment, RETRY_PAUSE_MS);
    this.#pauses -= 1;
  }

  /** Answers those that have waited for so long: nothing of them was done. */
  #answerOverdue(waitMs: number): void {
    const { environment, answerer } = this.#options;
    const nowMs = environment.nowMs();
    const isOverdue = ({ command }: WaitingCommand) => command.takenAtMs <= nowMs - waitMs;
    const { first } = this.#order;
    if (first === undefined || nowMs < this.#overdueFromMs || !isOverdue(first)) return;
    this.#overdueFromMs = nowMs + RETRY_PAUSE_MS;
    const over = this.#order.takeOver(isOverdue);
    this.#waitingBytes -= byteLengthOf(over);
    for (const { command, reach } of over) {
      if (isAside(reach)) command.client.standsAside = false;
      if (!answerer.endIfGone(command)) answerer.unexecuted(command, { type: 'no-leader' });
    }
  }

  /** Answers, or begins aside, what needs no group. */
  #answerHere({ command, reach }: WaitingCommand): void {
    const { answerer } = this.#options;
    const { client, request } = command;
    if (isAside(reach)) client.standsAside = false;
    if (answerer.endIfGone(command)) return;
    if (isAside(reach)) this.#aside.begin(command, reach);
    else if (reach.type === 'repeated') answerUnknown(answerer, command);
    else if (reach.type === 'refused')
      answerRefused(answerer, command, new ErrorReply(reach.reason), { type: 'command-error' });
    // What tells of all keys would have to count them.
    else if (request.type === 'redis-local') answerer.unexecuted(command, { type: 'no-leader' });
    else answerer.fromState(command);
  }
}

/** Commands on keys share a transaction while they fit into it; any other goes by itself. */
function newGrouping(): Grouping<WaitingCommand> {
  const room = new TransactionRoom();
  return {
    joins({ reach }, [first]) {
      if (reach.type === 'keys')
        return (first === undefined || first.reach.type === 'keys') && room.add(reach);
      return first === undefined;
    },
    isEnough: ([first, ...others]) => first?.reach.type !== 'keys' || others.length + 1 >= MIN_GROUP_BESIDE,
  };
}

function isDoneHere({ reach }: WaitingCommand): boolean {
  return reach.type !== 'keys' && reach.type !== 'count' && reach.type !== 'clear';
}

function byteLengthOf(commands: readonly WaitingCommand[]): number {
  return commands.reduce((sum, { byteLength }) => sum + byteLength, 0);
}
