/**
 * Writes replies as frames for the gateway, and sends them once a turn: what one client gets in a row is one frame.
 */

import type { ByteString } from '../../bytes/byte-string.js';
import { ByteWriter } from '../../bytes/byte-writer.js';
import type { Sender } from '../../channel/channel.js';
import { MAX_TRAFFIC_BATCH_BYTES } from '../../limits.js';
import {
  type CheckpointUpdate,
  SAME_SUBSCRIPTIONS,
  type StreamCheckpoint,
  watchOf,
  withWatch,
} from '../../protocol/checkpoint.js';
import type { Args } from '../../protocol/command.js';
import { type RespReply, writeTextReply } from '../../protocol/reply.js';
import { writeRespReply } from '../../protocol/resp/writer.js';
import { writeRedisResult } from '../../protocol/text/redis-result.js';
import type { Term } from '../../raft/types.js';
import {
  beginReply,
  endReply,
  type LookupId,
  type QuestionId,
  writeServerFrame,
} from '../../wire/client-frames.js';
import type { ClientConnection } from './client-connection.js';
import { type Later, LongReplies, longElements } from './long-replies.js';

interface OpenFrame {
  readonly client: ClientConnection;
  readonly offset: number;
  readonly answeredFrom: number;
  at: StreamCheckpoint;
}

export class ReplyFrames {
  /** Bytes of replies so far. */
  writtenBytes = 0;
  readonly #traffic: Sender<Uint8Array>;
  readonly #onRoom: () => void;
  readonly #batch = new ByteWriter(MAX_TRAFFIC_BATCH_BYTES);
  readonly #long = new LongReplies(this.#batch);
  #frame: OpenFrame | undefined;
  /** Batches that the channel had no room for. */
  #waiting: Uint8Array[] = [];

  /** @param onRoom called when batches that found no room can go */
  constructor(traffic: Sender<Uint8Array>, onRoom: () => void) {
    this.#traffic = traffic;
    this.#onRoom = onRoom;
  }

  /** Whether the gateway lags, so that nothing more should be taken from clients. */
  get isFull(): boolean {
    return this.#waiting.length > 0;
  }

  /** Batches that wait for room. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Answers the client's stream up to `answeredOffset`, after which it stands at `at`; without a reply the client is
   * told nothing.
   */
  answer(
    client: ClientConnection,
    reply: RespReply | undefined,
    answeredOffset: number,
    at: StreamCheckpoint,
  ): void {
    if (this.#long.count > 0 && this.#long.takeLater(client, { reply, answeredOffset, at })) return;
    const elements =
      reply?.type === 'resp' && client.redis !== undefined ? longElements(reply.value) : undefined;
    if (elements !== undefined) {
      this.#long.begin(client, elements);
      this.#long.takeLater(client, { reply: undefined, answeredOffset, at });
      return;
    }
    const frame = this.#frameOf(client);
    if (reply !== undefined) {
      const before = this.#batch.length;
      if (client.redis !== undefined) writeRespReply(this.#batch, reply, client.redis.version);
      else if (reply.type === 'resp') writeRedisResult(this.#batch, reply.value);
      else if (reply.type !== 'pushes') writeTextReply(this.#batch, reply);
      const byteCount = this.#batch.length - before;
      client.addUnread(byteCount);
      this.writtenBytes += byteCount;
    }
    client.answeredOffset = answeredOffset;
    client.answeredAt = at;
    frame.at = at;
    if (this.#batch.length >= MAX_TRAFFIC_BATCH_BYTES) this.#cut();
  }

  /** Tells the client something that answers no command. */
  push(client: ClientConnection, text: string): void {
    if (this.#long.takeLater(client, { text })) return;
    const frame = this.#frameOf(client);
    if (client.answeredOffset === frame.answeredFrom) frame.at = client.answeredAt;
    this.#batch.latin1(text);
    client.addUnread(text.length);
    this.writtenBytes += text.length;
    if (this.#batch.length >= MAX_TRAFFIC_BATCH_BYTES) this.#cut();
  }

  /** The client is gone: nothing more of it is written, unless it is to be closed after that. */
  forget(client: ClientConnection): void {
    this.#long.forget(client);
  }

  /** Replies that are not written as a whole. */
  get unfinishedCount(): number {
    return this.#long.count;
  }

  /** Whether {@link flush} has left something for the next turn. */
  get isDue(): boolean {
    return this.#long.count > 0 && !this.isFull;
  }

  /** Clients whose long reply has been written since the last call: they may take more again. */
  takeFinished(): readonly ClientConnection[] {
    return this.#long.takeFinished();
  }

  /** Sends a routed client back to the router: this server does not lead. */
  refuse(client: ClientConnection, ledTerm: Term): void {
    this.#endFrame();
    const proposedBytes = Math.max(0, client.proposedOffset - client.answeredOffset);
    writeServerFrame(this.#batch, { type: 'refuse', assignment: client.id, proposedBytes, ledTerm });
  }

  /** Has the connection closed once its replies are written. */
  close(client: ClientConnection): void {
    if (this.#long.takeLater(client, 'close')) return;
    this.#endFrame();
    writeServerFrame(this.#batch, { type: 'close', assignment: client.id });
  }

  /** Asks all servers, for the client. */
  askAll(client: ClientConnection, args: Args): void {
    this.#endFrame();
    const { connection } = client;
    writeServerFrame(this.#batch, { type: 'ask-all', assignment: client.id, connection, args });
  }

  /** Gives this server's answer to a question. */
  answerQuestion(question: QuestionId, answer: string): void {
    this.#endFrame();
    writeServerFrame(this.#batch, { type: 'answer', question, answer });
  }

  /** Tells a client in this process values that it has asked for. */
  found(lookup: LookupId, values: readonly (ByteString | undefined)[]): void {
    this.#endFrame();
    writeServerFrame(this.#batch, { type: 'found', lookup, values });
    if (this.#batch.length >= MAX_TRAFFIC_BATCH_BYTES) this.#cut();
  }

  /** Sends what has come together since the last time, as far as the gateway takes it. */
  flush(): void {
    if (this.isDue) {
      this.#endFrame();
      this.#long.write(this.#afterPart, this.#tell);
    }
    this.#cut();
    while (this.#waiting.length > 0 && !this.#traffic.closed) {
      const batch = this.#waiting[0];
      if (batch === undefined) return;
      if (!this.#traffic.trySend(batch)) {
        this.#traffic.whenRoom(this.#onRoom);
        return;
      }
      this.#waiting.shift();
    }
  }

  #frameOf(client: ClientConnection): OpenFrame {
    if (this.#frame?.client === client) return this.#frame;
    this.#endFrame();
    const { answeredOffset: answeredFrom } = client;
    const frame = {
      client,
      offset: beginReply(this.#batch, client.id),
      answeredFrom,
      at: client.parser.checkpoint(),
    };
    this.#frame = frame;
    return frame;
  }

  #endFrame(): void {
    const frame = this.#frame;
    if (frame === undefined) return;
    this.#frame = undefined;
    const { client } = frame;
    const at = placeOf(client, frame.at);
    const answeredBytes = client.answeredOffset - frame.answeredFrom;
    endReply(this.#batch, frame.offset, { answeredBytes, at: updateOf(client, at) });
    client.reportedAt = at;
    client.reportedToldTo = client.subscriber?.next ?? 0;
  }

  readonly #afterPart = (byteCount: number): void => {
    this.writtenBytes += byteCount;
    this.#endFrame();
    if (this.#batch.length >= MAX_TRAFFIC_BATCH_BYTES) this.#cut();
  };

  /** A long reply has come to its end. */
  readonly #tell = (client: ClientConnection, later: Later): void => {
    if (later === 'close') this.close(client);
    else if ('text' in later) this.push(client, later.text);
    else this.answer(client, later.reply, later.answeredOffset, later.at);
  };

  #cut(): void {
    this.#endFrame();
    if (this.#batch.length > 0) this.#waiting.push(this.#batch.take());
  }
}

/** The checkpoint with the place of the client's watch, or without one that has ended. */
function placeOf({ watch }: ClientConnection, at: StreamCheckpoint): StreamCheckpoint {
  if (at.place === 'resp') return at;
  if (watch !== undefined) return withWatch(at, watch.place);
  return watchOf(at) === undefined ? at : withWatch(at, undefined);
}

/** What of the checkpoint is news to the gateway; undefined if nothing is. */
function updateOf(client: ClientConnection, at: StreamCheckpoint): CheckpointUpdate | undefined {
  const { reportedAt, reportedToldTo, subscriber } = client;
  if (at.place !== 'resp' || subscriber === undefined) return at === reportedAt ? undefined : at;
  const toldTo = subscriber.next;
  if (at === reportedAt) return toldTo === reportedToldTo ? undefined : { place: 'told', toldTo };
  const isKnown = reportedAt.place === 'resp' && reportedAt.subscriptions === at.subscriptions;
  return { ...at, toldTo, subscriptions: isKnown ? SAME_SUBSCRIPTIONS : at.subscriptions };
}
