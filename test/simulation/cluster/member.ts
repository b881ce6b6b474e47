/**
 * One server of the simulated cluster: the real server in a simulated thread, as src/cluster/member.ts keeps it.
 */

import type { Port } from '../../../src/channel/port.js';
import { openChannel, type PortChannel } from '../../../src/channel/port-channel.js';
import { gatewayChannel } from '../../../src/cluster/gateway-channel.js';
import type { ChangingServer, MembersControl } from '../../../src/cluster/membership.js';
import type { ClientPort, SlotPorts } from '../../../src/cluster/slot-ports.js';
import { LogTime } from '../../../src/log-time.js';
import type { RaftOptions } from '../../../src/raft/raft-options.js';
import type { PersistRequest, RecoveredState, ServerId, SlotId, Term } from '../../../src/raft/types.js';
import { openServer } from '../../../src/server/open-server.js';
import type { Server } from '../../../src/server/server.js';
import type { Storage } from '../../../src/storage/storage.js';
import { DEFAULT_HISTORY_CHANGES } from '../../../src/watch-limits.js';
import type { ClientAddress, PeerNews, ServerEvent } from '../../../src/wire/control.js';
import type { Random } from '../../../tools/support/random.js';
import { connectThreads, type PortOptions, type PostFilter } from '../world/port.js';
import { SimulatedThread } from '../world/thread.js';
import type { World } from '../world/world.js';
import { WatchedStorage } from './watched-storage.js';

/** The process that a server's thread belongs to. */
export interface ProcessView {
  readonly main: SimulatedThread;
  /** Which server has the port of each slot. */
  readonly ports: SlotPorts;
  /** See src/log-time.ts. */
  readonly logTime: SharedArrayBuffer;
}

export interface MemberOptions {
  readonly slot: SlotId;
  readonly world: World;
  readonly random: Random;
  readonly ports: PortOptions;
  readonly raft: Omit<RaftOptions, 'leasesAreOver'>;
  readonly snapshotLogBytes: number;
  /** Where the clients of each slot connect, when a thread begins. */
  readonly addresses: () => ReadonlyMap<SlotId, ClientAddress>;
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
  /** It is to be started as soon as it is down and a process runs. */
  readonly startAgain: (member: SimulatedMember) => void;
  /** Its clients are cut off, and its thread is about to be terminated. */
  readonly onCutOff: (member: SimulatedMember) => void;
  /** Its thread has just ended. */
  readonly onThreadEnd: (member: SimulatedMember) => void;
  /** The main thread has noticed. */
  readonly onDown: (member: SimulatedMember) => void;
  /** What it is for others has changed. */
  readonly onChange: () => void;
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
  readonly port: ClientPort;
  /** The main thread's ends. */
  readonly traffic: PortChannel<Uint8Array>;
  readonly events: PortChannel<PeerNews<Port>, ServerEvent>;
  server: Server | undefined;
  leadsTerm: Term | undefined;
  /** The last term in which it said that it serves as the leader. */
  servingTerm: Term | undefined;
  /** Calls that are not answered: their callers are told when it ends. */
  readonly calls: Set<(error: Error) => void>;
  readonly endListeners: (() => void)[];
}

export class SimulatedMember implements ChangingServer {
  readonly id: SlotId;
  readonly identity: ServerId;
  readonly #options: MemberOptions;
  /** Of calls. */
  readonly #random: Random;
  #state: State = 'down';
  #life: Life | undefined;
  #isCutOff = false;
  #failure: unknown;
  #staysDown = false;
  /** Starts since the process began: the first one may vote at once. */
  #startsInProcess = 0;

  constructor(options: MemberOptions) {
    this.id = options.slot;
    this.identity = options.raft.id;
    this.#options = options;
    this.#random = options.random.split('calls');
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

  /** It was stopped, and whoever did so starts it again. */
  get staysDown(): boolean {
    return this.#staysDown;
  }

  /** Why it has ended by itself since it was last up; undefined if it has not. */
  get failure(): unknown {
    return this.#failure;
  }

  /** The term in which it has said that it leads. */
  get leadsTerm(): Term | undefined {
    return this.isUp ? this.#life?.leadsTerm : undefined;
  }

  /** Whether it leads and has said that it answers clients. */
  get isServing(): boolean {
    return this.leadsTerm !== undefined && this.#life?.servingTerm === this.leadsTerm;
  }

  /** The server, as long as its thread runs. */
  get server(): Server | undefined {
    const life = this.#life;
    return life?.thread.hasEnded === false ? life.server : undefined;
  }

  /** Starts it, unless it runs already. */
  start(): void {
    this.#staysDown = false;
    this.#options.startAgain(this);
  }

  async restart(): Promise<void> {
    this.start();
  }

  /** Starts a thread for it. It must be down. */
  startIn(process: ProcessView): void {
    const { world, random, ports, trafficCapacity, trace } = this.#options;
    const thread = new SimulatedThread({
      name: `server ${this.identity}`,
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
      port: process.ports.of({ id: this.identity, slot: this.id }),
      traffic: openChannel<Uint8Array>(mainTraffic, { capacity: trafficCapacity }),
      events: openChannel<PeerNews<Port>, ServerEvent>(mainEvents, {
        capacity: EVENTS_CAPACITY,
        transfer: () => [],
      }),
      server: undefined,
      leadsTerm: undefined,
      servingTerm: undefined,
      calls: new Set(),
      endListeners: [],
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
    life.port.detach();
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
    this.#failure = new Error('the thread has crashed');
    life.thread.end();
    const { world, random } = this.#options;
    world.timeline.after(random.between(0, MAX_NOTICE_MS), () => this.#end(life));
  }

  /** Stops it cleanly if it runs, or else ends it; resolves once it is down. It stays so until {@link start}. */
  async stop(): Promise<void> {
    this.#staysDown = true;
    const life = this.#life;
    if (life === undefined) return;
    if (this.#state === 'up') this.stopCleanly();
    else this.kill();
    life.process.main.environment.startTimer(() => this.#end(life), 2 * STOP_TIMEOUT_MS);
    await new Promise<void>((resolve) => life.endListeners.push(resolve));
  }

  /** Stops it cleanly. */
  stopCleanly(): void {
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
    this.#staysDown = false;
  }

  /** Has the server do something in its thread, if it runs. */
  control(call: (server: Server) => void): void {
    const { server, thread } = this.#life ?? {};
    if (server !== undefined) thread?.deliver('control', () => call(server));
  }

  /** Calls the server, as Member.call does. Rejects when it is not up, or ends first. */
  call<R>(invoke: (control: MembersControl) => Promise<R>): Promise<R> {
    const life = this.#life;
    if (life?.server === undefined || !this.isUp)
      return Promise.reject(new Error(`server ${this.identity} is not running`));
    const { server, thread, process } = life;
    const control: MembersControl = {
      members: () => server.memberChanges.view(),
      changeMembers: (voters) => server.memberChanges.begin(voters),
    };
    return new Promise((resolve, reject) => {
      life.calls.add(reject);
      const answer = (settle: () => void) =>
        this.#soon(process.main, () => {
          life.calls.delete(reject);
          settle();
        });
      this.#soon(thread, () => {
        invoke(control).then(
          (result) => answer(() => resolve(result)),
          (error: unknown) => answer(() => reject(error)),
        );
      });
    });
  }

  /** Has the thread do it as soon as a message gets there. */
  #soon(thread: SimulatedThread, what: () => void): void {
    const delayMs = this.#random.between(0, this.#options.ports.maxDelayMs);
    this.#options.world.timeline.after(delayMs, () => thread.deliver('control', what));
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
    const { raft, snapshotLogBytes, addresses, onRecovered, onPersisted, trafficCapacity } = this.#options;
    const { id } = raft;
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
        addresses: addresses(),
        hashSecret: HASH_SECRET,
        watchHistory: DEFAULT_HISTORY_CHANGES,
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
        await life.port.attach(gatewayChannel(life.traffic));
        if (life !== this.#life || this.#state !== 'starting') return;
        this.#state = 'up';
        this.#failure = undefined;
        this.#options.onUp(this);
      } else if (event.type === 'role') {
        this.#options.trace(() => `is ${event.role} in term ${event.term}`);
        life.leadsTerm = event.role === 'leader' ? event.term : undefined;
        if (event.role === 'leader') life.port.setLeader(event.term);
      } else {
        if (event.type === 'serving') life.servingTerm = event.term;
        this.#options.trace(() => JSON.stringify(event));
      }
      this.#options.onChange();
    }
  }

  #fail(life: Life, error: unknown): void {
    if (life !== this.#life) return;
    this.#failure = error;
    this.#options.onFailure(this, error);
    this.#end(life);
  }

  #end(life: Life): void {
    if (life !== this.#life) return;
    life.thread.end();
    life.events.close();
    life.traffic.close();
    life.port.detach();
    this.#life = undefined;
    this.#state = 'down';
    this.#options.trace(() => 'is down');
    for (const fail of life.calls) fail(new Error(`server ${this.identity} is gone`));
    for (const listener of life.endListeners) listener();
    this.#options.onChange();
    this.#options.onDown(this);
  }
}
