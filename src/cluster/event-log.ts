/**
 * What happens to a cluster, for its operators: each event is one line in the log and is told to the listeners.
 *
 * The names of the fields are the same in every line: `server`, `leader`, `term`, `index`, `byteLength`, durations in
 * `...Ms`, and `err` for what went wrong.
 */

import type { Level, Logger } from 'pino';
import type { LogIndex, ServerId, Term } from '../raft/types.js';
import type { LinkRequest } from './faults.js';
import type { ServerReport } from './server-thread.js';

type SnapshotReport = Extract<ServerReport, { type: 'snapshot' | 'installed' }>;

interface OfServer {
  readonly server: ServerId;
}

interface OfSnapshot extends OfServer {
  readonly index: LogIndex;
  readonly byteLength: number;
  readonly tookMs: number;
}

export type ClusterEvent =
  | ({ readonly type: 'server-up'; readonly term: Term; readonly lastIndex: LogIndex } & OfServer)
  | ({ readonly type: 'elected'; readonly term: Term } & OfServer)
  /** The server led in this term, and is alive, but no longer leads. */
  | ({
      readonly type: 'stepped-down';
      readonly term: Term;
      readonly reason: string | undefined;
    } & OfServer)
  | ({ readonly type: 'serving'; readonly term: Term } & OfServer)
  | ({ readonly type: 'snapshot-taken' } & OfSnapshot)
  | ({ readonly type: 'snapshot-installed' } & OfSnapshot)
  | ({ readonly type: 'killed' } & OfServer)
  | ({ readonly type: 'stopped' } & OfServer)
  | ({ readonly type: 'died'; readonly err: unknown; readonly pauseMs: number } & OfServer)
  | ({ readonly type: 'failed'; readonly err: unknown } & OfServer)
  | ({ readonly type: 'stays-down' } & OfServer)
  /** The server's thread was asked to end, and cannot while its disk does not answer. */
  | ({ readonly type: 'does-not-end' } & OfServer)
  | ({ readonly type: 'disk-stalled'; readonly stalledMs: number } & OfServer)
  | ({ readonly type: 'disk-shortage'; readonly reason: string } & OfServer)
  | ({ readonly type: 'disk-well'; readonly afterMs: number } & OfServer)
  | ({ readonly type: 'snapshot-dropped'; readonly reason: string } & OfServer)
  | ({ readonly type: 'subscribers-closed'; readonly count: number } & OfServer)
  /** The server is not a member, or never became one, and is gone. */
  | ({ readonly type: 'removed' } & OfServer)
  /** Another server has taken its place. */
  | ({ readonly type: 'replaced' } & OfServer)
  /** The server that was to take its place never became a member, and is gone. */
  | ({ readonly type: 'not-replaced' } & OfServer)
  /** It was ended though it led. */
  | ({ readonly type: 'removal-forced'; readonly reason: string } & OfServer)
  | ({ readonly type: 'restarted' } & OfServer)
  | ({ readonly type: 'paused'; readonly durationMs: number } & OfServer)
  | ({ readonly type: 'transfer'; readonly leader: ServerId } & OfServer)
  /** etcd answers it from now on, or does not, for that reason. */
  | ({ readonly type: 'etcd'; readonly trouble: string | null } & OfServer)
  | { readonly type: 'partitioned'; readonly groups: readonly (readonly ServerId[])[] }
  | { readonly type: 'link-disturbed'; readonly link: LinkRequest }
  | { readonly type: 'healed' };

const LINES: Readonly<Record<ClusterEvent['type'], readonly [level: Level, message: string]>> = {
  'server-up': ['info', 'server is up'],
  elected: ['info', 'elected leader'],
  'stepped-down': ['info', 'leader stepped down'],
  serving: ['info', 'leader serves clients'],
  'snapshot-taken': ['debug', 'snapshot taken'],
  'snapshot-installed': ['info', 'snapshot of the leader installed'],
  killed: ['warn', 'server killed; it stays down until it is restarted'],
  stopped: ['info', 'server stopped'],
  died: ['error', 'server died; it will be restarted'],
  failed: ['error', 'server cannot run; it stays down until it is restarted'],
  'does-not-end': ['error', 'server is cut off and has not ended; its disk may not answer'],
  'disk-stalled': ['error', 'disk does not answer'],
  'disk-shortage': ['error', 'disk has a shortage; the write is retried'],
  'disk-well': ['info', 'disk is well again'],
  'snapshot-dropped': ['warn', 'snapshot is given up, and taken later'],
  'subscribers-closed': ['warn', 'subscribers did not read and were disconnected'],
  'stays-down': ['info', 'server stays down until it is restarted'],
  removed: ['info', 'server is removed'],
  replaced: ['info', 'server is replaced'],
  'not-replaced': ['warn', 'server is not replaced; it stays a member'],
  'removal-forced': ['warn', 'server is ended without handing over'],
  restarted: ['info', 'server is restarted'],
  paused: ['warn', 'server is paused'],
  transfer: ['info', 'leadership is handed over'],
  etcd: ['debug', 'etcd has begun to answer, or ceased to'],
  partitioned: ['info', 'network partitioned'],
  'link-disturbed': ['info', 'link disturbed'],
  healed: ['info', 'network healed'],
};

export type EventListener = (event: ClusterEvent) => void;

/** The event of that type. */
export type ClusterEventOf<T extends ClusterEvent['type']> = Extract<ClusterEvent, { readonly type: T }>;

export class EventLog {
  readonly #logger: Logger;
  readonly #listeners = new Set<EventListener>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  record(event: ClusterEvent): void {
    const { type, ...facts } = event;
    const [level, message] = LINES[type];
    this.#logger[level](facts, message);
    for (const listener of this.#listeners) this.#tell(listener, event);
  }

  /** Records that a server has taken a snapshot, or installed one of the leader. */
  recordSnapshot(server: ServerId, { type, index, byteLength, tookMs }: SnapshotReport): void {
    const recorded = type === 'snapshot' ? 'snapshot-taken' : 'snapshot-installed';
    this.record({ type: recorded, server, index, byteLength, tookMs: Math.round(tookMs) });
  }

  /** Calls the listener for each event of that type, until the returned function is called. */
  on<T extends ClusterEvent['type']>(type: T, listener: (event: ClusterEventOf<T>) => void): () => void {
    return this.listen((event) => {
      if (isOfType(event, type)) listener(event);
    });
  }

  /** Calls the listener for each event, until the returned function is called. */
  listen(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** What a listener throws is no reason for a server not to go on. */
  #tell(listener: EventListener, event: ClusterEvent): void {
    try {
      listener(event);
    } catch (err) {
      this.#logger.error({ err }, 'a listener of events has failed');
    }
  }
}

function isOfType<T extends ClusterEvent['type']>(event: ClusterEvent, type: T): event is ClusterEventOf<T> {
  return event.type === type;
}
