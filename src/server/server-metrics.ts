/**
 * What a server counts while it works: plain numbers, changed in place, that cost the event loop next to nothing and
 * are read when somebody asks. They begin at 0 with each start of the thread, as Prometheus expects of a process.
 */

import type { RespReply } from '../protocol/reply.js';
import type { Request } from '../protocol/request.js';
import { NOT_AUTHENTICATED } from '../protocol/resp/access.js';
import { ErrorReply } from '../protocol/resp/value.js';
import {
  COMMAND_RESULTS,
  COMMAND_TYPES,
  type CommandResultName,
  FIRST_READ,
  type MetricsReading,
  type SnapshotCounts,
} from '../wire/measurements.js';
import { DurationHistogram } from './histogram.js';
import { isRedirection } from './redis/redirection.js';

const GET_ROW = FIRST_READ;

const RESULT_OF_REPLY: Readonly<Record<Exclude<RespReply['type'], 'resp'>, CommandResultName>> = {
  ok: 'ok',
  'ok-at': 'ok',
  added: 'ok',
  deleted: 'ok',
  value: 'ok',
  'value-with-meta': 'ok',
  'not-found': 'not_found',
  'version-mismatch': 'version_mismatch',
  exists: 'exists',
  watching: 'ok',
  pushes: 'ok',
  unwatched: 'ok',
  compacted: 'compacted',
  'command-error': 'command_error',
  authenticated: 'ok',
  unauthenticated: 'unauthenticated',
  redirect: 'redirect',
  'no-leader': 'no_leader',
  unwritable: 'unwritable',
  'internal-error': 'internal_error',
  'timed-out': 'internal_error',
  'result-too-long': 'internal_error',
  'result-unknown': 'internal_error',
  session: 'ok',
  'session-closed': 'ok',
  'no-session': 'no_session',
  'result-not-kept': 'no_session',
  'result-forgotten': 'command_error',
};

function resultOf(reply: RespReply): CommandResultName {
  // Most replies to writes: a look-up of a name that varies takes 1 % of the leader's time.
  if (reply.type === 'ok') return 'ok';
  if (reply.type !== 'resp') return RESULT_OF_REPLY[reply.type];
  const { value } = reply;
  if (!(value instanceof ErrorReply)) return 'ok';
  if (isRedirection(value)) return 'redirect';
  return value === NOT_AUTHENTICATED ? 'unauthenticated' : 'command_error';
}

export class ServerMetrics {
  proposals = 0;
  proposedBytes = 0;
  leaderChanges = 0;
  diskWrites = 0;
  diskEntries = 0;
  messagesSent = 0;
  messagesReceived = 0;
  sentBytes = 0;
  receivedBytes = 0;
  droppedFull = 0;
  droppedByFault = 0;
  /** Bytes of the batches from the gateway. */
  clientBytes = 0;
  /** Units of work (state-machine/work.ts) on entries, and on commands that go through all keys. */
  appliedUnits = 0;
  walkedUnits = 0;
  readonly appendDuration = new DurationHistogram();
  readonly diskDuration = new DurationHistogram();
  readonly loopLag = new DurationHistogram();
  readonly turnDuration = new DurationHistogram();

  readonly #readDuration = new DurationHistogram();
  readonly #writeDuration = new DurationHistogram();
  readonly #commands = new Float64Array(COMMAND_TYPES.length * COMMAND_RESULTS.length);
  readonly #snapshotsTaken = new SnapshotTally();
  readonly #snapshotsInstalled = new SnapshotTally();
  readonly #reads = new AnsweredRuns(this.#readDuration);
  readonly #writes = new AnsweredRuns(this.#writeDuration);

  /** A command that came in at `takenAtMs` was answered, even if its reply is not sent. */
  answered(command: Request['type'], outcome: RespReply, takenAtMs: number): void {
    this.#count(COMMAND_TYPES.indexOf(command), resultOf(outcome), takenAtMs, 1);
  }

  /** Gets that came in at `takenAtMs` were answered: `found` with a value, and `absent` without. */
  answeredGets(found: number, absent: number, takenAtMs: number): void {
    if (found > 0) this.#count(GET_ROW, 'ok', takenAtMs, found);
    if (absent > 0) this.#count(GET_ROW, 'not_found', takenAtMs, absent);
  }

  /** How many commands were answered, how many by errors, and how many GETs found a key or did not. */
  get commandCounts(): {
    readonly all: number;
    readonly errors: number;
    readonly hits: number;
    readonly misses: number;
  } {
    const columns = COMMAND_RESULTS.length;
    let all = 0;
    let good = 0;
    for (let place = 0; place < this.#commands.length; place += 1) {
      const count = this.#commands[place] ?? 0;
      all += count;
      const result = COMMAND_RESULTS[place % columns];
      if (result === 'ok' || result === 'not_found') good += count;
    }
    const hits = this.#commands[GET_ROW * columns + COMMAND_RESULTS.indexOf('ok')] ?? 0;
    const misses = this.#commands[GET_ROW * columns + COMMAND_RESULTS.indexOf('not_found')] ?? 0;
    return { all, errors: all - good, hits, misses };
  }

  #count(row: number, result: CommandResultName, takenAtMs: number, count: number): void {
    const place = row * COMMAND_RESULTS.length + COMMAND_RESULTS.indexOf(result);
    this.#commands[place] = (this.#commands[place] ?? 0) + count;
    if (row < FIRST_READ) this.#writes.add(takenAtMs, count);
    else this.#reads.add(takenAtMs, count);
  }

  /** A snapshot was taken of the own state machine, or installed from a leader. */
  snapshot(what: 'taken' | 'installed', byteLength: number, tookMs: number): void {
    const tally = what === 'taken' ? this.#snapshotsTaken : this.#snapshotsInstalled;
    tally.duration.observeMs(tookMs);
    tally.lastBytes = byteLength;
  }

  /** The replies of a turn have left. */
  flushed(nowMs: number): void {
    this.#reads.flush(nowMs);
    this.#writes.flush(nowMs);
  }

  read(): MetricsReading {
    const commands = COMMAND_TYPES.map((_, row) => [
      ...this.#commands.subarray(row * COMMAND_RESULTS.length, (row + 1) * COMMAND_RESULTS.length),
    ]);
    return {
      commands,
      readDuration: this.#readDuration.read(),
      writeDuration: this.#writeDuration.read(),
      appendDuration: this.appendDuration.read(),
      diskDuration: this.diskDuration.read(),
      loopLag: this.loopLag.read(),
      turnDuration: this.turnDuration.read(),
      proposals: this.proposals,
      proposedBytes: this.proposedBytes,
      leaderChanges: this.leaderChanges,
      diskWrites: this.diskWrites,
      diskEntries: this.diskEntries,
      messagesSent: this.messagesSent,
      messagesReceived: this.messagesReceived,
      sentBytes: this.sentBytes,
      receivedBytes: this.receivedBytes,
      droppedFull: this.droppedFull,
      droppedByFault: this.droppedByFault,
      snapshotsTaken: this.#snapshotsTaken.read(),
      snapshotsInstalled: this.#snapshotsInstalled.read(),
    };
  }
}

class SnapshotTally {
  readonly duration = new DurationHistogram();
  lastBytes = 0;

  read(): SnapshotCounts {
    return { duration: this.duration.read(), lastBytes: this.lastBytes };
  }
}

const MAX_RUNS = 64;

/**
 * Commands answered in this turn, as runs of those that came in together: a clock is read once for all of them, and a
 * histogram changed once for each run.
 */
class AnsweredRuns {
  readonly #histogram: DurationHistogram;
  readonly #takenAtMs = new Float64Array(MAX_RUNS);
  readonly #counts = new Float64Array(MAX_RUNS);
  #runs = 0;

  constructor(histogram: DurationHistogram) {
    this.#histogram = histogram;
  }

  add(takenAtMs: number, count: number): void {
    const last = this.#runs - 1;
    // A turn with more runs than there is room for counts the rest with the last one, a little wrong.
    const joins = last >= 0 && (this.#takenAtMs[last] === takenAtMs || this.#runs === MAX_RUNS);
    if (joins) {
      this.#counts[last] = (this.#counts[last] ?? 0) + count;
      return;
    }
    this.#takenAtMs[this.#runs] = takenAtMs;
    this.#counts[this.#runs] = count;
    this.#runs += 1;
  }

  flush(nowMs: number): void {
    for (let run = 0; run < this.#runs; run += 1)
      this.#histogram.observeMs(nowMs - (this.#takenAtMs[run] ?? nowMs), this.#counts[run]);
    this.#runs = 0;
  }
}
