/**
 * One server of the simulated cluster: the real server in a simulated thread, as src/cluster/member.ts keeps it.
 */

import type { Port } from '../../../src/channel/port.js';
import { openChannel, type PortChannel } from '../../../src/channel/port-channel.js';
import { gatewayChannel } from '../../../src/cluster/gateway-channel.js';
import type { Gateway } from '../../../src/gateway/gateway.js';
import { LogTime } from '../../../src/log-time.js';
import type { RaftOptions } from '../../../src/raft/raft-options.js';
import type { PersistRequest, RecoveredState, ServerId, SlotId } from '../../../src/raft/types.js';
import { openServer } from '../../../src/server/open-server.js';
import type { Server } from '../../../src/server/server.js';
import type { Storage } from '../../../src/storage/storage.js';
import type { ClientAddress, PeerNews, ServerEvent } from '../../../src/wire/control.js';
import type { Random } from '../../../tools/support/random.js';
import { connectThreads, type PortOptions, type PostFilter } from '../world/port.js';
import { SimulatedThread } from '../world/thread.js';
import type { World } from '../world/world.js';
import { WatchedStorage } from './watched-storage.js';

/** The process that a server's thread belongs to. */
export interface ProcessView {
  readonly main: SimulatedThread;
  readonly gateway: Gateway;
  /** See src/log-time.ts. */
  readonly logTime: SharedArrayBuffer;
}

export interface MemberOptions {
  readonly id: ServerId;
  readonly world: World;
  readonly random: Random;
  readonly ports: PortOptions;
  readonly raft: Omit<RaftOptions, 'leasesAreOver'>;
  readonly snapshotLogBytes: number;
  readonly addresses: ReadonlyMap<SlotId, ClientAddress>;
  /** Opens the server's disk for a thread. */
  readonly openStorage: (thread: SimulatedThread) => Promise<Storage>;
  /** Batches between gateway and server that wait. */
  readonly trafficCapacity: number;
  /** What the server's replies pass through. */
  readonly replyFilter: PostFilter;
  readonly onRecovered: (id: ServerId, state: RecoveredState) => void;
  /** Its disk has these, and it is about to be told. */
  readonly onPersisted: (id: ServerId, requests: readonly PersistRequest[]) => void;
  /** The server begins, and has done nothing yet. */
  readonly onBegun: (server: Server) => void;
  /** It takes calls and clients: is to be joined with the others. */
  readonly onUp: (member: SimulatedMember) => void;
  /** Its clients are cut off, and its thread is about to be terminated. */
  readonly onCutOff: (member: SimulatedMember) => void;
  /** Its thread has just ended. */
  readonly onThreadEnd: (member: SimulatedMember) => void;
  /** The main thread has noticed. */
  readonly onDown: (member: SimulatedMember) => void;
  /** It failed by itself: its disk did, an invariant broke, or an error was not caught. */
  readonly onFailure: (member: SimulatedMember, error: unknown) => void;
  readonly trace: (what: () => string) => void;
}

/** A thread takes up to this time to load, and to come to its end once it was told to. */
const MAX_LOAD_MS = 20;
const MAX_DYING_MS = 20;
const MAX_NOTICE_MS = 5;
const EVENTS_CAPACITY = 64;
const STOP_TIMEOUT_MS = 1_000;
/** The cluster's, so that all servers have the same. */
const HASH_SECRET = { k0: 0x243f6a88, k1: 0x85a308d3 };
const SESSION_NAME = 'simulated';

type State = 'down' | 'starting' | 'up' | 'ending';

/** What there is from the start of a thread to its end. */
interface Life {
  readonly process: ProcessView;
  readonly thread: SimulatedThread;
  /** The main thread's ends. */
  readonly traffic: PortChannel<Uint8Array>;
  readonly events: PortChannel<PeerNews<Port>, ServerEvent>;
  server: Server | undefined;
}

export class SimulatedMember {
  readonly id: ServerId;
  readonly #options: MemberOptions;
  #state: State = 'down';
  #life: Life | undefined;
  #isCutOff = false;
  /** Starts since the process began: the first one may vote at once. */
  #startsInProcess = 0;

  constructor(options: MemberOptions) {
    this.id = options.id;
    this.#options = options;
  }

  get state(): State {
    return this.#state;
  }

  get isUp(): boolean {
    return this.#state === 'up';
  }

  get thread(): SimulatedThread | undefined {
    return this.#life?.thread;
  }

  /** Nothing that it still says reaches a client or another server's vote: its lease covers nobody. */
  get isCutOff(): boolean {
    return this.#isCutOff;
  }

  /** The server, as long as its thread runs. */
  get server(): Server | undefined {
    const life = this.#life;
    return life?.thread.hasEnded === false ? life.server : undefined;
  }

  /** Starts a thread for it. It must be down. */
  start(process: ProcessView): void {
    const { world, random, ports, trafficCapacity, trace } = this.#options;
    const thread = new SimulatedThread({
      name: `server ${this.id}`,
      world,
      random: random.split(`thread ${world.nowMs}`),
      onError: (error) => this.#fail(life, error),
    });
    // Ports travel on this one: they are handed over as they are.
    const [mainEvents, serverEvents] = connectThreads([process.main, thread], { ...ports, detaches: false });
    const [mainTraffic, serverTraffic] = connectThreads([process.main, thread], ports);
    serverTraffic.filter = this.#options.replyFilter;
    thread.onEnd(() => this.#options.onThreadEnd(this));
    const life: Life = {
      process,
      thread,
      traffic: openChannel<Uint8Array>(mainTraffic, { capacity: trafficCapacity }),
      events: openChannel<PeerNews<Port>, ServerEvent>(mainEvents, {
        capacity: EVENTS_CAPACITY,
        transfer: () => [],
      }),
      server: undefined,
    };
    this.#life = life;
    this.#state = 'starting';
    this.#isCutOff = false;
    const leasesAreOver = this.#startsInProcess === 0;
    this.#startsInProcess += 1;
    trace(() => 'starts');
    world.timeline.after(random.between(0, MAX_LOAD_MS), () =>
      thread.deliver(this, () => void this.#serve(life, [serverEvents, serverTraffic], leasesAreOver)),
    );
    void this.#follow(life);
  }

  /** Terminates its thread, as Member.kill does. */
  kill(): void {
    const life = this.#life;
    if (life === undefined || this.#state === 'ending') return;
    this.#options.trace(() => 'is killed');
    this.#state = 'ending';
    this.#isCutOff = true;
    this.#options.onCutOff(this);
    life.process.gateway.detach(this.id);
    life.events.close();
    life.traffic.close();
    const { world, random } = this.#options;
    world.timeline.after(random.between(0, MAX_DYING_MS), () => this.#end(life));
  }

  /** Its thread ends by itself, in the midst of whatever it does; the main thread notices a little later. */
  crash(): void {
    const life = this.#life;
    if (life === undefined || life.thread.hasEnded) return;
    this.#options.trace(() => 'crashes');
    life.thread.end();
    const { world, random } = this.#options;
    world.timeline.after(random.between(0, MAX_NOTICE_MS), () => this.#end(life));
  }

  /** Stops it cleanly. */
  stop(): void {
    const life = this.#life;
    if (life?.server === undefined || this.#state !== 'up') return;
    const { server } = life;
    this.#options.trace(() => 'is stopped');
    this.#state = 'ending';
    life.thread.deliver('control', () => {
      void server.stop(STOP_TIMEOUT_MS).then(() => this.#end(life));
    });
  }

  /** Its thread ends at once, with everything around it. */
  dieWithProcess(): void {
    this.#life?.thread.end();
    this.#life = undefined;
    this.#state = 'down';
    this.#startsInProcess = 0;
  }

  /** Has the server do something in its thread, if it runs. */
  control(call: (server: Server) => void): void {
    const { server, thread } = this.#life ?? {};
    if (server !== undefined) thread?.deliver('control', () => call(server));
  }

  /** Tells it of another server, if it is up. */
  tell(news: PeerNews<Port>): void {
    if (this.#state === 'up') this.#life?.events.sender.send(news).catch(() => undefined);
  }

  /** What happens in the server's thread. */
  async #serve(
    life: Life,
    [eventsPort, trafficPort]: readonly Port[],
    leasesAreOver: boolean,
  ): Promise<void> {
    const { id, raft, snapshotLogBytes, addresses, onRecovered, onPersisted, trafficCapacity } =
      this.#options;
    if (eventsPort === undefined || trafficPort === undefined) return;
    const events = openChannel<ServerEvent, PeerNews<Port>>(eventsPort, {
      capacity: EVENTS_CAPACITY,
      transfer: () => [],
    });
    try {
      const opened = await this.#options.openStorage(life.thread);
      onRecovered(id, opened.recovered);
      const storage = new WatchedStorage(opened, (requests) => onPersisted(id, requests));
      life.server = await openServer({
        environment: life.thread.environment,
        logTime: new LogTime(life.thread.environment, life.process.logTime),
        raft: { ...raft, leasesAreOver },
        storage,
        snapshotLogBytes,
        traffic: openChannel(trafficPort, { capacity: trafficCapacity }),
        addresses,
        hashSecret: HASH_SECRET,
        sessionName: SESSION_NAME,
        peerNews: events.receiver,
        onEvent: (event) => {
          events.sender.send(event).catch(() => undefined);
        },
        onFailure: (error) => this.#fail(life, error),
      });
      this.#options.onBegun(life.server);
    } catch (error) {
      this.#fail(life, error);
    }
  }

  /** What happens in the main thread. */
  async #follow(life: Life): Promise<void> {
    for await (const event of life.events.receiver) {
      if (life !== this.#life || this.#state === 'ending') return;
      if (event.type === 'up') {
        await life.process.gateway.attach(this.id, gatewayChannel(life.traffic));
        if (life !== this.#life || this.#state !== 'starting') return;
        this.#state = 'up';
        this.#options.onUp(this);
      } else if (event.type === 'role') {
        this.#options.trace(() => `is ${event.role} in term ${event.term}`);
        if (event.role === 'leader') life.process.gateway.setLeader({ slot: this.id, term: event.term });
      } else this.#options.trace(() => JSON.stringify(event));
    }
  }

  #fail(life: Life, error: unknown): void {
    if (life !== this.#life) return;
    this.#options.onFailure(this, error);
    this.#end(life);
  }

  #end(life: Life): void {
    if (life !== this.#life) return;
    life.thread.end();
    life.events.close();
    life.traffic.close();
    life.process.gateway.detach(this.id);
    this.#life = undefined;
    this.#state = 'down';
    this.#options.trace(() => 'is down');
    this.#options.onDown(this);
  }
}
