/**
 * Both ends of the gateway for its tests: clients on real sockets, and servers that only exist as one end of a
 * channel.
 */

import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectSecurely, type SecureContextOptions } from 'node:tls';
import { ByteWriter } from '../../src/bytes/byte-writer.js';
import { type Environment, NODE_ENVIRONMENT } from '../../src/environment.js';
import { Gateway, type GatewayOptions } from '../../src/gateway/gateway.js';
import type { NetworkSocket } from '../../src/gateway/network.js';
import { NodeNetwork } from '../../src/gateway/node/node-network.js';
import type { ChannelWatcher, ServerChannel } from '../../src/gateway/server-traffic.js';
import { AT_COMMAND_START, type StreamCheckpoint } from '../../src/protocol/checkpoint.js';
import {
  type AssignmentId,
  type ClientFrame,
  readClientFrames,
  type ServerFrame,
  writeServerFrame,
} from '../../src/wire/client-frames.js';
import type { ClientAddress } from '../../src/wire/control.js';
import { withBytes } from '../support/client-frames.js';

const TIMEOUT_MS = 10_000;

/** A socket that nothing happens to. */
export const IDLE_SOCKET: NetworkSocket = {
  from: { host: '', port: 0 },
  reached: { host: '', port: 0 },
  bytesRead: 0,
  bytesWritten: 0,
  unwrittenBytes: 0,
  isBackedUp: false,
  start() {},
  pause() {},
  resume() {},
  write() {},
  end() {},
  destroy() {},
};

/** Waits until the condition yields something, and returns that. Throws with the description when it never does. */
export async function until<T>(
  description: string,
  condition: () => T | undefined | false,
  timeoutMs = TIMEOUT_MS,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const result = condition();
    if (result !== undefined && result !== false) return result;
    if (performance.now() > deadline) throw new Error(`in vain waited for: ${description}`);
    await sleep(1);
  }
}

/** A client that keeps what it reads. */
export class TestClient {
  readonly socket: Socket;
  /** Beneath TLS, if that is spoken; else the same. */
  readonly raw: Socket;
  #chunks: Buffer[] = [];
  #byteCount = 0;
  /** Whether the other side ended or reset the connection. */
  closed = false;

  private constructor(socket: Socket, raw: Socket) {
    this.socket = socket;
    this.raw = raw;
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#byteCount += chunk.byteLength;
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
    });
    socket.on('end', () => {
      this.closed = true;
    });
  }

  /** Throws when the connection is refused. */
  static async connect(address: ClientAddress | undefined, tls?: SecureContextOptions): Promise<TestClient> {
    if (address === undefined) throw new Error('there is nothing to connect to');
    const options = { ...address, noDelay: true, allowHalfOpen: true };
    const raw = connect(options);
    const socket = tls === undefined ? raw : connectSecurely({ socket: raw, ...tls });
    await new Promise<void>((resolve, reject) => {
      socket.once(tls === undefined ? 'connect' : 'secureConnect', resolve);
      socket.once('error', reject);
    });
    return new TestClient(socket, raw);
  }

  get byteCount(): number {
    return this.#byteCount;
  }

  /** Everything read so far. */
  get text(): string {
    return Buffer.concat(this.#chunks).toString('latin1');
  }

  send(text: string | Uint8Array): void {
    this.socket.write(text);
  }

  /** Waits until exactly this was read. */
  async expectText(expected: string): Promise<void> {
    await until(`reply ${JSON.stringify(expected)}`, () => this.#byteCount >= expected.length).catch(
      () => {},
    );
    if (this.text !== expected) {
      throw new Error(`expected ${JSON.stringify(expected)}, read ${JSON.stringify(this.text)}`);
    }
  }
}

/** A server that does what the test tells it. It speaks frames, in batches, over a channel that can be full. */
export class FakeServer implements ServerChannel {
  /** What came from the gateway, batch by batch, in plain frames. */
  readonly batches: ClientFrame[][] = [];
  /** How many batches it takes before the channel is full. */
  capacity = Number.POSITIVE_INFINITY;
  #watcher: ChannelWatcher | undefined;
  readonly #outbox: Uint8Array[] = [];

  trySend(batch: Uint8Array<ArrayBuffer>): boolean {
    if (this.batches.length >= this.capacity) return false;
    // What is transferred is gone for the sender.
    const received = structuredClone(batch, { transfer: [batch.buffer] });
    this.batches.push(Array.from(readClientFrames(received), withBytes));
    this.onBatch();
    return true;
  }

  tryReceive(): Uint8Array | undefined {
    return this.#outbox.shift();
  }

  watch(watcher: ChannelWatcher): void {
    this.#watcher = watcher;
  }

  /** Called after each batch from the gateway; to be replaced. */
  onBatch: () => void = () => {};

  /** Sends one batch to the gateway. */
  say(...frames: readonly ServerFrame[]): void {
    const batch = new ByteWriter();
    for (const frame of frames) writeServerFrame(batch, frame);
    this.#outbox.push(batch.take());
    setImmediate(() => this.#watcher?.onArrival());
  }

  /** Answers an assignment's next bytes of input. */
  reply(
    assignment: AssignmentId,
    answeredBytes: number,
    text: string,
    at: StreamCheckpoint = AT_COMMAND_START,
  ): void {
    this.say({ type: 'reply', assignment, answeredBytes, at, bytes: Buffer.from(text, 'latin1') });
  }

  makeRoom(batches: number): void {
    this.capacity += batches;
    this.#watcher?.onRoom();
  }

  /** The thread ends, as the channel notices it. */
  die(): void {
    this.#watcher?.onGone();
  }

  get frames(): ClientFrame[] {
    return this.batches.flat();
  }

  /** The frames of one type, as that type. */
  framesOf<T extends ClientFrame['type']>(type: T): Extract<ClientFrame, { type: T }>[] {
    return this.frames.filter((frame): frame is Extract<ClientFrame, { type: T }> => frame.type === type);
  }

  /** All bytes that an assignment was sent. */
  input(assignment: AssignmentId): string {
    return this.framesOf('data')
      .filter((frame) => frame.assignment === assignment)
      .map((frame) => Buffer.from(frame.bytes).toString('latin1'))
      .join('');
  }

  inputLength(assignment: AssignmentId): number {
    let length = 0;
    for (const frame of this.framesOf('data'))
      if (frame.assignment === assignment) length += frame.bytes.byteLength;
    return length;
  }

  /** Waits for the n-th assignment (from 0) to be opened. */
  async assignment(n = 0): Promise<AssignmentId> {
    return await until(`assignment number ${n} at the server`, () => this.framesOf('open')[n]?.assignment);
  }

  /** Waits until an assignment was sent exactly this. */
  async expectInput(assignment: AssignmentId, expected: string): Promise<void> {
    await until(
      `input ${JSON.stringify(expected)}`,
      () => this.inputLength(assignment) >= expected.length,
    ).catch(() => {});
    const input = this.input(assignment);
    if (input === expected) return;
    throw new Error(`expected the input ${JSON.stringify(expected)}, got ${JSON.stringify(input)}`);
  }
}

/** Lets the client send, and resolves to its assignment once the server has all of it. */
export async function forwarded(
  client: TestClient,
  server: FakeServer,
  input: string,
): Promise<AssignmentId> {
  client.send(input);
  const assignment = await server.assignment();
  await server.expectInput(assignment, input);
  return assignment;
}

/** Gateways and clients of one test, which are gone after it. */
export class TestBench {
  #gateways: Gateway[] = [];
  #clients: TestClient[] = [];

  /** A gateway with that many servers' ports and a router, all on free ports. */
  async gateway(
    options: Partial<GatewayOptions> & { servers?: number } = {},
    environment: Environment = NODE_ENVIRONMENT,
  ): Promise<Gateway> {
    const { servers = 1, ...rest } = options;
    const gateway = new Gateway(
      {
        host: '127.0.0.1',
        serverPorts: new Map(Array.from({ length: servers }, (_, slot) => [slot, 0])),
        routerPort: 0,
        electionTimeoutMs: 60_000,
        ...rest,
      },
      { environment, network: new NodeNetwork() },
    );
    this.#gateways.push(gateway);
    await gateway.start();
    return gateway;
  }

  /** Two servers, the first of which leads in term 1, and a client at the router. */
  async cluster(
    times: Partial<Pick<GatewayOptions, 'electionTimeoutMs' | 'leaderWaitMs'>> = {},
    environment: Environment = NODE_ENVIRONMENT,
  ): Promise<{
    readonly gateway: Gateway;
    readonly old: FakeServer;
    readonly next: FakeServer;
    readonly client: TestClient;
  }> {
    const gateway = await this.gateway({ servers: 2, ...times }, environment);
    const [old, next] = [new FakeServer(), new FakeServer()];
    await gateway.attach(0, old);
    await gateway.attach(1, next);
    gateway.setLeader({ slot: 0, term: 1 });
    return { gateway, old, next, client: await this.client(gateway.routerAddress) };
  }

  async client(address: ClientAddress | undefined): Promise<TestClient> {
    const client = await TestClient.connect(address);
    this.#clients.push(client);
    return client;
  }

  async clear(): Promise<void> {
    for (const client of this.#clients.splice(0)) client.socket.destroy();
    await Promise.all(this.#gateways.splice(0).map((gateway) => gateway.close(0)));
  }
}
