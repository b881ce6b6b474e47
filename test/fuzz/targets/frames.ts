/** What crosses a thread: bytes that were not written by the other side are refused, and what is read is written again as it was. */

import { ByteReader, TruncatedBytesError } from '../../../src/bytes/byte-reader.js';
import { ByteWriter } from '../../../src/bytes/byte-writer.js';
import { AT_COMMAND_START, AT_RESP_START, respCheckpoint } from '../../../src/protocol/checkpoint.js';
import { CheckpointError, readCheckpoint, writeCheckpoint } from '../../../src/protocol/checkpoint-bytes.js';
import { subscribedTo } from '../../../src/protocol/resp/subscriptions.js';
import { ConfigurationFormatError } from '../../../src/raft/configuration-format.js';
import type { Message } from '../../../src/raft/types.js';
import {
  type ClientFrame,
  FrameError,
  readClientFrames,
  readServerFrames,
  type ServerFrame,
  writeClientFrame,
  writeServerFrame,
} from '../../../src/wire/client-frames.js';
import { decodeMessages, encodeMessages, WireError } from '../../../src/wire/peer-messages.js';
import { withBytes, withValues } from '../../support/client-frames.js';
import { promise, type Target, textOf, unlessRefused } from '../target.js';

const ADDRESS = { host: '127.0.0.1', port: 9100 };
const MAX_BYTES = 2_048;

/** A format that is read and written. */
interface Format<T> {
  readonly name: string;
  readonly samples: readonly T[];
  readonly read: (bytes: Uint8Array) => readonly T[];
  readonly write: (values: readonly T[]) => Uint8Array;
}

const CLIENT_FRAMES: Format<ClientFrame> = {
  name: 'client-frames',
  samples: [
    {
      type: 'open',
      assignment: 7,
      connection: 3,
      routed: true,
      from: ADDRESS,
      reached: ADDRESS,
      ageMs: 12,
      at: AT_RESP_START,
    },
    { type: 'data', assignment: 7, bytes: Buffer.from('get k\r\n') },
    { type: 'drained', assignment: 7, byteCount: 5 },
    { type: 'end', assignment: 7 },
    { type: 'close', assignment: 7 },
    { type: 'question', question: 1, connection: 3, args: ['list', 'id', '3'] },
    { type: 'all-answers', assignment: 7, answers: ['a', 'bc'] },
    { type: 'lookup', lookup: 2, keys: ['a', 'bc'] },
  ],
  read: (bytes) => [...readClientFrames(bytes)].map(withBytes),
  write(frames) {
    const batch = new ByteWriter();
    for (const frame of frames) writeClientFrame(batch, frame);
    return batch.take();
  },
};

const SERVER_FRAMES: Format<ServerFrame> = {
  name: 'server-frames',
  samples: [
    { type: 'reply', assignment: 7, answeredBytes: 12, at: AT_COMMAND_START, bytes: Buffer.from('OK\r\n') },
    { type: 'part', assignment: 7, bytes: Buffer.from('part of a reply') },
    { type: 'refuse', assignment: 7, proposedBytes: 30, ledTerm: 2 },
    { type: 'close', assignment: 7 },
    { type: 'found', lookup: 2, values: ['v', undefined, ''] },
  ],
  read: (bytes) => Array.from(readServerFrames(bytes), withValues),
  write(frames) {
    const batch = new ByteWriter();
    for (const frame of frames) writeServerFrame(batch, frame);
    return batch.take();
  },
};

const PEER_MESSAGES: Format<Message> = {
  name: 'peer-messages',
  samples: [
    { type: 'PreVote', from: 0, to: 1, term: 3, lastLogIndex: 9, lastLogTerm: 2 },
    { type: 'RequestVote', from: 0, to: 1, term: 3, lastLogIndex: 9, lastLogTerm: 2, leaseIsOver: true },
    { type: 'RequestVoteResponse', from: 1, to: 0, term: 3, voteGranted: true },
    { type: 'TimeoutNow', from: 1, to: 0, term: 3 },
  ],
  read: decodeMessages,
  write: encodeMessages,
};

const CHECKPOINTS: Format<NonNullable<ReturnType<typeof readCheckpoint>>> = {
  name: 'checkpoint',
  samples: [
    AT_COMMAND_START,
    { place: 'bad value', byteCount: 17 },
    { place: 'bad line' },
    AT_RESP_START,
    respCheckpoint({ version: 3, name: 'me', transaction: 'open', replies: 'skip', isReadOnly: true }),
    respCheckpoint({ subscriptions: subscribedTo(['a', 'bc'], ['d*']), toldTo: 17 }),
    { place: 'told', toldTo: 18 },
  ],
  read(bytes) {
    const reader = new ByteReader(bytes);
    const found: NonNullable<ReturnType<typeof readCheckpoint>>[] = [];
    while (reader.remaining > 0) {
      const at = readCheckpoint(reader);
      if (at !== undefined) found.push(at);
    }
    return found;
  },
  write(checkpoints) {
    const batch = new ByteWriter();
    for (const at of checkpoints) writeCheckpoint(batch, at);
    return batch.take();
  },
};

export const clientFrames = targetOf(CLIENT_FRAMES);
export const serverFrames = targetOf(SERVER_FRAMES);
export const peerMessages = targetOf(PEER_MESSAGES);
export const checkpoints = targetOf(CHECKPOINTS);

function targetOf<T>({ name, samples, read, write }: Format<T>): Target {
  return {
    name,
    seeds: [write(samples), ...samples.map((sample) => write([sample]))].map((bytes) =>
      Uint8Array.from(bytes),
    ),
    words: [],
    maxBytes: MAX_BYTES,
    run(input) {
      const refusals = [
        FrameError,
        WireError,
        CheckpointError,
        ConfigurationFormatError,
        TruncatedBytesError,
      ] as const;
      const values = unlessRefused(() => read(Uint8Array.from(input)), ...refusals);
      if (values === undefined) return;
      const again = read(write(values));
      promise(textOf(again) === textOf(values), () => `${textOf(values)} was read again as ${textOf(again)}`);
    },
  };
}
