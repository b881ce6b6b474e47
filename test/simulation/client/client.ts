/**
 * A client of the simulated cluster: connects, pipelines commands, and takes the replies as they come, each for the
 * command that it must belong to. When its connection is gone, it makes another.
 */

import type { LookUp } from '../../../src/cluster/in-process-lookups.js';
import { RESULT_TOO_LONG } from '../../../src/protocol/resp/error-replies.js';
import { PropertyViolation } from '../../../src/raft/checks/property-violation.js';
import { LEADER_WAIT_MS } from '../../../src/time-limits.js';
import { isRead } from '../../../tools/linearizability/history.js';
import type { Random } from '../../../tools/support/random.js';
import type { SimulatedNetwork } from '../world/network.js';
import type { ClientEnd } from '../world/socket.js';
import type { World } from '../world/world.js';
import { admission, respReset } from './admission.js';
import type { Command, Verdict } from './command.js';
import { CommandDrawing } from './draw.js';
import type { FleetingKey } from './fleeting-keys.js';
import type { Attempt, History } from './history.js';
import { type Reply, type ReplyReader, RespReplyReader, TextReplyReader } from './replies.js';
import { respGet, respGuarded, respReadOnly, respReadWrite, respWatch } from './resp-commands.js';
import type { ClientTemper } from './temper.js';

export interface ClientOptions {
  readonly id: number;
  readonly world: World;
  readonly network: SimulatedNetwork;
  readonly random: Random;
  readonly temper: ClientTemper;
  readonly keys: readonly string[];
  /** Keys with a TTL that all clients look at. */
  readonly fleetingKeys: FleetingKey[];
  readonly history: History;
  /** The ports of the servers that there are. */
  readonly serverPorts: () => readonly number[];
  /** Those that there may ever be. */
  readonly allServerPorts: readonly number[];
  /** The number of the process that runs, or ran last. */
  readonly process: () => number;
  readonly routerPort: number;
  /** As a client in the process of the cluster looks keys up. */
  readonly lookUp: LookUp;
  readonly hasPassword: boolean;
  readonly onViolation: (error: unknown) => void;
  readonly trace: (what: () => string) => void;
}

/** A command that was sent. */
interface Pending {
  readonly command: Command;
  readonly attempt: Attempt | undefined;
  readonly sentAtMs: number;
  readonly onVerdict: ((verdict: Verdict) => void) | undefined;
}

/** One connection, and what was sent on it. */
interface Connection {
  /** In the history. */
  readonly stream: number;
  readonly reader: ReplyReader;
  readonly pending: Pending[];
  end: ClientEnd | undefined;
  /** It sends no more: it ended its side, or goes elsewhere once it has all replies. */
  isLeaving: boolean;
  hasHalfClosed: boolean;
  /** It sent commands that are not answered. */
  hasSilent: boolean;
  /** A watched key is read, and a transaction to follow. */
  isWatching: boolean;
  /** MULTI was sent, and what follows it waits for the reply. */
  isInTransaction: boolean;
  /** READONLY was sent. */
  isReadOnly: boolean;
  /** The password was sent, or there is none. */
  isAdmitted: boolean;
}

const HOST = 'simulated';
const MAX_RECONNECT_PAUSE_MS = 60;
const MAX_READING_PAUSE_MS = 200;
/** How often a client that reads at any server goes to another one, and says READWRITE, when it could send. */
const MOVE_RATE = 0.03;
const READ_WRITE_RATE = 0.02;
/** How often it follows what it is told by MOVED, and asks there. */
const FOLLOW_RATE = 0.05;
/** How often it says RESET, if there is a password, which it has to tell again then. */
const RESET_RATE = 0.02;

const STEP_BYTES = 256 * 1024;

export class SimulatedClient {
  readonly #options: ClientOptions;
  readonly #drawing: CommandDrawing;
  #connection: Connection | undefined;
  #target: number;
  #isSendDue = false;
  /** Commands that came to what they should; and each {@link STEP_BYTES} of replies, for a long one takes long to come. */
  acknowledged = 0;
  /** Not counted yet. */
  #receivedBytes = 0;
  /** Sends commands. */
  isActive = true;
  #isPatient = false;
  #restsUntilMs = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#drawing = new CommandDrawing({
      ...options,
      client: options.id,
      nowMs: () => options.world.nowMs,
    });
    this.#target = this.#anyPort();
  }

  /** Commands without a reply that must come. */
  get unanswered(): number {
    return this.#connection?.pending.filter(({ command }) => !command.isSilent).length ?? 0;
  }

  start(): void {
    this.#connect();
  }

  get id(): number {
    return this.#options.id;
  }

  get readsAtReplicas(): boolean {
    return this.#options.temper.readsAtReplicas;
  }

  /** It sends nothing for `durationMs`. */
  rest(durationMs: number): void {
    this.#restsUntilMs = this.#options.world.nowMs + durationMs;
  }

  /** From now on it waits for replies as long as it takes, and neither vanishes nor is slow. */
  becomePatient(): void {
    this.#isPatient = true;
    this.#connection?.end?.resumeReading();
  }

  #anyPort(): number {
    const { temper, random, serverPorts, routerPort } = this.#options;
    return temper.via === 'router' ? routerPort : random.of(serverPorts());
  }

  #connect(): void {
    const { network, temper, history } = this.#options;
    const connection: Connection = {
      stream: history.newStream(),
      reader: temper.protocol === 'text' ? new TextReplyReader() : new RespReplyReader(),
      pending: [],
      end: undefined,
      isLeaving: false,
      hasHalfClosed: false,
      hasSilent: false,
      isWatching: false,
      isInTransaction: false,
      isReadOnly: false,
      isAdmitted: !this.#options.hasPassword,
    };
    this.#connection = connection;
    network.connect(
      { host: HOST, port: this.#target },
      {
        onConnected: (end) => {
          connection.end = end;
          this.#sendSoon();
        },
        onData: (bytes) => this.#takeGuarded(connection, bytes),
        onEnd: () => this.#lose(connection, 'ended'),
        onReset: () => this.#lose(connection, 'reset'),
      },
    );
  }

  /** Its connection is gone: what was not answered has an unknown outcome. */
  #lose(connection: Connection, how: string): void {
    if (connection !== this.#connection) return;
    const { history, world, random } = this.#options;
    this.#note(() => `${how} with ${connection.pending.length} unanswered`);
    for (const { attempt } of connection.pending)
      if (attempt !== undefined) history.settle(attempt, { type: 'unknown' }, world.nowMs);
    this.#connection = undefined;
    if (!connection.isLeaving || connection.hasHalfClosed) this.#target = this.#anyPort();
    world.timeline.after(random.between(0, MAX_RECONNECT_PAUSE_MS), () => this.#connect());
  }

  #leave(connection: Connection, how: string): void {
    connection.end?.destroy();
    this.#lose(connection, how);
  }

  #sendSoon(): void {
    if (this.#isSendDue) return;
    this.#isSendDue = true;
    const { world, random, temper } = this.#options;
    const pauseMs = random.chance(0.5) ? 0 : random.between(0, temper.maxPauseMs);
    world.timeline.at(Math.max(world.nowMs, this.#restsUntilMs) + pauseMs, () => {
      this.#isSendDue = false;
      this.#send();
    });
  }

  /** Sends as much as it may, or does something else with its connection. */
  #send(): void {
    const connection = this.#connection;
    if (connection?.end === undefined || connection.isLeaving || !this.isActive) return;
    const { random, temper } = this.#options;
    if (!this.#isPatient) {
      if (random.chance(temper.vanishRate)) {
        this.#leave(connection, 'vanishes');
        return;
      }
      if (random.chance(temper.halfCloseRate)) {
        this.#note(() => 'ends its side');
        connection.isLeaving = true;
        connection.hasHalfClosed = true;
        connection.end.end();
        return;
      }
      if (random.chance(temper.stopReadingRate)) this.#stopReading(connection.end);
    }
    if (temper.readsAtReplicas && random.chance(MOVE_RATE)) {
      this.#goTo(this.#anyPort(), connection);
      return;
    }
    const bytes = this.#ask(connection);
    while (
      !connection.isInTransaction &&
      connection.pending.length < temper.depth &&
      bytes.length < temper.burst
    ) {
      for (const pending of this.#nextCommands(connection)) {
        connection.pending.push(pending);
        connection.hasSilent ||= pending.command.isSilent;
        bytes.push(pending.command.bytes);
      }
    }
    if (bytes.length > 0) connection.end.write(Buffer.concat(bytes));
    // What is never answered makes no room by itself.
    if (connection.pending.every(({ command }) => command.isSilent)) connection.pending.splice(0);
    if (!connection.isInTransaction && connection.pending.length < temper.depth) this.#sendSoon();
  }

  /** Asks to be let in, if there is a password that it has not told since it came, or since it said RESET. */
  #ask(connection: Connection): Uint8Array[] {
    const { temper, random, hasPassword } = this.#options;
    if (!hasPassword) return [];
    const commands: Command[] = [];
    const mayReset = temper.protocol === 'resp' && !connection.isWatching && !connection.isInTransaction;
    if (connection.isAdmitted && mayReset && random.chance(RESET_RATE)) {
      commands.push(respReset());
      connection.isAdmitted = false;
      connection.isReadOnly = false;
    }
    if (connection.isAdmitted) return [];
    connection.isAdmitted = true;
    const key = this.#drawing.anyKey();
    commands.push(
      ...admission({ protocol: temper.protocol, random, key, newValue: () => this.#drawing.newValue(key) }),
    );
    const last = commands.at(-1);
    for (const command of commands) {
      const onVerdict = ({ type }: Verdict) => {
        if (type !== 'fine') this.#leave(connection, 'is not let in');
      };
      connection.pending.push(this.#begin(connection, command, command === last ? onVerdict : undefined));
    }
    return commands.map(({ bytes }) => bytes);
  }

  /** Goes to another server once it has all replies. */
  #goTo(port: number, connection: Connection): void {
    connection.isLeaving = true;
    this.#target = port;
    if (connection.pending.length === 0) this.#leave(connection, 'goes elsewhere');
  }

  #nextCommands(connection: Connection): Pending[] {
    const { temper, random } = this.#options;
    if (temper.readsAtReplicas) {
      const { isReadOnly } = connection;
      connection.isReadOnly = !isReadOnly || !random.chance(READ_WRITE_RATE);
      if (connection.isReadOnly !== isReadOnly)
        return [this.#begin(connection, isReadOnly ? respReadWrite() : respReadOnly())];
    }
    const mayWatch = temper.protocol === 'resp' && !connection.isWatching;
    if (mayWatch && random.chance(temper.transactionRate / 2)) return this.#watch(connection);
    const commands = this.#drawing.next();
    // Another transaction would end the watch.
    if (connection.isWatching && commands.length > 1) return [];
    const [first, ...rest] = commands;
    if (first !== undefined && rest.length > 0) return [this.#openTransaction(connection, first, rest)];
    return commands.map((command) => this.#begin(connection, command));
  }

  #begin({ stream }: Connection, command: Command, onVerdict?: (verdict: Verdict) => void): Pending {
    const { history, id, world } = this.#options;
    const attempt = history.begin(id, stream, command, world.nowMs);
    const pending = { command, attempt, sentAtMs: world.nowMs, onVerdict };
    this.#watchTimeout(pending);
    return pending;
  }

  /**
   * Sends MULTI, and the rest once that was taken, with nothing in between: what follows a MULTI that was refused would be
   * executed by itself.
   */
  #openTransaction(connection: Connection, multi: Command, rest: readonly Command[]): Pending {
    connection.isInTransaction = true;
    return this.#begin(connection, multi, (verdict) => {
      connection.isInTransaction = false;
      if (verdict.type !== 'fine' || connection.isLeaving) return;
      for (const command of rest) connection.pending.push(this.#begin(connection, command));
      connection.end?.write(Buffer.concat(rest.map(({ bytes }) => bytes)));
    });
  }

  /** Watches a key, reads it, and replaces what it has read in a transaction. */
  #watch(connection: Connection): Pending[] {
    const key = this.#drawing.anyKey();
    connection.isWatching = true;
    let isWatched = false;
    return [
      this.#begin(connection, respWatch(key), (verdict) => {
        isWatched = verdict.type === 'fine';
      }),
      this.#begin(connection, respGet(key), (verdict) => {
        connection.isWatching = false;
        if (verdict.type !== 'outcome' || !isWatched || connection.isLeaving) return;
        const { outcome } = verdict;
        if (outcome.type === 'unknown') return;
        const expected = outcome.type === 'found' ? outcome.value : undefined;
        const [first, ...rest] = respGuarded(key, expected, this.#drawing.newValue(key));
        if (first === undefined) return;
        const pending = this.#openTransaction(connection, first, rest);
        connection.pending.push(pending);
        connection.end?.write(first.bytes);
      }),
    ];
  }

  #watchTimeout(pending: Pending): void {
    const { world, temper } = this.#options;
    world.timeline.after(temper.timeoutMs, () => {
      const connection = this.#connection;
      if (this.#isPatient || connection === undefined || pending.command.isSilent) return;
      if (connection.pending.includes(pending)) this.#leave(connection, 'has waited long enough');
    });
  }

  #stopReading(end: ClientEnd): void {
    const { world, random } = this.#options;
    end.pauseReading();
    world.timeline.after(random.between(0, MAX_READING_PAUSE_MS), () => end.resumeReading());
  }

  #takeGuarded(connection: Connection, bytes: Uint8Array): void {
    try {
      this.#take(connection, bytes);
    } catch (error) {
      this.#options.onViolation(error);
    }
  }

  #take(connection: Connection, bytes: Uint8Array): void {
    if (connection !== this.#connection) return;
    this.#receivedBytes += bytes.byteLength;
    if (this.#receivedBytes >= STEP_BYTES) {
      this.#receivedBytes = 0;
      this.acknowledged += 1;
    }
    connection.reader.push(bytes);
    for (let reply = connection.reader.next(); reply !== undefined; reply = connection.reader.next()) {
      this.#settle(connection, reply);
      if (connection !== this.#connection) return;
    }
    if (connection.isLeaving && !connection.hasHalfClosed && connection.pending.length === 0)
      this.#leave(connection, 'goes elsewhere');
    else if (connection.pending.length < this.#options.temper.depth) this.#sendSoon();
  }

  /** A reply is for the first command that waits for one. */
  #settle(connection: Connection, reply: Reply): void {
    const { history, world } = this.#options;
    const { pending } = connection;
    const place = pending.findIndex(({ command }) => !command.isSilent);
    const one = pending[place] ?? pending[0];
    const verdict = one?.command.judge(reply) ?? { type: 'wrong' };
    // For a silent write, before a command that no server sends elsewhere.
    if (verdict.type === 'wrong' && connection.hasSilent && this.#isRedirect(reply)) {
      this.#leave(connection, 'goes elsewhere');
      return;
    }
    if (one === undefined || verdict.type === 'wrong') throw this.#strange(reply, one);
    this.#note(() => `<- ${describeReply(reply)}`);
    if (this.#isUnknownTooSoon(one, reply))
      throw new PropertyViolation('outcomes', `client ${this.#options.id} is told ${describeReply(reply)}`);
    if (verdict.type === 'elsewhere') {
      if (!this.#options.allServerPorts.includes(verdict.port)) throw this.#strange(reply, one);
      if (this.#options.temper.via === 'router') throw this.#strange(reply, one);
      if (this.#follows) {
        connection.isLeaving = true;
        this.#target = verdict.port;
      }
      // A silent write is answered then, too: whose reply this is cannot be told.
      if (connection.hasSilent) {
        this.#leave(connection, 'goes elsewhere');
        return;
      }
    }
    for (const silent of pending.splice(0, Math.max(0, place))) this.#forget(silent);
    pending.shift();
    if (one.attempt !== undefined) {
      if (verdict.type === 'outcome') history.settle(one.attempt, verdict.outcome, world.nowMs);
      else history.withdraw(one.attempt);
    }
    if (verdict.type === 'outcome' && verdict.outcome.type !== 'unknown') {
      this.acknowledged += 1;
      const { outcome } = verdict;
      if (outcome.type === 'stored' && outcome.version !== undefined && one.command.operation !== undefined)
        this.#drawing.noteVersion(one.command.operation.key, outcome.version);
    }
    one.onVerdict?.(verdict);
  }

  /** Whether it goes where it is told to. One that reads anywhere may as well leave it at that. */
  get #follows(): boolean {
    const { temper, random } = this.#options;
    return !temper.readsAtReplicas || random.chance(FOLLOW_RATE);
  }

  /** The router says that it does not know what became of a write, without having waited for a leader as long as it may. */
  #isUnknownTooSoon({ command, sentAtMs }: Pending, reply: Reply): boolean {
    const { temper, world } = this.#options;
    const { operation } = command;
    // In the text protocol, writes that were refused are answered in the same way.
    if (temper.via !== 'router' || reply.type !== 'error' || !reply.text.startsWith('UNKNOWN ')) return false;
    // That it was executed is known.
    if (reply.text === RESULT_TOO_LONG.message) return false;
    return operation !== undefined && !isRead(operation.action) && world.nowMs - sentAtMs < LEADER_WAIT_MS;
  }

  /** A write that is not answered is, by a server that does not lead. */
  #isRedirect(reply: Reply): boolean {
    const { temper } = this.#options;
    return temper.via === 'servers' && reply.type === 'error' && reply.text.startsWith('ERR_REDIRECT ');
  }

  #forget({ attempt }: Pending): void {
    if (attempt !== undefined) this.#options.history.settle(attempt, { type: 'unknown' }, 0);
  }

  #strange(reply: Reply, one: Pending | undefined): PropertyViolation {
    const asked =
      one === undefined ? 'nothing' : Buffer.from(one.command.bytes.subarray(0, 60)).toString('latin1');
    const what = `client ${this.#options.id} is told ${describeReply(reply)}, and had asked ${JSON.stringify(asked)}`;
    return new PropertyViolation('replies', what);
  }

  #note(what: () => string): void {
    this.#options.trace(() => `client ${this.#options.id} ${what()}`);
  }
}

function describeReply(reply: Reply): string {
  const text = JSON.stringify(reply);
  return text.length <= 120 ? text : `${text.slice(0, 120)}...`;
}
