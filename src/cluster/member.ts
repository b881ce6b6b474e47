/**
 * One server as the cluster keeps it: its thread while it has one, what it last reported, and whether to start it again.
 */

import type { Remote } from 'comlink';
import type { Logger } from 'pino';
import { messageOf } from '../error-message.js';
import type { TraceEvent } from '../raft/trace.js';
import type { ServerId, SlotId, Term } from '../raft/types.js';
import {
  ANSWER_TIMEOUT_MS,
  END_TIMEOUT_MS,
  STALLED_END_TIMEOUT_MS,
  STOP_TIMEOUT_MS,
} from '../time-limits.js';
import type {
  PeerNews,
  ServerControl,
  ServerMeasurements,
  ServerObservation,
  ServerStatus,
} from '../wire/control.js';
import { unheardStatus } from '../wire/unheard-status.js';
import { NotRunningError, WrongStateError } from './cluster-errors.js';
import { DiskTrouble, isDiskFailure } from './disk-trouble.js';
import { electionLineOf, stepDownText } from './election-log.js';
import type { EventLog } from './event-log.js';
import { gatewayChannel } from './gateway-channel.js';
import type { MemberEnvironment } from './member-environment.js';
import type { MemberState, Place, RoleEvent } from './member-state.js';
import { RestartPause } from './restart-pause.js';
import type { MemberThread, ServerReport, ThreadEnd } from './server-thread.js';
import { fulfilledWithin, isFulfilledWithin } from './within.js';

type UpEvent = Extract<ServerReport, { type: 'up' }>;

export class Member {
  readonly id: SlotId;
  readonly identity: ServerId;
  readonly #environment: MemberEnvironment;
  readonly #logger: Logger;
  readonly #eventLog: EventLog;
  readonly #restartPause = new RestartPause();
  readonly #diskTrouble: DiskTrouble;
  #place: Place;
  #state: MemberState = { is: 'down' };
  /** Resolves when the current thread, or else the last one, has ended. */
  #ended: Promise<void> = Promise.resolve();
  #lives = 0;
  #failure: unknown;
  #lastStatus: ServerStatus;
  #stepDownReason: string | undefined;

  constructor(id: SlotId, environment: MemberEnvironment) {
    this.id = id;
    this.identity = environment.identity;
    this.#environment = environment;
    this.#place = environment.place;
    this.#logger = environment.logger.child({ server: id });
    this.#eventLog = environment.eventLog;
    this.#diskTrouble = new DiskTrouble(id, environment.eventLog);
    this.#lastStatus = unheardStatus(id);
  }

  /** Whether it takes calls and clients. */
  get isUp(): boolean {
    return this.#state.is === 'up';
  }

  get isStarting(): boolean {
    return this.#state.is === 'starting';
  }

  /** Whether its thread was told to end and has not yet. */
  get isEnding(): boolean {
    return this.#state.is === 'ending';
  }

  /** What is wrong with it, in one line; undefined when nothing is, or when it was told to be down. */
  get trouble(): string | undefined {
    if (this.#state.is === 'up') return this.#diskTrouble.text;
    if (this.#state.is === 'ending')
      return this.#diskTrouble.isStalled ? 'ending, its disk does not answer' : 'ending';
    if (this.#state.is === 'starting' || this.#failure === undefined) return undefined;
    return messageOf(this.#failure);
  }

  /** Why it ended by itself since it was last up; undefined if it did not. */
  get failure(): unknown {
    return this.#failure;
  }

  /** The term in which it says that it leads. Another server may do so in a later one. */
  get leadsTerm(): Term | undefined {
    const role = this.#state.is === 'up' ? this.#state.role : undefined;
    return role?.role === 'leader' ? role.term : undefined;
  }

  /** Whether it leads and has said that it answers clients. */
  get isServing(): boolean {
    return (
      this.leadsTerm !== undefined && this.#state.is === 'up' && this.#state.servingTerm === this.leadsTerm
    );
  }

  /** The loss or failure of its disk, if that is why it is down; else undefined. */
  get diskFailure(): unknown {
    return this.#is('down') && isDiskFailure(this.#failure) ? this.#failure : undefined;
  }

  /** Starts it, unless its disk is lost: then it stays down. It must be down. */
  start(): void {
    const lives = this.#lives;
    this.#lives += 1;
    if ('lost' in this.#place) {
      this.#environment.port.detach();
      this.#stayDown(this.#place.lost);
      return;
    }
    const thread = this.#environment.newThread(this.#place.path, lives);
    this.#state = { is: 'starting', thread };
    this.#ended = this.#follow(thread);
  }

  /**
   * Starts it again, after a thread that is ending has ended. Rejects with WrongStateError when it runs, or has not ended
   * since its disk does not answer, and with NotRunningError when the cluster ends.
   */
  async restart(): Promise<void> {
    if ('lost' in this.#place) this.#place = await this.#environment.locate();
    if (this.#state.is === 'ending' && !(await this.#hasEnded(STOP_TIMEOUT_MS)))
      throw new WrongStateError(
        `server ${this.id} has not ended, for its disk does not answer: try again once it does`,
      );
    if (this.#environment.isClosing()) throw new NotRunningError();
    if (this.#state.is === 'starting' || this.#state.is === 'up')
      throw new WrongStateError(`server ${this.id} is running: kill it first`);
    if (this.#state.is === 'pausing') clearTimeout(this.#state.timer);
    this.#failure = undefined;
    this.#eventLog.record({ type: 'restarted', server: this.id });
    this.start();
  }

  /** Terminates the thread; resolves when it has ended, or waits for its disk. Rejects with WrongStateError when it is down. */
  async kill(): Promise<void> {
    switch (this.#state.is) {
      case 'down':
      case 'ending':
        throw new WrongStateError(`server ${this.id} is not running: restart it first`);
      case 'pausing':
        this.#giveUpRestart(this.#state.timer);
        return;
      case 'starting':
      case 'up':
        this.#end(this.#state.thread);
        this.#environment.onChange();
        await this.#hasEnded(END_TIMEOUT_MS);
    }
  }

  /** Stops it cleanly if it runs, and keeps it down. */
  async stop(): Promise<void> {
    if (this.isUp) await this.#environment.port.leave();
    switch (this.#state.is) {
      case 'pausing':
        this.#giveUpRestart(this.#state.timer);
        break;
      case 'starting':
        this.#end(this.#state.thread);
        break;
      case 'up': {
        const { thread } = this.#state;
        if (this.#diskTrouble.isStalled) this.#end(thread);
        else {
          this.#state = { is: 'ending' };
          await isFulfilledWithin(Promise.race([thread.stop(), this.#diskTrouble.stalled]), STOP_TIMEOUT_MS);
        }
        break;
      }
    }
    // A thread that loads its modules ends only after that, and a thread that stops may take its time. One that waits for its
    // disk serves nobody, and leaves the port to another server of its slot.
    if (!(await this.#hasEnded(2 * STOP_TIMEOUT_MS))) this.#environment.port.detach();
  }

  /** Calls the server. Rejects with WrongStateError when it is not up, with ServerGoneError when it ends first. */
  async call<R>(invoke: (control: Remote<ServerControl>) => Promise<R>): Promise<R> {
    return this.#thread().call(invoke);
  }

  /** Tells it of another server, if it is up. */
  tell(news: PeerNews): void {
    if (this.#state.is === 'up') this.#state.thread.tell(news);
  }

  /** As {@link call}, for an order that is void when the server is down or ends first. */
  async instruct(order: (control: Remote<ServerControl>) => Promise<void>): Promise<void> {
    if (this.#state.is !== 'up') return;
    const { thread } = this.#state;
    try {
      await thread.call(order);
    } catch (error) {
      if (this.#state.is === 'up' && this.#state.thread === thread)
        this.#logger.error({ err: error }, 'call failed');
    }
  }

  /** Its status now, or the last one known. */
  async status(): Promise<ServerStatus> {
    if (this.#state.is !== 'up') return { ...this.#lastStatus, role: 'follower', leader: null };
    const status = await this.#ask((control) => control.status());
    if (status !== undefined) this.#lastStatus = status;
    return this.#lastStatus;
  }

  /** What it has measured; undefined when it is down or too busy to answer. */
  async measure(): Promise<ServerMeasurements | undefined> {
    const measured = await this.#ask((control) => control.measure());
    if (measured !== undefined) this.#lastStatus = measured.status;
    return measured;
  }

  /** How it looks now; undefined when it is down or too busy to answer. */
  async observe(): Promise<ServerObservation | undefined> {
    return this.#ask((control) => control.observe());
  }

  /** Whether its thread has ended, once that is known. A thread that is stuck in a call of its disk is not waited for. */
  async #hasEnded(timeoutMs: number): Promise<boolean> {
    const shortMs = this.#diskTrouble.isStalled ? STALLED_END_TIMEOUT_MS : timeoutMs;
    if (await isFulfilledWithin(this.#ended, shortMs)) return true;
    this.#eventLog.record({ type: 'does-not-end', server: this.id });
    return false;
  }

  /** Undefined when it is down, or does not answer in time. */
  async #ask<R>(question: (control: Remote<ServerControl>) => Promise<R>): Promise<R | undefined> {
    if (this.#state.is !== 'up') return undefined;
    return fulfilledWithin(this.#state.thread.call(question), ANSWER_TIMEOUT_MS);
  }

  #thread(): MemberThread {
    if (this.#state.is !== 'up') throw new WrongStateError(`server ${this.id} is not running`);
    return this.#state.thread;
  }

  #is(state: MemberState['is']): boolean {
    return this.#state.is === state;
  }

  /** Handles the thread's reports, and then its end. */
  async #follow(thread: MemberThread): Promise<void> {
    let refusal: unknown;
    try {
      for await (const event of thread.reports()) await this.#onEvent(thread, event);
    } catch (error) {
      refusal = error;
      this.#end(thread);
    }
    const upSinceMs = this.#state.is === 'up' ? this.#state.sinceMs : undefined;
    const end = await thread.ended;
    this.#environment.port.detach();
    if (refusal === undefined) this.#onEnd(end, upSinceMs);
    else this.#stayDown(refusal);
    this.#environment.onChange();
  }

  async #onEvent(thread: MemberThread, event: ServerReport): Promise<void> {
    if (this.#is('ending')) {
      // A server that is stopping would wait for its disk.
      if (event.type === 'disk') this.#diskTrouble.report(event.condition);
      if (this.#diskTrouble.isStalled) thread.kill();
      return;
    }
    switch (event.type) {
      case 'up':
        await this.#onUp(thread, event);
        break;
      case 'election':
        this.#onElection(event.trace);
        return;
      case 'role':
        this.#onRole(event);
        break;
      case 'blocked': {
        const { blockedMs, turn } = event;
        this.#logger.warn({ blockedMs, turn }, 'the event loop of a server was blocked');
        return;
      }
      case 'serving':
        if (this.#state.is === 'up') this.#state = { ...this.#state, servingTerm: event.term };
        this.#eventLog.record({ type: 'serving', server: this.id, term: event.term });
        break;
      case 'disk':
        this.#diskTrouble.report(event.condition);
        break;
      case 'snapshot-dropped':
      case 'subscribers-closed':
      case 'etcd':
        this.#eventLog.record({ ...event, server: this.id });
        break;
      case 'failing':
        this.#lastStatus = event.status;
        break;
      case 'snapshot':
      case 'installed':
        this.#eventLog.recordSnapshot(this.id, event);
        break;
    }
    this.#environment.onChange();
  }

  async #onUp(thread: MemberThread, { term, lastIndex }: UpEvent): Promise<void> {
    await this.#environment.port.attach(gatewayChannel(thread.traffic));
    // It may have been killed while its port was opened.
    if (!this.#is('starting')) return;
    this.#state = { is: 'up', thread, sinceMs: performance.now(), role: undefined, servingTerm: undefined };
    this.#failure = undefined;
    this.#lastStatus = { ...this.#lastStatus, term, lastIndex };
    this.#eventLog.record({ type: 'server-up', server: this.id, term, lastIndex });
    this.#environment.onUp();
  }

  #onElection(trace: TraceEvent): void {
    const { facts, message } = electionLineOf(trace);
    this.#logger.debug(facts, message);
    if (trace.type === 'stepped down') this.#stepDownReason = stepDownText(trace.reason);
  }

  #onRole(event: RoleEvent): void {
    if (this.#state.is !== 'up') return;
    const { role, term, leader } = event;
    const { leadsTerm } = this;
    if (leadsTerm !== undefined && (role !== 'leader' || term !== leadsTerm))
      this.#eventLog.record({
        type: 'stepped-down',
        server: this.id,
        term: leadsTerm,
        reason: this.#stepDownReason,
      });
    this.#state = { ...this.#state, role: event };
    this.#lastStatus = { ...this.#lastStatus, role, term, leader };
    if (role === 'leader') {
      this.#environment.port.setLeader(term);
      this.#eventLog.record({ type: 'elected', server: this.id, term });
    } else this.#logger.debug({ term, role, leader }, 'role changed');
  }

  #end(thread: MemberThread): void {
    this.#state = { is: 'ending' };
    // First the other servers hear of it, so that they elect a successor. Nothing that this server still says reaches a
    // client: replies come through this thread.
    this.#environment.onCutOff();
    this.#environment.port.detach();
    thread.kill();
  }

  #onEnd(end: ThreadEnd, upSinceMs: number | undefined): void {
    const wasAskedTo = this.#is('ending');
    this.#diskTrouble.forget();
    this.#state = { is: 'down' };
    switch (end.how) {
      case 'killed':
        this.#eventLog.record({ type: 'killed', server: this.id });
        return;
      case 'stopped':
        this.#eventLog.record({ type: 'stopped', server: this.id });
        return;
      case 'died':
        if (isDiskFailure(end.error)) this.#stayDown(end.error);
        else if (!wasAskedTo && !this.#environment.isClosing()) this.#startLater(end.error, upSinceMs);
    }
  }

  #startLater(error: unknown, upSinceMs: number | undefined): void {
    const upForMs = upSinceMs === undefined ? 0 : performance.now() - upSinceMs;
    const pauseMs = this.#restartPause.afterDeath(upForMs);
    this.#failure = error;
    this.#eventLog.record({ type: 'died', server: this.id, err: error, pauseMs });
    const timer = setTimeout(() => {
      this.#eventLog.record({ type: 'restarted', server: this.id });
      this.start();
    }, pauseMs);
    this.#state = { is: 'pausing', timer };
  }

  #giveUpRestart(timer: NodeJS.Timeout): void {
    clearTimeout(timer);
    this.#state = { is: 'down' };
    this.#eventLog.record({ type: 'stays-down', server: this.id });
    this.#environment.onChange();
  }

  /** Another start would fail in the same way. */
  #stayDown(error: unknown): void {
    this.#state = { is: 'down' };
    this.#failure = error;
    this.#eventLog.record({ type: 'failed', server: this.id, err: error });
  }
}
