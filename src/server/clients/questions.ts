/** Questions that clients ask all servers, CLIENT LIST and the like: this server's answer, and the reply made of all answers. */

import type { Args } from '../../protocol/command.js';
import type { Reply } from '../../protocol/reply.js';
import { clientLine } from '../../protocol/resp/client-facts.js';
import { type ClientFilter, killFilter, listFilter } from '../../protocol/resp/client-filter.js';
import { ErrorReply } from '../../protocol/resp/value.js';
import { MAX_LISTED_CONNECTIONS_PER_TURN } from '../../redis-limits.js';
import type { ClientFrame, ConnectionId, QuestionId } from '../../wire/client-frames.js';
import type { Pause } from './pause.js';
import type { ReplyFrames } from './reply-frames.js';
import type { Session } from './session.js';
import type { Sessions } from './sessions.js';

interface OpenAnswer {
  readonly question: QuestionId;
  readonly filter: ClientFilter;
  readonly isKill: boolean;
  /** Whose client has asked. */
  readonly asker: ConnectionId;
  readonly sessions: readonly Session[];
  /** How many of them were looked at. */
  looked: number;
  lines: string[];
  killed: number;
}

export interface QuestionsOptions {
  readonly replies: ReplyFrames;
  readonly sessions: Sessions;
  readonly pause: Pause;
  /** Changes settings, or begins counts anew. */
  readonly configure: (args: Args) => void;
}

export class Questions {
  readonly #options: QuestionsOptions;
  /** What the clients of this server have asked, by their sessions. */
  readonly #asked = new Map<Session, (answers: readonly string[]) => void>();
  #answers: OpenAnswer[] = [];

  constructor(options: QuestionsOptions) {
    this.#options = options;
  }

  /** Whether {@link work} has something to do at once. */
  get isDue(): boolean {
    return this.#answers.length > 0;
  }

  /** Asks all servers for a client of this one; `conclude` is called once all have answered, if the client is still here. */
  ask(session: Session, args: Args, conclude: (answers: readonly string[]) => void): void {
    this.#asked.set(session, conclude);
    this.#options.replies.askAll(session, args);
  }

  /**
   * Has the gateway look at the password of a client of the text protocol, and answers once that is known. Where there is no
   * password, none is right.
   */
  authenticate(session: Session, password: string, answer: (reply: Reply) => void): void {
    const { guarded } = session;
    if (guarded === undefined) {
      answer({ type: 'unauthenticated' });
      return;
    }
    this.ask(session, ['AUTH', 'default', password], ([verdict]) => {
      guarded.authenticated(verdict === 'right');
      answer({ type: verdict === 'right' ? 'authenticated' : 'unauthenticated' });
    });
  }

  /** All servers have answered. */
  allAnswered(session: Session, answers: readonly string[]): void {
    const conclude = this.#asked.get(session);
    this.#asked.delete(session);
    conclude?.(answers);
  }

  /** The connection is not here any more. */
  forget(session: Session): void {
    this.#asked.delete(session);
  }

  /** A client of some server asks all: this one answers, some of its connections in each turn. */
  answer({ question, connection, args }: Extract<ClientFrame, { type: 'question' }>, nowMs: number): void {
    const [subcommand = ''] = args;
    const rest = args.slice(1);
    if (subcommand === 'PAUSE' || subcommand === 'UNPAUSE') {
      this.#changePause(subcommand, rest, nowMs);
      this.#options.replies.answerQuestion(question, '');
      return;
    }
    if (subcommand === 'CONFIG') {
      this.#options.configure(rest);
      this.#options.replies.answerQuestion(question, '');
      return;
    }
    const isKill = subcommand === 'KILL';
    const filter = isKill ? killFilter(rest, connection) : listFilter(rest);
    if (filter instanceof ErrorReply) {
      this.#options.replies.answerQuestion(question, '');
      return;
    }
    const sessions = [...this.#options.sessions];
    this.#answers.push({
      question,
      filter,
      isKill,
      asker: connection,
      sessions,
      looked: 0,
      lines: [],
      killed: 0,
    });
  }

  /** Looks at some of the connections that are asked about. */
  work(nowMs: number): void {
    const [answer] = this.#answers;
    if (answer === undefined) return;
    const end = Math.min(answer.sessions.length, answer.looked + MAX_LISTED_CONNECTIONS_PER_TURN);
    for (; answer.looked < end; answer.looked += 1) {
      const session = answer.sessions[answer.looked];
      if (session !== undefined && !session.isGone) this.#look(answer, session, nowMs);
    }
    if (end < answer.sessions.length) return;
    this.#answers.shift();
    this.#options.replies.answerQuestion(
      answer.question,
      answer.isKill ? `${answer.killed}` : answer.lines.join(''),
    );
  }

  #look(answer: OpenAnswer, session: Session, nowMs: number): void {
    const facts = session.facts(nowMs);
    if (!answer.filter(facts)) return;
    if (!answer.isKill) {
      answer.lines.push(clientLine(facts));
      return;
    }
    answer.killed += 1;
    // A client that kills its own connection gets its answer before that closes.
    if (session.connection === answer.asker && session.redis !== undefined) session.redis.isClosing = true;
    else this.#options.sessions.close(session);
  }

  #changePause(subcommand: string, [durationText = '0', mode]: Args, nowMs: number): void {
    const { pause } = this.#options;
    if (subcommand === 'UNPAUSE') pause.end();
    else pause.begin(nowMs + Number(durationText), { holdsAll: mode === 'ALL' });
  }
}
