/**
 * What happens to messages between servers on their way, beside what the product's own link faults do to them.
 *
 * A batch of messages that is lost is replaced by an empty one, and a duplicate is appended to a later batch: the
 * channel's frames and credits, which nothing may lose or repeat in a process, stay as they are.
 */

import type { Message, ServerId } from '../../../src/raft/types.js';
import { decodeMessages } from '../../../src/wire/peer-messages.js';
import type { Random } from '../../../tools/support/random.js';
import { describe } from '../describe.js';
import type { PostFilter } from '../world/port.js';

export interface LinkOptions {
  readonly random: Random;
  readonly lossRate: number;
  readonly duplicationRate: number;
  readonly trace: (what: () => string) => void;
}

/** A frame of a channel that carries a batch; what it carries can be changed until it arrives. */
type BatchFrame = [batch: Uint8Array, credits: number];

/** A batch that was posted in the step that is under way. */
interface Fresh {
  readonly from: ServerId;
  readonly frame: BatchFrame;
  /** What it holds; undefined for client traffic. */
  readonly messages: readonly Message[] | undefined;
}

/** Batches that may come again. */
const REMEMBERED = 4;
const NOTHING = new Uint8Array(0);

export class Links {
  readonly #options: LinkOptions;
  /** Directions that carry nothing, as `from>to`. */
  readonly #cuts = new Set<string>();
  #fresh: Fresh[] = [];
  /** From now on nothing is lost or repeated by chance. */
  isHealthy = false;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  cut(from: ServerId, to: ServerId): void {
    this.#cuts.add(`${from}>${to}`);
  }

  /** Nothing from or to this server is cut any more. */
  join(server: ServerId): void {
    for (const direction of this.#cuts)
      if (direction.split('>').includes(`${server}`)) this.#cuts.delete(direction);
  }

  heal(): void {
    this.#cuts.clear();
  }

  /** The filter of the port by which `from` reaches `to`. */
  filter(from: ServerId, to: ServerId): PostFilter {
    const { random, lossRate, duplicationRate, trace } = this.#options;
    const remembered: Uint8Array[] = [];
    let lastSnapshot: Uint8Array[] = [];
    return (message) => {
      const frame = batchFrameOf(message);
      if (frame === undefined) return message;
      const [batch] = frame;
      const messages = decodeMessages(batch);
      this.#fresh.push({ from, frame, messages });
      for (const message of messages) trace(() => `server ${from} -> ${to} ${describe(message)}`);
      const isLost = this.#cuts.has(`${from}>${to}`) || (!this.isHealthy && random.chance(lossRate));
      if (isLost) frame[0] = NOTHING;
      if (this.isHealthy || duplicationRate === 0) return frame;
      if (remembered.length === REMEMBERED) remembered.shift();
      remembered.push(batch.slice());
      for (const message of messages) {
        if (message.type !== 'InstallSnapshot') continue;
        if (message.offset === 0) lastSnapshot = [];
        lastSnapshot.push(batch.slice());
      }
      if (isLost || !random.chance(duplicationRate)) return frame;
      // A snapshot comes again as a whole, or its end.
      const chunks = random.chance(0.5) ? lastSnapshot : lastSnapshot.slice(-1);
      const again = chunks.length > 0 && random.chance(0.2) ? chunks : [random.of(remembered)];
      frame[0] = Buffer.concat([batch, ...again]);
      return frame;
    };
  }

  /** The filter of the port by which a server sends what its clients are told. */
  replyFilter(from: ServerId): PostFilter {
    return (message) => {
      const frame = batchFrameOf(message);
      if (frame === undefined) return message;
      this.#fresh.push({ from, frame, messages: undefined });
      return frame;
    };
  }

  /** Whether the server has sent a message of this type in the step that is under way. */
  hasSent(server: ServerId, type: Message['type']): boolean {
    return this.#fresh.some(
      ({ from, messages }) => from === server && messages?.some((message) => message.type === type) === true,
    );
  }

  /** What the server has sent to others in the step that is under way is lost. */
  lose(server: ServerId): void {
    for (const { from, frame, messages } of this.#fresh)
      if (from === server && messages !== undefined) frame[0] = NOTHING;
  }

  /** What the server has sent to anybody in the step that is under way never left it. */
  recall(server: ServerId): void {
    for (const { from, frame } of this.#fresh) if (from === server) frame[0] = NOTHING;
    this.#fresh = this.#fresh.filter(({ from }) => from !== server);
  }

  /** What has left servers since the last call, lost or not. */
  takeSent(): readonly Message[] {
    if (this.#fresh.length === 0) return NO_MESSAGES;
    const sent = this.#fresh.flatMap(({ messages }) => messages ?? NO_MESSAGES);
    this.#fresh = [];
    return sent;
  }
}

const NO_MESSAGES: readonly Message[] = [];

function batchFrameOf(message: unknown): BatchFrame | undefined {
  if (!Array.isArray(message)) return undefined;
  const [batch, credits] = message;
  return batch instanceof Uint8Array ? [batch, credits] : undefined;
}
