/**
 * A server whose keys are in etcd: a front end that keeps nothing itself. It hears its clients in turns as any server does, and
 * has their commands go through etcd (etcd-path.ts). Several of them, in one process or in many, may serve one etcd side by
 * side.
 */

import type { HashSecret } from '../../bytes/byte-string.js';
import type { PortChannel } from '../../channel/port-channel.js';
import { type Environment, sleep } from '../../environment.js';
import { messageOf } from '../../error-message.js';
import { EtcdChanges } from '../../etcd/etcd-changes.js';
import { EtcdKeys } from '../../etcd/etcd-keys.js';
import type { EtcdTransport } from '../../etcd/etcd-transport.js';
import { KeyOrderReads } from '../../etcd/key-order-reads.js';
import { Leases } from '../../etcd/leases.js';
import { ScanCursors } from '../../etcd/scan-cursors.js';
import { Scratch } from '../../etcd/scratch.js';
import { Sessions } from '../../etcd/sessions.js';
import { SharedTransactions } from '../../etcd/shared-transactions.js';
import { EtcdStatePages } from '../../etcd/state-pages.js';
import { PROBE_PAUSE_MS } from '../../etcd-limits.js';
import type { LogTime } from '../../log-time.js';
import { LOG_ORIGIN } from '../../raft/log.js';
import type { ServerId, SlotId } from '../../raft/types.js';
import { KeyValueStore } from '../../state-machine/key-value-store.js';
import type {
  ClientAddress,
  ServerEvent,
  ServerMeasurements,
  ServerObservation,
  ServerStatus,
} from '../../wire/control.js';
import { unheardStatus } from '../../wire/unheard-status.js';
import { AppliedState } from '../applied-state.js';
import type { StatePages } from '../clients/change-source.js';
import { Clients } from '../clients/clients.js';
import { ReplyFrames } from '../clients/reply-frames.js';
import { ServerMetrics } from '../server-metrics.js';
import { TurnMeter } from '../turn-meter.js';
import { TurnTimer } from '../turn-timer.js';
import { EtcdChangeSource } from './etcd-change-source.js';
import { EtcdPath } from './etcd-path.js';
import { soleLeader } from './sole-leader.js';

export interface EtcdServerOptions {
  readonly environment: Environment;
  readonly logTime: LogTime;
  readonly id: ServerId;
  readonly slot: SlotId;
  readonly traffic: PortChannel<Uint8Array>;
  /** Where the clients of each slot connect. */
  readonly addresses: ReadonlyMap<SlotId, ClientAddress>;
  readonly transport: EtcdTransport;
  /** Of all keys that it has in etcd; one character per byte. */
  readonly prefix: string;
  readonly hashSecret: HashSecret;
  /** Changes that are kept for those who watch. */
  readonly watchHistory: number;
  readonly onEvent: (event: ServerEvent) => void;
  /** A defect: it has stopped and will do nothing more. */
  readonly onFailure: (error: unknown) => void;
}

export class EtcdServer {
  readonly #environment: Environment;
  readonly #id: ServerId;
  readonly #transport: EtcdTransport;
  readonly #keys: EtcdKeys;
  readonly #metrics = new ServerMetrics();
  readonly #clients: Clients;
  readonly #path: EtcdPath;
  readonly #changes: EtcdChanges;
  readonly #replies: ReplyFrames;
  readonly #traffic: PortChannel<Uint8Array>;
  readonly #timer: TurnTimer;
  readonly #onEvent: EtcdServerOptions['onEvent'];
  readonly #onFailure: EtcdServerOptions['onFailure'];
  /** How long turns take. */
  readonly turns = new TurnMeter(this.#metrics);
  #isTurnDue = false;
  #phase: 'running' | 'draining' | 'stopped' = 'running';
  /** Whether etcd has answered last; undefined while nothing is known. */
  #answers: boolean | undefined;
  #heardAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: EtcdServerOptions) {
    const { environment, logTime, id, slot, traffic, addresses, transport, prefix, hashSecret } = options;
    this.#environment = environment;
    this.#id = id;
    this.#transport = transport;
    this.#traffic = traffic;
    this.#onEvent = options.onEvent;
    this.#onFailure = options.onFailure;
    this.#timer = new TurnTimer(environment, this.#metrics, () => this.#requestTurn());
    this.#replies = new ReplyFrames(traffic.sender, () => this.#requestTurn());
    const keys = new EtcdKeys(transport, prefix);
    const newScratch = () => new Scratch(environment, hashSecret);
    const leases = new Leases(transport);
    const timeMs = () => logTime.nowMs();
    this.#keys = keys;
    const sessions = new Sessions({ environment, transport, names: keys.names });
    const onAnswer = (trouble: string | undefined) => this.#heard(trouble);
    const onFailure = (error: unknown) => this.#fail(error);
    const changes = new EtcdChanges({
      environment,
      transport,
      names: keys.names,
      maxChanges: options.watchHistory,
      onChanged: () => this.#requestTurn(),
      onAnswer,
      onFailure,
    });
    this.#changes = changes;
    const statePages = new EtcdStatePages({ environment, keys, timeMs });
    const pages: StatePages = {
      read: (prefix, after, revision) => statePages.read(prefix, after, revision),
      onRead: () => this.#requestTurn(),
    };
    let path: EtcdPath | undefined;
    this.#clients = new Clients({
      environment,
      logTime,
      raft: soleLeader(id, slot),
      // Nothing is ever in it: reads go through etcd.
      state: new AppliedState(new KeyValueStore(hashSecret, 1), LOG_ORIGIN),
      replies: this.#replies,
      addresses,
      isUp: () => true,
      serverId: id,
      metrics: this.#metrics,
      sessionName: '',
      onSubscribersClosed: (count) => options.onEvent({ type: 'subscribers-closed', count }),
      watched: {
        changes: new EtcdChangeSource(changes, pages, onFailure),
        raft: {
          get leader() {
            return changes.isHeard ? id : undefined;
          },
        },
      },
      newPath: ({ answerer, pause }) => {
        path = new EtcdPath({
          environment,
          keys,
          newScratch,
          sessions,
          changes,
          keyOrderReads: new KeyOrderReads({
            environment,
            keys,
            cursors: new ScanCursors(transport, leases, prefix, timeMs),
            timeMs,
          }),
          transactions: new SharedTransactions({ environment, keys, leases, newScratch, sessions, timeMs }),
          answerer,
          pause,
          onAnswer,
          onAnswered: () => this.#requestTurn(),
          onFailure,
        });
        return path;
      },
    });
    if (path === undefined) throw new TypeError('the clients have no path');
    this.#path = path;
    traffic.receiver.watch(() => this.#requestTurn());
    this.#probe().catch((error: unknown) => this.#fail(error));
    this.#requestTurn();
  }

  get status(): ServerStatus {
    return unheardStatus(this.#id);
  }

  /** What was counted since the thread began to serve. */
  measure(): Omit<ServerMeasurements, 'thread'> {
    const queues = { traffic: this.#traffic.receiver.buffered, peers: 0, replies: this.#replies.waiting };
    const { pendingCount: pendingCommands, listeners } = this.#clients;
    return {
      status: this.status,
      metrics: this.#metrics.read(),
      keys: 0,
      watchers: listeners.watchers.count,
      subscribers: listeners.subscribers.count,
      pendingCommands,
      queues,
    };
  }

  observe(): ServerObservation {
    return {
      ...this.status,
      electionInMs: null,
      pendingCommands: this.#clients.pendingCount,
      log: { start: 0, terms: [], byteLengths: [] },
      members: { voters: [], outgoing: [], replaced: [], learners: [], step: null, waitsFor: [] },
      messages: [],
    };
  }

  /** Stops taking commands, and answers what is pending as far as that takes no longer than `timeoutMs`. */
  async stop(timeoutMs: number): Promise<void> {
    if (this.#phase !== 'running') return;
    this.#phase = 'draining';
    this.#clients.stop();
    const deadlineMs = this.#environment.nowMs() + timeoutMs;
    while (this.#clients.pendingCount > 0 && this.#environment.nowMs() < deadlineMs && !this.#hasStopped())
      await sleep(this.#environment, 1);
    if (!this.#hasStopped()) this.#halt();
  }

  #hasStopped(): boolean {
    return this.#phase === 'stopped';
  }

  #requestTurn(): void {
    if (this.#isTurnDue || this.#phase === 'stopped') return;
    this.#isTurnDue = true;
    this.#environment.atEndOfTurn(() => {
      this.#isTurnDue = false;
      if (this.#phase === 'stopped') return;
      try {
        this.#turn();
      } catch (error) {
        this.#fail(error);
      }
    });
  }

  #turn(): void {
    this.turns.begin(this.#environment.nowMs());
    while (this.#phase === 'running') {
      const got = this.#traffic.receiver.tryReceive();
      if (got?.ok !== true) break;
      this.#metrics.clientBytes += got.value.byteLength;
      this.#clients.receive(got.value, this.#environment.nowMs());
    }
    this.#clients.serve(this.#environment.nowMs(), { isDiskBusy: false });
    this.#path.go();
    this.#clients.listeners.tell(this.#environment.nowMs(), { isAtEntry: true });
    this.#replies.flush();
    if (this.#clients.isDue) this.#requestTurn();
    this.#timer.callBy(this.#clients.deadlineMs);
    this.turns.end(this.#environment.nowMs());
  }

  /** Asks etcd something now and then while nobody else does: so that it is known whether it answers. */
  async #probe(): Promise<void> {
    while (!this.#hasStopped()) {
      const isQuiet = this.#environment.nowMs() - this.#heardAtMs >= PROBE_PAUSE_MS;
      if (isQuiet)
        await this.#keys.read(['']).then(
          () => this.#heard(undefined),
          (error: unknown) => this.#heard(messageOf(error)),
        );
      const { watchers, subscribers } = this.#clients.listeners;
      this.#changes.restIfIdle({ isWanted: watchers.count + subscribers.count > 0 });
      await sleep(this.#environment, PROBE_PAUSE_MS);
    }
  }

  #heard(trouble: string | undefined): void {
    if (this.#hasStopped()) return;
    if (trouble === undefined) this.#heardAtMs = this.#environment.nowMs();
    const answers = trouble === undefined;
    if (answers === this.#answers) return;
    this.#answers = answers;
    this.#onEvent({ type: 'etcd', trouble: trouble ?? null });
  }

  #halt(): void {
    this.#phase = 'stopped';
    this.#timer.cancel();
    this.#path.stop();
    this.#changes.rest();
    this.#replies.flush();
    this.#transport.close();
    this.#traffic.close();
  }

  #fail(error: unknown): void {
    if (this.#phase === 'stopped') return;
    this.#onEvent({ type: 'failing', status: this.status });
    this.#halt();
    this.#onFailure(error);
  }
}
