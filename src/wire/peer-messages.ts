/**
 * How the messages between two servers travel: all that one turn of the event loop has for a peer becomes one
 * buffer, which is transferred. Payloads come out as views of that buffer.
 *
 * A message is its type (u8), sender and receiver (u32 each), term (f64), and the fields of its type in the order in
 * which they are declared.
 */

import { ByteReader } from '../bytes/byte-reader.js';
import { ByteWriter } from '../bytes/byte-writer.js';
import { decodeConfiguration, encodeConfiguration } from '../raft/configuration-format.js';
import type {
  AppendEntriesResponse,
  Echo,
  Entry,
  LogPosition,
  Message,
  SnapshotMeta,
} from '../raft/types.js';

/** A type's number on the wire is its place in this list. */
const MESSAGE_TYPES = [
  'PreVote',
  'PreVoteResponse',
  'RequestVote',
  'RequestVoteResponse',
  'AppendEntries',
  'AppendEntriesResponse',
  'InstallSnapshot',
  'InstallSnapshotResponse',
  'TimeoutNow',
  'ReadIndex',
  'ReadIndexResponse',
] as const satisfies readonly Message['type'][];

const OUTCOMES = { accepted: 1, rejected: 2, stale: 3 } as const;

/** A buffer on a link was malformed: a bug, since both ends are ours. */
export class WireError extends Error {
  readonly code = 'BAD_WIRE_FORMAT';

  constructor(what: string) {
    super(`malformed message between servers: ${what}`);
    this.name = 'WireError';
  }
}

/** Encodes the messages into one buffer that can be transferred. */
export function encodeMessages(messages: readonly Message[]): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter(messages.reduce((sum, message) => sum + sizeHint(message), 0));
  for (const message of messages) writeMessage(out, message);
  return out.take();
}

/** The messages of a buffer, in order. Throws {@link WireError} or TruncatedBytesError. */
export function decodeMessages(bytes: Uint8Array): Message[] {
  const reader = new ByteReader(bytes);
  const messages: Message[] = [];
  while (reader.remaining > 0) messages.push(readMessage(reader));
  return messages;
}

const FIXED_FIELDS_BYTES = 96;
const ENTRY_HEADER_BYTES = 20;

/** Added to the length of an entry's content when that is a configuration. */
const CONFIGURATION = 2 ** 31;

const NO_PAYLOAD = new Uint8Array(0);

function sizeHint(message: Message): number {
  switch (message.type) {
    case 'AppendEntries':
      return message.entries.reduce(
        (sum, entry) => sum + ENTRY_HEADER_BYTES + entry.payload.byteLength,
        FIXED_FIELDS_BYTES,
      );
    case 'InstallSnapshot':
      return FIXED_FIELDS_BYTES + message.data.byteLength;
    default:
      return FIXED_FIELDS_BYTES;
  }
}

function writeMessage(out: ByteWriter, message: Message): void {
  out.u8(MESSAGE_TYPES.indexOf(message.type));
  out.u32(message.from);
  out.u32(message.to);
  out.f64(message.term);
  switch (message.type) {
    case 'PreVote':
      writePosition(out, { index: message.lastLogIndex, term: message.lastLogTerm });
      return;
    case 'RequestVote':
      writePosition(out, { index: message.lastLogIndex, term: message.lastLogTerm });
      writeBoolean(out, message.leaseIsOver);
      return;
    case 'PreVoteResponse':
    case 'RequestVoteResponse':
      writeBoolean(out, message.voteGranted);
      return;
    case 'AppendEntries':
      writePosition(out, { index: message.prevLogIndex, term: message.prevLogTerm });
      out.u32(message.entries.length);
      for (const entry of message.entries) writeEntry(out, entry);
      out.f64(message.leaderCommit);
      writeEcho(out, message.echo);
      return;
    case 'AppendEntriesResponse':
      writeEcho(out, message.echo);
      writeResult(out, message.result);
      return;
    case 'InstallSnapshot':
      writeSnapshotMeta(out, message.snapshot);
      out.f64(message.offset);
      out.u32(message.data.byteLength);
      out.bytes(message.data);
      writeEcho(out, message.echo);
      return;
    case 'InstallSnapshotResponse':
      writePosition(out, message.snapshot);
      out.f64(message.receivedBytes);
      writeBoolean(out, message.isInstalled);
      writeEcho(out, message.echo);
      return;
    case 'TimeoutNow':
      return;
    case 'ReadIndex':
      out.f64(message.request);
      return;
    case 'ReadIndexResponse':
      out.f64(message.request);
      out.f64(message.index);
      return;
  }
}

function readMessage(reader: ByteReader): Message {
  const typeNumber = reader.u8();
  const type = MESSAGE_TYPES[typeNumber];
  // Written out in each message: V8 spreads an object in its runtime, not in compiled code.
  const from = reader.u32();
  const to = reader.u32();
  const term = reader.f64();
  switch (type) {
    case 'PreVote': {
      const { index: lastLogIndex, term: lastLogTerm } = readPosition(reader);
      return { type, from, to, term, lastLogIndex, lastLogTerm };
    }
    case 'RequestVote': {
      const { index: lastLogIndex, term: lastLogTerm } = readPosition(reader);
      return {
        type,
        from,
        to,
        term,
        lastLogIndex,
        lastLogTerm,
        leaseIsOver: readBoolean(reader),
      };
    }
    case 'PreVoteResponse':
    case 'RequestVoteResponse':
      return { type, from, to, term, voteGranted: readBoolean(reader) };
    case 'AppendEntries': {
      const { index: prevLogIndex, term: prevLogTerm } = readPosition(reader);
      const entries: Entry[] = [];
      for (let count = reader.u32(); count > 0; count -= 1) entries.push(readEntry(reader));
      const leaderCommit = reader.f64();
      return {
        type,
        from,
        to,
        term,
        prevLogIndex,
        prevLogTerm,
        entries,
        leaderCommit,
        echo: readEcho(reader),
      };
    }
    case 'AppendEntriesResponse': {
      const echo = readEcho(reader);
      return { type, from, to, term, echo, result: readResult(reader) };
    }
    case 'InstallSnapshot': {
      const snapshot = readSnapshotMeta(reader);
      const offset = reader.f64();
      const data = reader.bytes(reader.u32());
      return { type, from, to, term, snapshot, offset, data, echo: readEcho(reader) };
    }
    case 'InstallSnapshotResponse': {
      const snapshot = readPosition(reader);
      const receivedBytes = reader.f64();
      const isInstalled = readBoolean(reader);
      return { type, from, to, term, snapshot, receivedBytes, isInstalled, echo: readEcho(reader) };
    }
    case 'TimeoutNow':
      return { type, from, to, term };
    case 'ReadIndex':
      return { type, from, to, term, request: reader.f64() };
    case 'ReadIndexResponse':
      return { type, from, to, term, request: reader.f64(), index: reader.f64() };
    default:
      throw new WireError(`there is no message type ${typeNumber}`);
  }
}

function writeResult(out: ByteWriter, result: AppendEntriesResponse['result']): void {
  out.u8(OUTCOMES[result.outcome]);
  switch (result.outcome) {
    case 'accepted':
      out.f64(result.matchIndex);
      return;
    case 'rejected':
      out.f64(result.rejectedIndex);
      writePosition(out, result.hint);
      return;
    case 'stale':
      return;
  }
}

function readResult(reader: ByteReader): AppendEntriesResponse['result'] {
  const outcome = reader.u8();
  switch (outcome) {
    case OUTCOMES.accepted:
      return { outcome: 'accepted', matchIndex: reader.f64() };
    case OUTCOMES.rejected:
      return { outcome: 'rejected', rejectedIndex: reader.f64(), hint: readPosition(reader) };
    case OUTCOMES.stale:
      return { outcome: 'stale' };
    default:
      throw new WireError(`there is no outcome ${outcome}`);
  }
}

function writeEntry(out: ByteWriter, entry: Entry): void {
  writePosition(out, entry);
  if (entry.configuration === undefined) {
    out.u32(entry.payload.byteLength);
    out.bytes(entry.payload);
    return;
  }
  const configuration = encodeConfiguration(entry.configuration);
  out.u32(CONFIGURATION + configuration.byteLength);
  out.bytes(configuration);
}

function readEntry(reader: ByteReader): Entry {
  const { index, term } = readPosition(reader);
  const length = reader.u32();
  if (length < CONFIGURATION) return { index, term, payload: reader.bytes(length) };
  const configuration = decodeConfiguration(reader.bytes(length - CONFIGURATION));
  return { index, term, payload: NO_PAYLOAD, configuration };
}

function writeSnapshotMeta(out: ByteWriter, snapshot: SnapshotMeta): void {
  writePosition(out, snapshot);
  out.f64(snapshot.byteLength);
  const { configuration } = snapshot;
  const bytes = configuration === undefined ? NO_PAYLOAD : encodeConfiguration(configuration);
  out.u32(bytes.byteLength);
  out.bytes(bytes);
}

function readSnapshotMeta(reader: ByteReader): SnapshotMeta {
  const { index, term } = readPosition(reader);
  const byteLength = reader.f64();
  const length = reader.u32();
  if (length === 0) return { index, term, byteLength };
  return { index, term, byteLength, configuration: decodeConfiguration(reader.bytes(length)) };
}

function writePosition(out: ByteWriter, position: LogPosition): void {
  out.f64(position.index);
  out.f64(position.term);
}

function readPosition(reader: ByteReader): LogPosition {
  return { index: reader.f64(), term: reader.f64() };
}

function writeEcho(out: ByteWriter, echo: Echo): void {
  out.f64(echo.round);
  out.f64(echo.sentAtMs);
}

function readEcho(reader: ByteReader): Echo {
  return { round: reader.f64(), sentAtMs: reader.f64() };
}

function writeBoolean(out: ByteWriter, value: boolean): void {
  out.u8(value ? 1 : 0);
}

function readBoolean(reader: ByteReader): boolean {
  return reader.u8() === 1;
}
