/**
 * Replies that take long to write, such as those of MGET, KEYS or EXEC: a slice of them is written in each turn, in turns of the
 * clients that have one. What a client is to be told after its long reply waits for the end of it.
 */

import { textOf } from '../../bytes/byte-reader.js';
import type { ByteWriter } from '../../bytes/byte-writer.js';
import { MAX_REPLY_WORK_PER_TURN } from '../../limits.js';
import type { StreamCheckpoint } from '../../protocol/checkpoint.js';
import type { RespReply } from '../../protocol/reply.js';
import { sizeOf, takesOver } from '../../protocol/resp/reply-size.js';
import type { RespValue } from '../../protocol/resp/value.js';
import { LongReplyWriter } from '../../protocol/resp/writer.js';
import { beginPart, endPart } from '../../wire/client-frames.js';
import type { ClientConnection } from './client-connection.js';

/** A shorter reply is written at once. */
const LONG_REPLY_BYTES = 128 * 1024;

/** Units of work on one of them before it is the next one's turn. */
const SLICE_UNITS = 256 * 1024;

/** The end of a command, and of what was answered. */
export interface Answer {
  readonly reply: RespReply | undefined;
  readonly answeredOffset: number;
  readonly at: StreamCheckpoint;
}

/** What a client gets after its long reply. */
export type Later = Answer | { readonly text: string } | 'close';

interface LongReply {
  readonly writer: LongReplyWriter;
  /** Bytes that were counted as unread before they were written. */
  readonly reservedBytes: number;
  writtenBytes: number;
  /** The answer that the reply is of comes first. */
  readonly later: Later[];
}

export class LongReplies {
  readonly #batch: ByteWriter;
  readonly #byClient = new Map<ClientConnection, LongReply>();
  #finished: ClientConnection[] = [];

  /** @param batch where parts are written */
  constructor(batch: ByteWriter) {
    this.#batch = batch;
  }

  /** How many there are. */
  get count(): number {
    return this.#byClient.size;
  }

  /** Takes a long reply, with these elements, unless one before it is not at its end. Its own answer comes after it. */
  begin(client: ClientConnection, elements: readonly RespValue[]): void {
    const reservedBytes = sizeOf(elements);
    client.addUnread(reservedBytes);
    const writer = new LongReplyWriter(elements, client.redis?.version ?? 2);
    this.#byClient.set(client, { writer, reservedBytes, writtenBytes: 0, later: [] });
  }

  /** Whether it was taken: a long reply of the client is not at its end. */
  takeLater(client: ClientConnection, later: Later): boolean {
    const reply = this.#byClient.get(client);
    if (reply === undefined) return false;
    // An answer without a reply says all that one before it has said.
    const last = reply.later.at(-1);
    if (isBare(last) && isBare(later)) reply.later.pop();
    reply.later.push(typeof later === 'object' && 'reply' in later ? kept(later) : later);
    return true;
  }

  /** The client is gone. What it was told before it is to be closed is written nevertheless. */
  forget(client: ClientConnection): void {
    if (this.#byClient.get(client)?.later.at(-1) !== 'close') this.#byClient.delete(client);
  }

  /** Clients whose long reply has been written since the last call. */
  takeFinished(): readonly ClientConnection[] {
    const finished = this.#finished;
    this.#finished = [];
    return finished;
  }

  /**
   * Writes parts.
   *
   * @param partWritten called after each part with its length, and whatever was told
   * @param tell called with what comes after a long reply, in order; it may begin another
   */
  write(
    partWritten: (byteCount: number) => void,
    tell: (client: ClientConnection, later: Later) => void,
  ): void {
    let units = MAX_REPLY_WORK_PER_TURN;
    while (units > 0 && this.count > 0) {
      const [next] = this.#byClient;
      if (next === undefined) return;
      const [client, reply] = next;
      const before = reply.writtenBytes;
      this.#byClient.delete(client);
      if (!this.#writePart(client, reply)) this.#byClient.set(client, reply);
      else {
        client.addUnread(reply.writtenBytes - reply.reservedBytes);
        this.#finished.push(client);
        for (const later of reply.later) tell(client, later);
      }
      const byteCount = reply.writtenBytes - before;
      // A slice has gone beyond its end by a large element.
      units -= Math.max(SLICE_UNITS, byteCount);
      partWritten(byteCount);
    }
  }

  /** Whether the whole reply is written. */
  #writePart(client: ClientConnection, reply: LongReply): boolean {
    const offset = beginPart(this.#batch, client.id);
    const before = this.#batch.length;
    const isDone = reply.writer.write(this.#batch, SLICE_UNITS);
    reply.writtenBytes += this.#batch.length - before;
    endPart(this.#batch, offset);
    return isDone;
  }
}

/** With a copy of the value, which lies in the store, where it may change before it is written. */
function kept(answer: Answer): Answer {
  const { reply } = answer;
  if (reply === undefined || !('value' in reply) || reply.type === 'resp' || typeof reply.value === 'string')
    return answer;
  return { ...answer, reply: { ...reply, value: textOf(reply.value) } };
}

function isBare(later: Later | undefined): boolean {
  return typeof later === 'object' && 'reply' in later && later.reply === undefined;
}

/** The elements of a long reply; undefined for all others. */
export function longElements(value: RespValue): readonly RespValue[] | undefined {
  return isList(value) && takesOver(value, LONG_REPLY_BYTES) ? value : undefined;
}

function isList(value: RespValue): value is readonly RespValue[] {
  return Array.isArray(value);
}
