/**
 * A client's connection through the router: it goes to whichever server leads, and survives the leader. What is not yet answered
 * is held here, and forwarded to the next leader, which knows what of it is done (state-machine/router-dedupe/). Only if no
 * leader is found in time does it count what may have been done: that is answered by an error.
 */

import assert from 'node:assert/strict';
import type { Environment } from '../environment.js';
import { MAX_GIVEN_UP_COMMANDS_PER_TURN, MAX_REPLAYS, type StreamLimits } from '../limits.js';
import { AT_COMMAND_START, isToldUnasked, type StreamCheckpoint } from '../protocol/checkpoint.js';
import type { ClientFacts } from '../protocol/resp/client-facts.js';
import type { Term } from '../raft/types.js';
import type { ClientAddress } from '../wire/control.js';
import { ClientSocket, type SocketHandlers } from './client-socket.js';
import type { Connection, Connections } from './connections.js';
import { DedupeRow, type DedupeRows } from './dedupe-rows.js';
import { startOfClient } from './first-line.js';
import { HeldBytes } from './held-bytes.js';
import type { LeaderSource, RouterTimes } from './leader-source.js';
import { LeaderWait } from './leader-wait.js';
import type { NetworkSocket } from './network.js';
import { RefusalGrace } from './refusal-grace.js';
import { giveUpHeld, planHeld } from './replay.js';
import { afterUnknown, type PlannedReplay, ReplayPlan, type ReplayPlanning } from './replay-plan.js';
import type { Assignment, AssignmentOwner, RoomWaiter, ServerTraffic } from './server-traffic.js';
import { UnansweredBytes } from './unanswered.js';
import { UnassignedFacts } from './unassigned-facts.js';

export class RoutedConnection implements Connection, SocketHandlers, AssignmentOwner, RoomWaiter {
  readonly #environment: Environment;
  readonly #source: LeaderSource;
  readonly client: ClientSocket;
  readonly #limits: StreamLimits;
  readonly unanswered: UnansweredBytes;
  readonly #connections: Connections<RoutedConnection>;
  readonly #whileUnassigned: UnassignedFacts;
  readonly #leaderWait: LeaderWait;
  readonly #grace: RefusalGrace;
  readonly #dedupe: DedupeRow;
  readonly #held = new HeldBytes();
  /** What becomes of the bytes that wait too long for a leader and may have been executed. */
  readonly #plan = new ReplayPlan();
  #planning: ReplayPlanning | undefined;
  /** How many leaders were lost while the first held command, a read, waited for its answer. */
  #interruptions = 0;
  /** Where the stream stands at the first held byte. */
  #at: StreamCheckpoint = AT_COMMAND_START;
  /** The protocol of the client is known from its first line. Before, nothing is forwarded. */
  #isDecided = false;
  /** Length of the stream so far: where the held bytes end in it. */
  #streamLength = 0;
  /** How many of the held bytes the assignment was sent; 0 without an assignment. */
  #forwarded = 0;
  #assignment: Assignment | undefined;
  /** The leader whose channel has no room, while this connection waits for some. */
  #fullLeader: ServerTraffic | undefined;
  /** What lies before this offset of the stream has waited too long for a leader, and is being answered. */
  #givenUpTo: number | undefined;
  /** More of it is answered at the end of the turn. */
  #isGivingUp = false;
  #inputEnded = false;
  #serverKnowsEnd = false;

  constructor(
    socket: NetworkSocket,
    source: LeaderSource,
    times: RouterTimes,
    connections: Connections<RoutedConnection>,
    rows: DedupeRows,
  ) {
    const { shared } = connections;
    this.#environment = shared.environment;
    this.#limits = shared.limits;
    this.#source = source;
    this.#dedupe = new DedupeRow(rows);
    this.client = new ClientSocket(socket, this, shared);
    this.unanswered = new UnansweredBytes(this.client, shared);
    this.#connections = connections;
    this.#whileUnassigned = new UnassignedFacts(shared.ids.next(), this.client, this.#environment);
    this.#leaderWait = new LeaderWait(this.#environment, times.leaderWaitMs, (streamOffset) =>
      this.#giveUp(streamOffset),
    );
    this.#grace = new RefusalGrace(this.#environment, times.refusalGraceMs, (assignment) =>
      this.#leave(assignment, this.#forwarded),
    );
    connections.add(this);
  }

  get facts(): ClientFacts | undefined {
    return this.#assignment === undefined ? this.#whileUnassigned.facts(this.#at) : undefined;
  }

  get from(): ClientAddress {
    return this.client.from;
  }

  /** How much of the stream is answered: where the held bytes begin in it. */
  get #answeredLength(): number {
    return this.#streamLength - this.#held.length;
  }

  /** Another server leads, or none does. */
  onLeaderChange(): void {
    const leader = this.#source.leader;
    if (leader !== undefined) this.#leaderWait.end();
    else if (this.#held.length > 0 && this.#isDecided) this.#leaderWait.begin(this.#streamLength);

    const assignment = this.#assignment;
    if (assignment === undefined || assignment.traffic === leader) this.#grace.end();
    else if (this.#forwarded === 0) this.#leave(assignment, 0);
    else this.#grace.begin(assignment);
    this.#advance();
  }

  onData(bytes: Uint8Array): void {
    this.#held.append(bytes);
    this.#streamLength += bytes.byteLength;
    this.unanswered.arrived(bytes.byteLength);
    if (!this.#isDecided && !this.#decide()) return;
    if (this.#source.leader === undefined) this.#leaderWait.begin(this.#streamLength);
    this.#advance();
  }

  /** Whether what the client speaks is known now. */
  #decide(): boolean {
    const held = this.#held.view(0, this.#held.length);
    const at = startOfClient(held, this.client, this.#connections.shared);
    if (at === undefined) return false;
    this.#at = at;
    this.#isDecided = true;
    return true;
  }

  onInputEnd(): void {
    this.#inputEnded = true;
    // Half a first line is no command.
    if (this.#isDecided || this.#held.length === 0) this.#advance();
    else this.client.end();
  }

  onWritten(): void {
    this.#assignment?.reportDrained(this.client.backlogBytes);
    this.#advance();
  }

  onGone(): void {
    this.#assignment?.close();
    this.#forget();
    this.unanswered.forget();
    this.#connections.delete(this);
    this.#dedupe.end();
  }

  onRoom(): void {
    this.#fullLeader = undefined;
    this.#advance();
  }

  onReply(answeredBytes: number, at: StreamCheckpoint, bytes: Uint8Array): void {
    const assignment = this.#assignment;
    if (assignment === undefined) return;
    assert(answeredBytes <= this.#forwarded, 'a server answered more than it was sent');
    this.#drop(answeredBytes, at);
    this.#forwarded -= answeredBytes;
    if (bytes.byteLength > 0) {
      assignment.received(bytes.byteLength);
      this.client.write(bytes);
    }
    if (this.#forwarded === 0 && assignment.traffic !== this.#source.leader) this.#leave(assignment, 0);
    this.#advance();
  }

  /** The server that its commands are at; undefined while they are at none. */
  get traffic(): ServerTraffic | undefined {
    return this.#assignment?.traffic;
  }

  onRefuse(proposedBytes: number, ledTerm: Term): void {
    if (this.#assignment !== undefined) this.#source.onRefusal(this.#assignment.traffic, ledTerm);
    this.#assignmentEnded(proposedBytes);
  }

  onClose(): void {
    this.#forget();
    this.client.end();
  }

  onLost(): void {
    this.#assignmentEnded(this.#forwarded);
  }

  /** Does whatever can be done next: answers, forwards, or ends. */
  #advance(): void {
    if (this.#planning !== undefined) return;
    if (!this.#isDecided && this.#held.length > 0) return;
    if (this.#givenUpTo !== undefined) {
      // A client that does not read gets no more answers until it does.
      if (this.client.backedUp || this.#isGivingUp) return;
      this.#isGivingUp = true;
      this.#environment.atEndOfTurn(this.#giveUpSome);
      return;
    }
    if (this.#forwarded < this.#held.length) {
      const assignment = this.#assignmentToLeader();
      if (assignment === undefined) return;
      while (this.#forwarded < this.#held.length) {
        const piece = this.#held.piece(this.#forwarded, this.#held.length);
        assignment.send(piece);
        this.#forwarded += piece.byteLength;
      }
    } else if (isToldUnasked(this.#at)) this.#assignmentToLeader();
    if (this.#inputEnded) this.#endOnceAnswered();
  }

  /** Answers the writes at the front whose outcome nobody knows. */
  #answerUnknown(): void {
    const front = this.#plan.front;
    if (front?.fate !== 'unknown') return;
    this.client.write(Buffer.from(front.reply, 'latin1'));
    this.#drop(front.byteCount, afterUnknown(this.#at, front.endsTransaction));
  }

  /** The assignment to send more bytes to, if there is a leader that can take them now. */
  #assignmentToLeader(): Assignment | undefined {
    const leader = this.#source.leader;
    if (leader === undefined) return undefined;
    if (leader.full) {
      this.#awaitRoomAt(leader);
      return undefined;
    }
    if (this.#assignment !== undefined)
      return this.#assignment.traffic === leader ? this.#assignment : undefined;
    // The new server would not count replies of the old server that the client has still to read.
    if (this.client.backedUp) return undefined;
    this.#assignment = leader.open(this, {
      ...this.#whileUnassigned.opening(),
      routed: true,
      at: this.#at,
      dedupeKey: this.#dedupe.opening(this.#answeredLength),
    });
    return this.#assignment;
  }

  #awaitRoomAt(leader: ServerTraffic | undefined): void {
    if (leader !== this.#fullLeader) this.#fullLeader?.leaveRoomQueue(this);
    this.#fullLeader = leader;
    leader?.awaitRoom(this);
  }

  #endOnceAnswered(): void {
    if (this.#held.length === 0) {
      this.#assignment?.close();
      this.#forget();
      this.client.end();
    } else if (this.#forwarded === this.#held.length && !this.#serverKnowsEnd) {
      // Only the server knows whether what is unanswered is a whole command.
      this.#assignment?.endInput();
      this.#serverKnowsEnd = true;
    }
  }

  /** The first held bytes are answered. */
  #drop(byteCount: number, at: StreamCheckpoint): void {
    if (byteCount > 0) this.#interruptions = 0;
    this.#held.discard(byteCount);
    this.#plan.advance(byteCount);
    this.#at = at;
    this.unanswered.answered(byteCount, at);
  }

  /** Leaves a server, whose late frames are ignored. So many of the bytes that it was sent may have been proposed. */
  #leave(assignment: Assignment, proposedBytes: number): void {
    assignment.close();
    this.#assignmentEnded(proposedBytes);
  }

  #assignmentEnded(proposedBytes: number): void {
    const forwarded = this.#forwarded;
    this.#dedupe.lost(this.#answeredLength + proposedBytes);
    this.#clearAssignment();
    if (forwarded === 0) this.#advance();
    else this.#planReplay(forwarded, 0);
  }

  /** Finds out what the first command is, or what becomes of what was forwarded; until then nothing else is done. */
  #planReplay(byteCount: number, proposedBytes: number): void {
    const planning = planHeld(this.#held, byteCount, this.#at, { proposedBytes, limits: this.#limits });
    this.#planning = planning;
    this.#held.isPinned = true;
    this.#connections.shared.slices.run(() => {
      if (this.#planning !== planning) return true;
      const step = planning.next();
      if (step.done !== true) return false;
      this.#endPlanning();
      this.#planned(step.value);
      return true;
    });
  }

  #endPlanning(): void {
    this.#planning = undefined;
    this.#held.isPinned = false;
  }

  #planned({ pieces, first }: PlannedReplay): void {
    if (this.#givenUpTo !== undefined) this.#plan.replaceFront(pieces);
    else if (first === 'read') {
      this.#interruptions += 1;
      if (this.#interruptions > MAX_REPLAYS) this.#giveUpFirst();
    }
    this.#advance();
  }

  /** The first command may be what costs one leader after the other. */
  #giveUpFirst(): void {
    const byteCount = this.#plan.front?.byteCount ?? this.#held.length;
    const given = giveUpHeld(this.#held, byteCount, this.#at, { maxCommands: 1, limits: this.#limits });
    this.#drop(given.byteCount, given.at);
    if (given.reply !== '') this.client.write(Buffer.from(given.reply, 'latin1'));
  }

  #clearAssignment(): void {
    this.#assignment = undefined;
    this.#forwarded = 0;
    this.#serverKnowsEnd = false;
    this.#grace.end();
  }

  /** No leader appeared in time for the commands up to the offset in the stream. */
  #giveUp(streamOffset: number): void {
    // What is given up goes to nobody again.
    this.#assignment?.close();
    this.#dedupe.lost(this.#answeredLength + this.#forwarded);
    this.#clearAssignment();
    if (streamOffset <= this.#answeredLength) {
      this.#advance();
      return;
    }
    const isGivingUp = this.#givenUpTo !== undefined;
    this.#givenUpTo = streamOffset;
    const exposed = this.#dedupe.exposedBytes(this.#answeredLength);
    if (isGivingUp || exposed === 0) this.#advance();
    else this.#planReplay(exposed, exposed);
  }

  readonly #giveUpSome = (): void => {
    this.#isGivingUp = false;
    if (this.#givenUpTo === undefined) return;
    // Redis clients retry what failed; they must not be told that a write failed if it may have happened.
    this.#answerUnknown();
    const waiting = Math.max(0, this.#givenUpTo - this.#answeredLength);
    const byteCount = Math.min(waiting, this.#plan.front?.byteCount ?? waiting);
    const given = giveUpHeld(this.#held, byteCount, this.#at, {
      maxCommands: MAX_GIVEN_UP_COMMANDS_PER_TURN,
      limits: this.#limits,
    });
    this.#drop(given.byteCount, given.at);
    if (given.reply !== '') this.client.write(Buffer.from(given.reply, 'latin1'));
    const isAll = given.isAll && byteCount === waiting;
    if (isAll) {
      this.#givenUpTo = undefined;
      // What is left is sent again.
      this.#plan.clear();
    }
    // What is left is a command that will never be complete.
    const hasEnded = isAll && this.#inputEnded && !this.#leaderWait.pending;
    if (!given.isOver && !(hasEnded && this.#source.leader === undefined)) {
      this.#advance();
      return;
    }
    this.#forget();
    this.client.end();
  };

  /** Nothing more is to be forwarded or answered. */
  #forget(): void {
    this.#endPlanning();
    this.#givenUpTo = undefined;
    this.#assignment = undefined;
    this.#forwarded = 0;
    this.#grace.end();
    this.#leaderWait.end();
    this.#awaitRoomAt(undefined);
    this.#plan.clear();
    this.#drop(this.#held.length, AT_COMMAND_START);
  }
}
