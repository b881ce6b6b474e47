/**
 * The sessions in an image of the store: written in slices while they change, and read again.
 *
 * Layout: items (image-items.ts), which are after their kind, for
 *
 * - the state of all: term, first stamp of the term, sessions opened so far, next sweep (f64 each);
 * - a session: id (u8 length, bytes), ttl and last use (f64, ms), done (f64), and the numbers of commands without a result
 *   (u32 count, f64 each);
 * - a result of the session before: its number (f64) and its bytes.
 *
 * Sessions come in the order of their last use.
 */

import type { ByteReader } from '../../bytes/byte-reader.js';
import type { ByteWriter } from '../../bytes/byte-writer.js';
import { END, ImageItemError, ItemReader, writeItem } from '../image-items.js';
import { ClientSession } from './client-session.js';

/** What is known of all sessions together. */
export interface SessionsState {
  /** The newest term, and its first stamp; -1 before that. */
  readonly term: number;
  readonly termStartMs: number;
  /** How many were opened so far. */
  readonly opened: number;
  /** From which stamp on expired ones are removed. */
  readonly sweepAtMs: number;
}

const Kind = { state: 1, session: 2, result: 3 } as const;

/** Sessions written in a slice, which may be small. */
const MAX_SESSIONS_PER_SLICE = 1024;

/** The sessions of one moment. They must not change from then on: whoever changes one changes a copy. */
export class SessionsImage {
  readonly #state: SessionsState;
  readonly #sessions: readonly ClientSession[];
  #next = 0;
  /** Results of the session that was begun. */
  #results: Iterator<readonly [number, string]> | undefined;
  #isBegun = false;

  constructor(state: SessionsState, sessions: readonly ClientSession[]) {
    this.#state = state;
    this.#sessions = sessions;
  }

  /** Appends about `byteCount` more bytes, or fewer at the end. Returns whether all is written. */
  write(out: ByteWriter, byteCount: number): boolean {
    const { length } = out;
    if (!this.#isBegun) this.#writeState(out);
    for (let sessions = 0; sessions < MAX_SESSIONS_PER_SLICE; ) {
      if (out.length - length >= byteCount) return false;
      const result = this.#results?.next();
      if (result !== undefined && result.done !== true) {
        writeResult(out, result.value);
        continue;
      }
      const session = this.#sessions[this.#next];
      if (session === undefined) {
        out.u32(END);
        return true;
      }
      writeSession(out, session);
      this.#results = session.kept.entries();
      this.#next += 1;
      sessions += 1;
    }
    return false;
  }

  #writeState(out: ByteWriter): void {
    this.#isBegun = true;
    const { term, termStartMs, opened, sweepAtMs } = this.#state;
    writeItem(out, () => {
      out.u8(Kind.state);
      for (const number of [term, termStartMs, opened, sweepAtMs]) out.f64(number);
    });
  }
}

/** Receives what {@link readItems} finds. */
export interface SessionsVisitor {
  restore(state: SessionsState): void;
  /** A session with all its results. */
  add(session: ClientSession): void;
}

/** Reads the items from pieces of any size. */
export class SessionsReader {
  readonly #visitor: SessionsVisitor;
  readonly #items = new ItemReader((reader, kind) => this.#readItem(reader, kind));
  #session: ClientSession | undefined;

  constructor(visitor: SessionsVisitor) {
    this.#visitor = visitor;
  }

  get isAtEnd(): boolean {
    return this.#items.isAtEnd;
  }

  /** Reads the whole items from this offset on. Returns where it has stopped. Throws ImageItemError or TruncatedBytesError. */
  read(bytes: Buffer, from: number): number {
    const end = this.#items.read(bytes, from);
    if (this.isAtEnd) this.#pass();
    return end;
  }

  /** The session that was read has no more results. */
  #pass(): void {
    if (this.#session !== undefined) this.#visitor.add(this.#session);
    this.#session = undefined;
  }

  #readItem(reader: ByteReader, kind: number): void {
    switch (kind) {
      case Kind.state:
        this.#visitor.restore({
          term: reader.f64(),
          termStartMs: reader.f64(),
          opened: reader.f64(),
          sweepAtMs: reader.f64(),
        });
        return;
      case Kind.session:
        this.#pass();
        this.#session = readSession(reader);
        return;
      case Kind.result:
        this.#session?.keep(reader.f64(), reader.latin1(reader.remaining));
        return;
      default:
        throw new ImageItemError('sessions', kind);
    }
  }
}

function writeSession(out: ByteWriter, session: ClientSession): void {
  const { id, ttlMs, lastUsedMs, done, notKept } = session;
  writeItem(out, () => {
    out.u8(Kind.session);
    out.u8(id.length);
    out.latin1(id);
    for (const number of [ttlMs, lastUsedMs, done]) out.f64(number);
    out.u32(notKept.length);
    for (const seq of notKept) out.f64(seq);
  });
}

function writeResult(out: ByteWriter, [seq, kept]: readonly [number, string]): void {
  writeItem(out, () => {
    out.u8(Kind.result);
    out.f64(seq);
    out.latin1(kept);
  });
}

function readSession(reader: ByteReader): ClientSession {
  const id = reader.latin1(reader.u8());
  const facts = { id, ttlMs: reader.f64(), lastUsedMs: reader.f64(), done: reader.f64() };
  const session = new ClientSession(facts, 0);
  for (let count = reader.u32(); count > 0; count -= 1) session.keepNot(reader.f64());
  return session;
}
