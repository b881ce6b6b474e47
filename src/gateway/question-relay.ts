/**
 * Questions of one client to all servers: CLIENT LIST, KILL, PAUSE and UNPAUSE. The gateway passes the question on to each
 * server, adds what it knows of connections that no server has at the moment, and brings all answers back.
 */

import type { Environment, Timer } from '../environment.js';
import type { Args } from '../protocol/command.js';
import { type ClientFacts, clientLine } from '../protocol/resp/client-facts.js';
import { killFilter, listFilter } from '../protocol/resp/client-filter.js';
import { ErrorReply } from '../protocol/resp/value.js';
import { MAX_OPEN_QUESTIONS, QUESTION_TIMEOUT_MS } from '../redis-limits.js';
import type { AssignmentId, ClientFrame, ConnectionId, QuestionId } from '../wire/client-frames.js';
import type { Slices } from './slices.js';

/** Connections that are looked at before the time is. */
const CONNECTIONS_AT_ONCE = 64;

/** A server that can be asked, and is sent what others have answered. */
export interface AskedServer {
  write(frame: ClientFrame): void;
}

/** A connection, and what there is to tell of it while it is assigned to no server. */
export interface UnassignedConnection {
  /** Undefined while a server has it, and tells of it. */
  readonly facts: ClientFacts | undefined;
  readonly client: { destroy(): void };
}

interface Asked {
  readonly asker: AskedServer;
  readonly assignment: AssignmentId;
  readonly connection: ConnectionId;
  readonly args: Args;
}

interface OpenQuestion extends Asked {
  /** Servers that have yet to answer, and the gateway itself. */
  readonly awaited: Set<AskedServer | QuestionRelay>;
  readonly answers: string[];
  readonly timer: Timer;
}

export class QuestionRelay {
  readonly #environment: Environment;
  readonly #slices: Slices;
  readonly #unassigned: () => Iterable<UnassignedConnection>;
  readonly #servers = new Set<AskedServer>();
  readonly #open = new Map<QuestionId, OpenQuestion>();
  #waiting: Asked[] = [];
  #lastId: QuestionId = 0;
  /** What CONFIG SET has set, for servers that come up later. */
  readonly #settings = new Map<string, string>();
  #pause: { readonly untilMs: number; readonly mode: string } | undefined;

  constructor(environment: Environment, slices: Slices, unassigned: () => Iterable<UnassignedConnection>) {
    this.#environment = environment;
    this.#slices = slices;
    this.#unassigned = unassigned;
  }

  /** A server is up. */
  join(server: AskedServer): void {
    this.#servers.add(server);
    const settings = [...this.#settings].flat();
    if (settings.length > 0)
      server.write({
        type: 'question',
        question: this.#nextId(),
        connection: 0,
        args: ['CONFIG', 'SET', ...settings],
      });
    if (this.#pause === undefined) return;
    const leftMs = Math.ceil(this.#pause.untilMs - this.#environment.nowMs());
    const args = ['PAUSE', `${leftMs}`, this.#pause.mode];
    if (leftMs > 0) server.write({ type: 'question', question: this.#nextId(), connection: 0, args });
  }

  /** A server is gone: it answers no question, and no client there waits for answers. */
  leave(server: AskedServer): void {
    this.#servers.delete(server);
    this.#waiting = this.#waiting.filter(({ asker }) => asker !== server);
    for (const [id, question] of this.#open) {
      question.awaited.delete(server);
      if (question.awaited.size === 0) this.#conclude(id, question);
    }
  }

  ask(asked: Asked): void {
    if (this.#open.size >= MAX_OPEN_QUESTIONS) this.#waiting.push(asked);
    else this.#begin(asked);
  }

  /** A server has answered, or the gateway. */
  answered(server: AskedServer | QuestionRelay, id: QuestionId, answer: string): void {
    const question = this.#open.get(id);
    if (question === undefined || !question.awaited.delete(server)) return;
    question.answers.push(answer);
    if (question.awaited.size === 0) this.#conclude(id, question);
  }

  #begin(asked: Asked): void {
    const { connection, args } = asked;
    const id = this.#nextId();
    const timer = this.#environment.startTimer(() => this.#giveUp(id), QUESTION_TIMEOUT_MS);
    this.#remember(args);
    this.#open.set(id, { ...asked, awaited: new Set([this, ...this.#servers]), answers: [], timer });
    for (const server of this.#servers) server.write({ type: 'question', question: id, connection, args });
    this.#answer(id, asked);
  }

  #nextId(): QuestionId {
    this.#lastId = (this.#lastId + 1) >>> 0;
    return this.#lastId;
  }

  /** Not all servers have answered in time: their answers are left out. */
  #giveUp(id: QuestionId): void {
    const question = this.#open.get(id);
    if (question !== undefined) this.#conclude(id, question);
  }

  #conclude(id: QuestionId, { asker, assignment, answers, timer }: OpenQuestion): void {
    timer.cancel();
    this.#open.delete(id);
    if (this.#servers.has(asker)) asker.write({ type: 'all-answers', assignment, answers });
    const next = this.#waiting.shift();
    if (next !== undefined) this.#begin(next);
  }

  /** Keeps what servers that come up later have to be told. */
  #remember([name, ...args]: Args): void {
    if (name === 'PAUSE') this.#rememberPause(args);
    if (name === 'UNPAUSE') this.#pause = undefined;
    if (name === 'CONFIG' && args[0] === 'SET') this.#rememberSettings(args.slice(1));
  }

  /** A pause that is on is made longer or stricter, never shorter or laxer. */
  #rememberPause([durationText, mode = 'ALL']: Args): void {
    const nowMs = this.#environment.nowMs();
    const untilMs = nowMs + Number(durationText);
    const current = this.#pause;
    if (current === undefined || current.untilMs <= nowMs) {
      this.#pause = { untilMs, mode: mode.toUpperCase() };
      return;
    }
    this.#pause = {
      untilMs: Math.max(current.untilMs, untilMs),
      mode: current.mode === 'ALL' ? 'ALL' : mode.toUpperCase(),
    };
  }

  #rememberSettings(pairs: Args): void {
    for (let at = 0; at < pairs.length; at += 2)
      this.#settings.set(pairs[at]?.toLowerCase() ?? '', pairs[at + 1] ?? '');
  }

  /** Gives the gateway's own answer, about connections that are assigned to no server. */
  #answer(id: QuestionId, { args: [subcommand, ...args], connection: asking }: Asked): void {
    const isList = subcommand === 'LIST';
    const filter = isList ? listFilter(args) : killFilter(args, asking);
    if ((!isList && subcommand !== 'KILL') || filter instanceof ErrorReply) {
      this.answered(this, id, '');
      return;
    }
    const connections = this.#unassigned()[Symbol.iterator]();
    let lines = '';
    let killed = 0;
    this.#slices.run(() => {
      for (let looked = 0; looked < CONNECTIONS_AT_ONCE; looked += 1) {
        const { value: connection, done = false } = connections.next();
        if (done) {
          this.answered(this, id, isList ? lines : `${killed}`);
          return true;
        }
        const { facts } = connection;
        if (facts === undefined || !filter(facts)) continue;
        if (isList) lines += clientLine(facts);
        else {
          killed += 1;
          connection.client.destroy();
        }
      }
      return false;
    });
  }
}
