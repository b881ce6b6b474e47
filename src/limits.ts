/**
 * Everything that could grow has a limit. Here are all but those of time (time-limits.ts), Redis commands (redis-limits.ts),
 * clients without the password (access-limits.ts), how many connections there are (connection-limits.ts), sessions
 * (session-limits.ts), watches (watch-limits.ts), lookups (lookup-limits.ts), results for the router (dedupe-limits.ts), the HTTP
 * API (admin/admin-limits.ts) and the package's client (client/client-limits.ts). Each docstring says what happens at the limit.
 * What they add up to in memory is in docs/architecture.md, "Bounds".
 *
 * The largest value is an option. What has to be larger than it is derived from it: see {@link setMaxValueBytes}.
 */

import { assertRelations, type LimitRelation } from './limit-relations.js';
import { MAX_SUBSCRIPTION_BYTES } from './subscription-limits.js';
import {
  DISK_CLOSE_TIMEOUT_MS,
  END_TIMEOUT_MS,
  MAX_SIGNAL_END_MS,
  MAX_STOP_ANSWERING_MS,
  STALLED_END_TIMEOUT_MS,
  STOP_TIMEOUT_MS,
} from './time-limits.js';

const MIB = 1024 * 1024;

/** Key length in bytes in the text protocol; a longer key is `ERR_CMD_ERR`. By Redis's a key may be as long as its command. */
export const MAX_KEY_BYTES = 250;

/** The largest value by default, and the highest that the option allows. */
export const DEFAULT_MAX_VALUE_BYTES = MIB;
export const LARGEST_MAX_VALUE_BYTES = 16 * MIB;

/** Value length in bytes; a longer value is read, thrown away and answered by an error. Derived limits follow it. */
export let MAX_VALUE_BYTES = DEFAULT_MAX_VALUE_BYTES;

/** Command line length in bytes, line break not counted; a longer line is skipped: `ERR_CMD_ERR`. */
export const MAX_LINE_BYTES = 512;

/** Bytes of an inline Redis command, its line break not counted; a longer one is a protocol error. */
export const MAX_INLINE_BYTES = 64 * 1024;

/** Bytes of one Redis command; a longer one is refused, and dropped as it comes. One with more arguments is a protocol error. */
export let MAX_REDIS_COMMAND_BYTES = MAX_VALUE_BYTES + 2 * MIB;
export const MAX_REDIS_ARGS = 1024 * 1024;

/**
 * Bytes of the commands in one transaction, each argument counted with what it takes besides in memory and in the log; a
 * transaction that grows beyond is refused.
 */
export let MAX_TRANSACTION_BYTES = MAX_VALUE_BYTES + 2 * MIB;
export const ARG_OVERHEAD_BYTES = 16;

/** Bytes of the keys that one connection watches, each with what it takes besides; WATCH of more is refused. */
export const MAX_WATCHED_BYTES = 1024 * 1024;
export const WATCHED_KEY_OVERHEAD_BYTES = 64;

/** Units of work (see state-machine/work.ts) on long replies in a turn: about 2 ms. The rest is written in later turns. */
export const MAX_REPLY_WORK_PER_TURN = 2_000_000;

/** Length of the name that a client gives its connection, and of its library's name and version; longer ones are refused. */
export const MAX_CLIENT_NAME_BYTES = 250;

/** Bytes of a checkpoint (protocol/checkpoint.ts): its names, its subscriptions, and a few bytes for each of the other parts. */
export const MAX_CHECKPOINT_BYTES = 1024 + MAX_SUBSCRIPTION_BYTES;

/** Expired keys that one entry removes: about 3 ms. Later entries remove the others, which nobody sees meanwhile. */
export const MAX_EXPIRED_PER_ENTRY = 2_000;

/**
 * Bytes one client connection may have sent that are not yet answered. At the limit its socket is paused until no more
 * than half of them is left.
 */
export let MAX_UNANSWERED_BYTES = 2 * MAX_REDIS_COMMAND_BYTES + 2 * MIB;

/**
 * Unanswered bytes of all connections together. At the limit, a connection that sends more is paused, except one at a time, and
 * except connections with less unanswered than the next limit. Once at most half of the bytes are left, MAX_RESUMED_AT_ONCE
 * paused connections go on, and as many again after each RESUME_PAUSE_MS.
 */
export const MAX_TOTAL_UNANSWERED_BYTES = 64 * MIB;
export const MAX_MODEST_UNANSWERED_BYTES = 16 * 1024;
export const MAX_RESUMED_AT_ONCE = 128;
export const RESUME_PAUSE_MS = 5;

/** Bytes that are read from a socket at once: if its last read was as long, and otherwise. */
export const MAX_READ_BYTES = 64 * 1024;
export const SHORT_READ_BYTES = 16 * 1024;

/** Reply bytes one client may leave unread. The server takes no further command of it until it reads. */
export let MAX_UNREAD_REPLY_BYTES = MAX_VALUE_BYTES + MIB;

/**
 * Unread reply bytes of all clients of a server together. At the limit, the server takes commands only from clients that leave
 * no more unread than the next limit.
 */
export const MAX_TOTAL_UNREAD_REPLY_BYTES = 64 * MIB;
export const MAX_MODEST_UNREAD_REPLY_BYTES = 192 * 1024;

/**
 * Unread reply bytes of one client at which its connection is closed. The limits above only keep the server from taking more of
 * its commands: those that it took before, and that waited for writes, are still answered.
 */
export const MAX_REPLY_BACKLOG_BYTES = 64 * 1024 * 1024;

/**
 * Bytes of the reply to one Redis command. A command that only reads is refused if its reply is larger; in a transaction, the
 * replies beyond the limit are left out.
 */
export const MAX_REDIS_REPLY_BYTES = 32 * 1024 * 1024;

/** Bytes in one batch between gateway and server; a longer batch is split. */
export const MAX_TRAFFIC_BATCH_BYTES = 256 * 1024;

/**
 * A batch to a server of this many bytes is worth a message. A smaller one waits for more, but for no more than this many
 * turns of the event loop, microseconds each.
 */
export const SMALL_TRAFFIC_BATCH_BYTES = 4 * 1024;
export const MAX_TRAFFIC_BATCH_TURNS = 4;

/**
 * Reply bytes that a client's socket took are reported to the server in portions of this many: little traffic costs no
 * reports.
 */
export const DRAINED_REPORT_BYTES = 64 * 1024;

/** With this many unwritten bytes a client's socket is backed up, and reports once they are written. */
export const MAX_UNWRITTEN_BYTES = 64 * 1024;

/** Time in a turn of the main thread for replays after a leader was lost; and commands between two looks at the clock. */
export const MAX_SLICES_MS_PER_TURN = 4;
export const MAX_PLANNED_COMMANDS = 256;

/** How often a read whose leader was lost is sent to the next leader; then it is answered as if there were no leader. */
export const MAX_REPLAYS = 3;

/** Commands of one client that are given up at once for want of a leader, about a millisecond's worth. */
export const MAX_GIVEN_UP_COMMANDS_PER_TURN = 1024;

/** What a routed connection holds of its stream is in pieces of at most this many bytes. */
export const HELD_CHUNK_BYTES = 32 * 1024;

/** Bytes of memory that a routed connection keeps once nothing of its stream is unanswered. */
export const MAX_IDLE_HELD_BYTES = 4 * 1024;

/** Batches between gateway and server that the receiver has not taken; then the sender waits. */
export const TRAFFIC_CAPACITY = 64;

/** Bytes of the entries in one AppendEntries; what does not fit goes into the next. A larger entry goes alone. */
export const MAX_APPEND_BYTES = 1024 * 1024;

/**
 * Bytes that make one write of a server's disk long enough. What has come in beyond waits for the next, so that the first of it
 * is acknowledged before all of it is written.
 */
export const MAX_DISK_WRITE_BYTES = 2 * MIB;

/** AppendEntries, and bytes of their entries, sent to a follower that it has not answered; then the leader waits. */
export const MAX_INFLIGHT_APPENDS = 64;
export let MAX_INFLIGHT_APPEND_BYTES = 2 * (MAX_VALUE_BYTES + 7 * MIB);

/**
 * Bytes of memory for the newest entries of a log; older entries are read from the disk for a follower that lacks them. The
 * limit is low, so that at a few thousand commands a second entries are dropped before the nursery has been collected twice:
 * what survives that is garbage until the whole heap is collected, after 64 MiB of it.
 */
export const MAX_LOG_CACHE_BYTES = 64 * 1024;

/** Bytes of a snapshot in one InstallSnapshot, and how many of these a follower may leave unanswered. */
export const SNAPSHOT_CHUNK_BYTES = 256 * 1024;
export const MAX_INFLIGHT_SNAPSHOT_CHUNKS = 4;

/** Batches on a link between two servers; then messages are dropped, as a network does, and Raft retries. */
export const LINK_CAPACITY = 256;

/** Bytes of commands in one log entry. What comes in beyond it goes into the next. */
export const MAX_ENTRY_BYTES = 1024 * 1024;

/** Bytes of an entry that was nearly full when the longest command came in. */
function maxLongestEntryBytes(): number {
  return MAX_ENTRY_BYTES + Math.max(MAX_REDIS_COMMAND_BYTES, MAX_TRANSACTION_BYTES + MAX_WATCHED_BYTES);
}

/** Arguments of one command, or of one transaction, that are put into an entry in a turn: about a millisecond. */
export const MAX_ENCODED_ARGS = 16 * 1024;

/** An entry of this many bytes is worth its cost: it is not delayed for more to come. */
export const MAX_DELAYED_ENTRY_BYTES = 8 * 1024;

/**
 * Units of work (see state-machine/work.ts) on committed entries in a turn, about 5 ms of a thread, and ms if those take longer.
 * What is left of an entry is applied in the next turn, and whatever else is due comes between.
 */
export const APPLY_WORK_PER_TURN = 5_000_000;
export const MAX_APPLY_MS_PER_TURN = 8;

/** Bytes of entries proposed and not yet applied; then the server takes no more commands. */
export let MAX_INFLIGHT_PROPOSAL_BYTES = MAX_VALUE_BYTES + 7 * MIB;

/** Bytes of a leader's entries that are not both committed and on its own disk; then no more are proposed, and commands wait. */
export let MAX_UNCOMMITTED_BYTES = 2 * MAX_INFLIGHT_PROPOSAL_BYTES;

/** Commands that a server has taken and not answered; then it takes no more. */
export const MAX_PENDING_COMMANDS = 64 * 1024;

/** Pending commands of one client, and bytes of its stream: what else it has sent waits, and other clients do not. */
export const MAX_PENDING_COMMANDS_PER_CLIENT = 4 * 1024;
export const MAX_PENDING_BYTES_PER_CLIENT = 1024 * 1024;

/**
 * Units of work (see state-machine/work.ts) that one client's writes in flight are taken to be: about 20 ms, for which others
 * wait. A write that is more goes alone.
 */
export const MAX_PENDING_WORK_PER_CLIENT = 20_000_000;

/**
 * Units of work that all clients' commands in flight are taken to be: what is more waits for its turn, or goes alone. A command
 * of at most the second number goes before larger ones.
 */
export const MAX_PENDING_WORK = 40_000_000;
export const LITTLE_WORK = 500_000;

/** The quantum: this much of one client's stream is taken in a turn; then it is the next one's turn. */
export const MAX_TAKEN_COMMANDS_PER_TURN = 256;
export const MAX_TAKEN_BYTES_PER_TURN = 64 * 1024;

/**
 * Time for what clients read or ask of the server, of those that just have sent something, and again of those that queue;
 * then the others queue, too. One command takes no longer than twice that.
 */
export const MAX_READ_MS_PER_TURN = 4;

/** For how long a turn serves clients as their bytes come in; then they queue. One batch of the costliest takes as long again. */
export const MAX_HEARING_MS_PER_TURN = 6;

/** How many of the streams with more than a quantum get another one in a turn: about a millisecond. The others queue. */
export const MAX_QUEUED_QUANTA_PER_TURN = 4;

/** Plain GETs of one stream that are looked up at once. */
export const MAX_GETS_AT_ONCE = 64;

/** Bytes of a snapshot that are made at once: about a millisecond, for which all else in the thread has to wait. */
export const SNAPSHOT_SLICE_BYTES = 256 * 1024;

/** Slices of a backup that wait to be taken. */
export const BACKUP_CAPACITY = 16;

/** What a server and the main thread tell each other that was not taken yet; more waits at the sender. */
export const EVENTS_CAPACITY = 64;

/** Entries at the end of a server's log that a watcher sees, and how many messages of a kind stand for all of them. */
export const MAX_OBSERVED_ENTRIES = 96;
export const MAX_OBSERVED_MESSAGES_PER_KIND = 3;

/**
 * Sets the largest value for this thread, and what is derived from it, before anything else of the program runs there. Throws
 * RangeError beyond {@link LARGEST_MAX_VALUE_BYTES}.
 */
export function setMaxValueBytes(bytes: number): void {
  if (!(bytes >= 1 && bytes <= LARGEST_MAX_VALUE_BYTES)) throw new RangeError(`values of ${bytes} bytes`);
  const value = Math.max(bytes, DEFAULT_MAX_VALUE_BYTES);
  const limits = streamLimits(bytes);
  MAX_VALUE_BYTES = bytes;
  MAX_REDIS_COMMAND_BYTES = limits.maxCommandBytes;
  MAX_TRANSACTION_BYTES = limits.maxTransactionBytes;
  MAX_UNANSWERED_BYTES = limits.maxUnansweredBytes;
  MAX_UNREAD_REPLY_BYTES = limits.maxUnreadReplyBytes;
  MAX_INFLIGHT_PROPOSAL_BYTES = value + 7 * MIB;
  MAX_INFLIGHT_APPEND_BYTES = 2 * MAX_INFLIGHT_PROPOSAL_BYTES;
  MAX_UNCOMMITTED_BYTES = 2 * MAX_INFLIGHT_PROPOSAL_BYTES;
  assertRelations('limits.ts', relations());
}

/** The limits of a client's stream that depend on the largest value, in bytes. */
export interface StreamLimits {
  readonly maxValueBytes: number;
  readonly maxCommandBytes: number;
  readonly maxTransactionBytes: number;
  readonly maxUnansweredBytes: number;
  readonly maxUnreadReplyBytes: number;
}

/**
 * Those for values up to this length. A thread of one server has the limits above; clusters in one process share the thread of
 * their gateways, and each gateway has limits of its own.
 */
export function streamLimits(maxValueBytes = MAX_VALUE_BYTES): StreamLimits {
  const value = Math.max(maxValueBytes, DEFAULT_MAX_VALUE_BYTES);
  return {
    maxValueBytes,
    maxCommandBytes: value + 2 * MIB,
    maxTransactionBytes: value + 2 * MIB,
    maxUnansweredBytes: 2 * (value + 2 * MIB) + 2 * MIB,
    maxUnreadReplyBytes: value + MIB,
  };
}

const relations = (): readonly LimitRelation[] => [
  [2 * MAX_KEY_BYTES <= MAX_LINE_BYTES, 'a line has room for a key and all that stands beside it'],
  [
    MAX_KEY_BYTES + MAX_VALUE_BYTES < MAX_REDIS_COMMAND_BYTES,
    'the largest value can be set under the longest key',
  ],
  [
    MAX_LINE_BYTES + MAX_VALUE_BYTES < MAX_UNANSWERED_BYTES / 2 &&
      MAX_REDIS_COMMAND_BYTES < MAX_UNANSWERED_BYTES / 2,
    'a socket that is paused goes on although an incomplete command is left, which nobody can answer',
  ],
  [3 * MAX_CLIENT_NAME_BYTES + 64 + MAX_SUBSCRIPTION_BYTES <= MAX_CHECKPOINT_BYTES, 'checkpoints have room'],
  [2 * MAX_CHECKPOINT_BYTES < MAX_TRAFFIC_BATCH_BYTES, 'a batch has room for a checkpoint and for data'],
  [MAX_UNANSWERED_BYTES <= MAX_TOTAL_UNANSWERED_BYTES, 'the limit of all connections lets one go to its own'],
  [
    MAX_RESUMED_AT_ONCE * MAX_READ_BYTES <= MAX_TOTAL_UNANSWERED_BYTES / 2,
    'what those send that go on has room',
  ],
  [
    MAX_MODEST_UNANSWERED_BYTES < MAX_UNANSWERED_BYTES,
    'those who are not made to wait are far from the limit',
  ],
  [
    MAX_VALUE_BYTES < MAX_REDIS_REPLY_BYTES && MAX_VALUE_BYTES < MAX_UNREAD_REPLY_BYTES,
    'the largest value can be read',
  ],
  [
    MAX_UNREAD_REPLY_BYTES + MAX_REDIS_REPLY_BYTES <= MAX_REPLY_BACKLOG_BYTES,
    'a client that has one command at a time in flight is never closed',
  ],
  [
    MAX_TAKEN_COMMANDS_PER_TURN <= MAX_PENDING_COMMANDS_PER_CLIENT &&
      MAX_TAKEN_BYTES_PER_TURN <= MAX_PENDING_BYTES_PER_CLIENT,
    'a client with nothing pending can take its whole quantum',
  ],
  [
    MAX_PENDING_COMMANDS_PER_CLIENT < MAX_PENDING_COMMANDS &&
      MAX_PENDING_BYTES_PER_CLIENT < MAX_INFLIGHT_PROPOSAL_BYTES,
    'a client with all that it may have pending leaves room for others',
  ],
  [
    LITTLE_WORK < MAX_PENDING_WORK_PER_CLIENT && MAX_PENDING_WORK_PER_CLIENT <= MAX_PENDING_WORK,
    'work that one client may have in flight fits what all may',
  ],
  [
    MAX_PENDING_BYTES_PER_CLIENT < MAX_UNANSWERED_BYTES,
    'more of a stream has come in when some of it is answered',
  ],
  [
    DRAINED_REPORT_BYTES + MAX_UNWRITTEN_BYTES < MAX_MODEST_UNREAD_REPLY_BYTES &&
      MAX_MODEST_UNREAD_REPLY_BYTES < MAX_UNREAD_REPLY_BYTES,
    'a server that waits for a client to read is told, although the last bytes are not reported',
  ],
  [
    MAX_MODEST_UNANSWERED_BYTES <= SHORT_READ_BYTES,
    'whoever sends a lot is paused after one read at the limit',
  ],
  [SMALL_TRAFFIC_BATCH_BYTES < MAX_TRAFFIC_BATCH_BYTES, 'a full batch does not wait for more'],
  [MAX_DELAYED_ENTRY_BYTES < MAX_ENTRY_BYTES, 'a full entry is not delayed'],
  [
    maxLongestEntryBytes() <= MAX_INFLIGHT_PROPOSAL_BYTES &&
      maxLongestEntryBytes() <= MAX_INFLIGHT_APPEND_BYTES,
    'the longest entry may be in flight',
  ],
  [MAX_ENTRY_BYTES <= MAX_APPEND_BYTES, 'a full entry fits a message'],
  [
    MAX_INFLIGHT_PROPOSAL_BYTES <= MAX_INFLIGHT_APPEND_BYTES,
    'a leader that takes commands has room to send them to a follower that keeps up',
  ],
  [
    MAX_INFLIGHT_APPENDS + MAX_INFLIGHT_SNAPSHOT_CHUNKS < LINK_CAPACITY,
    'what Raft sends ahead leaves room on the link for heartbeats and votes',
  ],
  [SNAPSHOT_CHUNK_BYTES <= MAX_APPEND_BYTES, 'a snapshot does not hold up a link for longer than entries do'],
  [MAX_STOP_ANSWERING_MS < STOP_TIMEOUT_MS, 'a server that stops has time to answer before it is terminated'],
  [
    DISK_CLOSE_TIMEOUT_MS + STALLED_END_TIMEOUT_MS < MAX_SIGNAL_END_MS,
    'a program whose disk hangs ends within a second of a signal',
  ],
  [STALLED_END_TIMEOUT_MS <= END_TIMEOUT_MS, 'no more is waited for a disk that is known to be stalled'],
];

assertRelations('limits.ts', relations());
