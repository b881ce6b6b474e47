/** A server for a rehearsal: its disk forgets, and its clients are not there. */

import { ByteWriter } from '../bytes/byte-writer.js';
import type { Port } from '../channel/port.js';
import { openChannel, type PortChannel } from '../channel/port-channel.js';
import type { Environment } from '../environment.js';
import { TRAFFIC_CAPACITY } from '../limits.js';
import type { LogTime } from '../log-time.js';
import { AT_COMMAND_START, AT_RESP_START, type StreamCheckpoint } from '../protocol/checkpoint.js';
import { LOG_ORIGIN } from '../raft/log.js';
import type { RaftOptions } from '../raft/raft-options.js';
import type { LogIndex, ServerId } from '../raft/types.js';
import { KeyValueStore } from '../state-machine/key-value-store.js';
import type { SnapshotSink, Storage } from '../storage/storage.js';
import { type AssignmentId, readServerFrames, writeClientFrame } from '../wire/client-frames.js';
import type { DedupeKey } from '../wire/dedupe-key.js';
import { Server } from './server.js';

export interface RehearsedServerOptions {
  readonly environment: Environment;
  readonly logTime: LogTime;
  /** Both ends of the channel to its clients. */
  readonly ports: readonly [Port, Port];
  readonly raft: RaftOptions;
}

const ADDRESS = { host: '127.0.0.1', port: 1 };

/** What clients ask, in each protocol. */
const QUESTIONS: readonly (readonly [StreamCheckpoint, string])[] = [
  [AT_COMMAND_START, 'set rehearsal 0 1\r\nx\r\nget rehearsal\r\n'],
  [AT_RESP_START, '*3\r\n$3\r\nSET\r\n$9\r\nrehearsal\r\n$1\r\nx\r\n*2\r\n$3\r\nGET\r\n$9\r\nrehearsal\r\n'],
];
const BATCH_BYTES = 1024;

/** Names the router of the rehearsal in its connections' keys: 16 characters. */
const ROUTER_START = 'rehearsal'.padEnd(16);

export class RehearsedServer {
  readonly id: ServerId;
  readonly #environment: Environment;
  readonly #electionTimeoutMs: number;
  readonly #server: Server;
  readonly #gateway: PortChannel<Uint8Array>;
  /** Of clients that are there. */
  readonly #clients = new Set<AssignmentId>();
  readonly #unanswered = new Set<AssignmentId>();
  #lastAssignment: AssignmentId = 0;

  constructor({ environment, logTime, ports: [port, gatewayPort], raft }: RehearsedServerOptions) {
    this.id = raft.id;
    this.#environment = environment;
    this.#electionTimeoutMs = raft.electionTimeoutMs;
    this.#gateway = openChannel(gatewayPort, { capacity: TRAFFIC_CAPACITY });
    this.#gateway.receiver.watch(() => this.#hear());
    this.#server = new Server({
      environment,
      logTime,
      raft,
      storage: new ForgetfulStorage(),
      store: new KeyValueStore({ k0: 0, k1: 0 }),
      snapshotLogBytes: Number.POSITIVE_INFINITY,
      traffic: openChannel(port, { capacity: TRAFFIC_CAPACITY }),
      addresses: new Map(raft.configuration.voters.map(({ slot }) => [slot, ADDRESS])),
      sessionName: 'rehearsal',
      onEvent: () => undefined,
      // It has stopped, and what others wait for does not come.
      onFailure: () => undefined,
    });
  }

  get isServing(): boolean {
    return this.#server.raft.isServing;
  }

  get commitIndex(): LogIndex {
    return this.#server.raft.commitIndex;
  }

  /** Whether each client has been told something. */
  get isAnswered(): boolean {
    return this.#unanswered.size === 0;
  }

  connect(peer: ServerId, port: Port): void {
    this.#server.connect(peer, port);
  }

  disconnect(peer: ServerId): void {
    this.#server.disconnect(peer);
  }

  /** Its election timer runs out now. */
  campaign(): void {
    this.#server.raft.tick(this.#environment.nowMs() + 2 * this.#electionTimeoutMs);
    // The server looks at its core when something comes in.
    this.ask({ areRouted: false });
  }

  /** New clients come, of each protocol, and ask. */
  ask({ areRouted }: { readonly areRouted: boolean }): void {
    const batch = new ByteWriter(BATCH_BYTES);
    for (const [at, text] of QUESTIONS) {
      this.#lastAssignment += 1;
      const client = this.#lastAssignment;
      this.#clients.add(client);
      this.#unanswered.add(client);
      const opening = {
        connection: client,
        routed: areRouted,
        from: ADDRESS,
        reached: ADDRESS,
        ageMs: 0,
        at,
        ...(areRouted ? { dedupeKey: dedupeKeyOf(client, text) } : {}),
      };
      writeClientFrame(batch, { type: 'open', assignment: client, ...opening });
      writeClientFrame(batch, { type: 'data', assignment: client, bytes: Buffer.from(text, 'latin1') });
    }
    this.#send(batch);
  }

  /** All clients leave. */
  leaveClients(): void {
    const batch = new ByteWriter(BATCH_BYTES);
    for (const client of this.#clients) writeClientFrame(batch, { type: 'close', assignment: client });
    this.#clients.clear();
    this.#unanswered.clear();
    this.#send(batch);
  }

  close(): void {
    this.#server.stop(0).catch(() => undefined);
    this.#gateway.close();
  }

  #send(batch: ByteWriter): void {
    // Fails once the server has stopped.
    this.#gateway.sender.send(batch.take()).catch(() => undefined);
  }

  #hear(): void {
    const { receiver } = this.#gateway;
    for (let got = receiver.tryReceive(); got?.ok === true; got = receiver.tryReceive())
      for (const frame of readServerFrames(got.value))
        if ('assignment' in frame) this.#unanswered.delete(frame.assignment);
  }
}

/** Of the first half of what the client asks, a leader that is lost may have executed all. */
function dedupeKeyOf(client: AssignmentId, text: string): DedupeKey {
  return { start: ROUTER_START, row: client, place: 0, repeatedBytes: Math.floor(text.length / 2) };
}

/** Everything is written at once, and nothing is kept. */
class ForgetfulStorage implements Storage {
  readonly recovered = {
    hardState: { currentTerm: 0, votedFor: undefined },
    snapshot: undefined,
    entries: [],
    logStart: LOG_ORIGIN,
  };

  forgetRecovered(): void {}

  async persist(): Promise<void> {}

  retryWith(): void {}

  async readEntries(): Promise<readonly []> {
    return [];
  }

  async createSnapshot(): Promise<SnapshotSink> {
    throw new TypeError('no snapshot is due');
  }

  async readSnapshot(): Promise<undefined> {}

  async *snapshotImage(): AsyncGenerator<Uint8Array> {}

  async close(): Promise<void> {}
}
