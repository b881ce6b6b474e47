/** The client connections that this server serves, from their first frame to their last. */

import type { Term } from '../../raft/types.js';
import type { ClientFrame, SessionId } from '../../wire/client-frames.js';
import type { FairQueue } from './fair-queue.js';
import { HalfSent } from './half-sent.js';
import type { LeaderlessSessions } from './leaderless-sessions.js';
import type { Monitors } from './monitors.js';
import type { Proposals } from './proposals.js';
import type { ReplyFrames } from './reply-frames.js';
import { Session, TotalUnread } from './session.js';

export interface SessionsOptions {
  readonly replies: ReplyFrames;
  readonly proposals: Proposals;
  readonly queue: FairQueue;
  readonly leaderless: LeaderlessSessions;
  readonly monitors: Monitors;
  /** Told of each that is not here any more. */
  readonly onDrop: (session: Session) => void;
}

export class Sessions {
  readonly #replies: ReplyFrames;
  readonly #proposals: Proposals;
  readonly #queue: FairQueue;
  readonly #leaderless: LeaderlessSessions;
  readonly #monitors: Monitors;
  readonly #onDrop: SessionsOptions['onDrop'];
  /** Opened so far, and bytes that came for them. */
  openedCount = 0;
  receivedBytes = 0;
  readonly #totalUnread = new TotalUnread();
  readonly #byId = new Map<SessionId, Session>();
  readonly halfSent = new HalfSent();

  constructor({ replies, proposals, queue, leaderless, monitors, onDrop }: SessionsOptions) {
    this.#replies = replies;
    this.#proposals = proposals;
    this.#queue = queue;
    this.#leaderless = leaderless;
    this.#monitors = monitors;
    this.#onDrop = onDrop;
  }

  get count(): number {
    return this.#byId.size;
  }

  get(id: SessionId): Session | undefined {
    return this.#byId.get(id);
  }

  [Symbol.iterator](): Iterator<Session> {
    return this.#byId.values();
  }

  open(frame: Extract<ClientFrame, { type: 'open' }>, nowMs: number): Session {
    const session = new Session(frame.session, frame, this.#totalUnread, nowMs);
    this.openedCount += 1;
    if (session.redis?.isMonitor === true) this.#monitors.add(session);
    this.#byId.set(session.id, session);
    return session;
  }

  /** Queues the stopped sessions: what stopped them may be gone. */
  queueStopped(): void {
    for (const session of this.#byId.values()) if (session.isStopped) this.#queue.add(session);
  }

  /** Sends a session of the router back to it, to go on elsewhere. This server has last led in `ledTerm`. */
  refuse(session: Session, ledTerm: Term): void {
    this.#replies.refuse(session, ledTerm);
    this.drop(session);
  }

  /** Closes the connection once what was answered is written. What else it asked for is done, and not answered. */
  close(session: Session): void {
    this.#replies.close(session);
    this.drop(session);
  }

  /** All that the session has sent as whole commands is answered. */
  settle(session: Session, nowMs: number): void {
    if (session.isEnding) this.close(session);
    else if (session.parser.halfStart !== undefined) this.halfSent.note(session, nowMs);
  }

  /** Closes the connections of clients that do not send the rest of a command. */
  closeHalfSent(nowMs: number): void {
    for (const session of this.halfSent.takeOverdue(nowMs)) this.close(session);
  }

  /** The connection is not here any more. */
  drop(session: Session): void {
    session.leave();
    this.halfSent.forget(session);
    this.#byId.delete(session.id);
    this.#monitors.remove(session);
    this.#onDrop(session);
    this.#proposals.cameBack(session);
    this.#queue.remove(session);
    this.#leaderless.remove(session);
  }
}
