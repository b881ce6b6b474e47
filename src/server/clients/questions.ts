/** Questions that clients ask all servers, CLIENT LIST and the like: this server's answer, and the reply made of all answers. */

import type { Args } from '../../protocol/command.js';
import type { Reply } from '../../protocol/reply.js';
import { clientLine } from '../../protocol/resp/client-facts.js';
import { type ClientFilter, killFilter, listFilter } from '../../protocol/resp/client-filter.js';
import { ErrorReply } from '../../protocol/resp/value.js';
import { MAX_LISTED_CONNECTIONS_PER_TURN } from '../../redis-limits.js';
import type { ClientFrame, ConnectionId, QuestionId } from '../../wire/client-frames.js';
import type { ClientConnection } from './client-connection.js';
import type { ClientConnections } from './client-connections.js';
import type { Pause } from './pause.js';
import type { ReplyFrames } from './reply-frames.js';

interface OpenAnswer {
  readonly question: QuestionId;
  readonly filter: ClientFilter;
  readonly isKill: boolean;
  /** Whose client has asked. */
  readonly asker: ConnectionId;
  readonly connections: readonly ClientConnection[];
  /** How many of them were looked at. */
  looked: number;
  lines: string[];
  killed: number;
}

export interface QuestionsOptions {
  readonly replies: ReplyFrames;
  readonly connections: ClientConnections;
  readonly pause: Pause;
  /** Whether a write was taken whose outcome is not known. */
  readonly hasPendingWrite: () => boolean;
  /** Changes settings, or begins counts anew. */
  readonly configure: (args: Args) => void;
}

export class Questions {
  readonly #options: QuestionsOptions;
  /** What the clients of this server have asked. */
  readonly #asked = new Map<ClientConnection, (answers: readonly string[]) => void>();
  #answers: OpenAnswer[] = [];
  /** Those that want a pause, and are answered once what was taken before it is over. */
  #pausing: QuestionId[] = [];

  constructor(options: QuestionsOptions) {
    this.#options = options;
  }

  /** Whether {@link work} has something to do at once. */
  get isDue(): boolean {
    return this.#answers.length > 0 || (this.#pausing.length > 0 && !this.#options.hasPendingWrite());
  }

  /** Asks all servers for a client of this one; `conclude` is called once all have answered, if the client is still here. */
  ask(client: ClientConnection, args: Args, conclude: (answers: readonly string[]) => void): void {
    this.#asked.set(client, conclude);
    this.#options.replies.askAll(client, args);
  }

  /**
   * Has the gateway look at the password of a client of the text protocol, and answers once that is known. Where there is no
   * password, none is right.
   */
  authenticate(client: ClientConnection, password: string, answer: (reply: Reply) => void): void {
    const { guarded } = client;
    if (guarded === undefined) {
      answer({ type: 'unauthenticated' });
      return;
    }
    this.ask(client, ['AUTH', 'default', password], ([verdict]) => {
      guarded.authenticated(verdict === 'right');
      answer({ type: verdict === 'right' ? 'authenticated' : 'unauthenticated' });
    });
  }

  /** All servers have answered. */
  allAnswered(client: ClientConnection, answers: readonly string[]): void {
    const conclude = this.#asked.get(client);
    this.#asked.delete(client);
    conclude?.(answers);
  }

  /** The connection is not here any more. */
  forget(client: ClientConnection): void {
    this.#asked.delete(client);
  }

  /** A client of some server asks all: this one answers, some of its connections in each turn. */
  answer({ question, connection, args }: Extract<ClientFrame, { type: 'question' }>, nowMs: number): void {
    const [subcommand = ''] = args;
    const rest = args.slice(1);
    if (subcommand === 'PAUSE') {
      this.#beginPause(rest, nowMs);
      // Whoever is told of the pause relies on it that no write before it is acknowledged later.
      this.#pausing.push(question);
      return;
    }
    if (subcommand === 'UNPAUSE') {
      this.#options.pause.end();
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
    const connections = [...this.#options.connections];
    this.#answers.push({
      question,
      filter,
      isKill,
      asker: connection,
      connections,
      looked: 0,
      lines: [],
      killed: 0,
    });
  }

  /** Looks at some of the connections that are asked about, and answers those that wait for writes before a pause. */
  work(nowMs: number): void {
    if (this.#pausing.length > 0 && !this.#options.hasPendingWrite()) {
      for (const question of this.#pausing) this.#options.replies.answerQuestion(question, '');
      this.#pausing = [];
    }
    const [answer] = this.#answers;
    if (answer === undefined) return;
    const end = Math.min(answer.connections.length, answer.looked + MAX_LISTED_CONNECTIONS_PER_TURN);
    for (; answer.looked < end; answer.looked += 1) {
      const client = answer.connections[answer.looked];
      if (client !== undefined && !client.isGone) this.#look(answer, client, nowMs);
    }
    if (end < answer.connections.length) return;
    this.#answers.shift();
    this.#options.replies.answerQuestion(
      answer.question,
      answer.isKill ? `${answer.killed}` : answer.lines.join(''),
    );
  }

  #look(answer: OpenAnswer, client: ClientConnection, nowMs: number): void {
    const facts = client.facts(nowMs);
    if (!answer.filter(facts)) return;
    if (!answer.isKill) {
      answer.lines.push(clientLine(facts));
      return;
    }
    answer.killed += 1;
    // A client that kills its own connection gets its answer before that closes.
    if (client.connection === answer.asker && client.redis !== undefined) client.redis.isClosing = true;
    else this.#options.connections.close(client);
  }

  #beginPause([durationText = '0', mode]: Args, nowMs: number): void {
    this.#options.pause.begin(nowMs + Number(durationText), { holdsAll: mode === 'ALL' });
  }
}
