/**
 * A client of the simulated cluster that writes in a session, by the text protocol: what was not answered it sends again, on
 * the next connection, until it knows what became of it. In the history a write and its repeats are one operation.
 */

import { PropertyViolation } from '../../../src/raft/checks/property-violation.js';
import { MIN_SESSION_TTL_S } from '../../../src/session-limits.js';
import type { ClientEnd } from '../world/socket.js';
import { PASSWORD } from './admission.js';
import type { ClientOptions } from './client.js';
import { type Command, newValue } from './command.js';
import type { Attempt } from './history.js';
import { type Reply, TextReplyReader } from './replies.js';
import { textCas, textDelete, textSet } from './text-commands.js';

/** A write that is not known to be done. */
interface Write {
  readonly seq: number;
  readonly command: Command;
  readonly attempt: Attempt | undefined;
}

interface Connection {
  readonly reader: TextReplyReader;
  /** What a reply must come to, in order: the password, the opening of the session, and writes. */
  readonly pending: (Write | 'password' | 'opening')[];
  end: ClientEnd | undefined;
}

const HOST = 'simulated';
const MAX_DEPTH = 4;
const MAX_PAUSE_MS = 50;
const MAX_RECONNECT_PAUSE_MS = 60;
/** How often it breaks its connection when it could send, and how long it waits for a reply. */
const BREAK_RATE = 0.05;
const TIMEOUT_MS = 400;

export class SessionClient {
  readonly #options: ClientOptions;
  readonly #depth: number;
  #connection: Connection | undefined;
  #port: number;
  #session: string | undefined;
  #lastSeq = 0;
  /** By their numbers, in order. */
  readonly #unsettled = new Map<number, Write>();
  readonly #versions = new Map<string, number>();
  #isSendDue = false;
  #isPatient = false;
  #restsUntilMs = 0;
  acknowledged = 0;
  isActive = true;
  readonly readsAtReplicas = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#depth = 1 + options.random.below(MAX_DEPTH);
    this.#port = this.#anyPort();
  }

  get id(): number {
    return this.#options.id;
  }

  get unanswered(): number {
    return this.#unsettled.size + (this.#connection?.pending.length ?? 0);
  }

  start(): void {
    this.#connect();
  }

  rest(durationMs: number): void {
    this.#restsUntilMs = this.#options.world.nowMs + durationMs;
  }

  becomePatient(): void {
    this.#isPatient = true;
  }

  #anyPort(): number {
    const { random, serverPorts, routerPort } = this.#options;
    return random.chance(0.5) ? routerPort : random.of(serverPorts());
  }

  #connect(): void {
    const connection: Connection = { reader: new TextReplyReader(), pending: [], end: undefined };
    this.#connection = connection;
    this.#options.network.connect(
      { host: HOST, port: this.#port },
      {
        onConnected: (end) => {
          connection.end = end;
          if (this.#options.hasPassword) this.#write(connection, 'password', `auth ${PASSWORD}\r\n`);
          this.#sendSoon();
        },
        onData: (bytes) => this.#take(connection, bytes),
        onEnd: () => this.#lose(connection),
        onReset: () => this.#lose(connection),
      },
    );
  }

  #lose(connection: Connection, port = this.#anyPort()): void {
    if (connection !== this.#connection) return;
    const { world, random } = this.#options;
    connection.end?.destroy();
    this.#connection = undefined;
    this.#port = port;
    world.timeline.after(random.between(0, MAX_RECONNECT_PAUSE_MS), () => this.#connect());
  }

  #sendSoon(): void {
    if (this.#isSendDue) return;
    this.#isSendDue = true;
    const { world, random } = this.#options;
    const pauseMs = random.between(0, MAX_PAUSE_MS);
    world.timeline.at(Math.max(world.nowMs, this.#restsUntilMs) + pauseMs, () => {
      this.#isSendDue = false;
      this.#send();
    });
  }

  #send(): void {
    const connection = this.#connection;
    if (connection?.end === undefined) return;
    if (!this.#isPatient && this.#options.random.chance(BREAK_RATE)) {
      this.#lose(connection);
      return;
    }
    if (this.#session === undefined) {
      if (connection.pending.length === 0 && this.isActive)
        this.#write(connection, 'opening', `session open ${MIN_SESSION_TTL_S}\r\n`);
      return;
    }
    for (const write of this.#unsettled.values())
      if (!connection.pending.includes(write)) this.#sendWrite(connection, write);
    while (this.isActive && this.#unsettled.size < this.#depth) this.#sendWrite(connection, this.#newWrite());
  }

  #newWrite(): Write {
    const { history, id, world } = this.#options;
    const command = this.#draw();
    this.#lastSeq += 1;
    // Its repeats go over several connections: no stream says in which order they took effect.
    const attempt = history.begin(id, history.newStream(), command, world.nowMs);
    const write = { seq: this.#lastSeq, command, attempt };
    this.#unsettled.set(write.seq, write);
    return write;
  }

  #draw(): Command {
    const { random, keys, id } = this.#options;
    const key = random.of(keys);
    const value = newValue(key, `${id}.${this.#lastSeq + 1}`, 0);
    switch (random.below(5)) {
      case 0:
        return textDelete(key);
      case 1:
        return textCas({ key, value }, this.#versions.get(key) ?? 1);
      default:
        return textSet({ key, value });
    }
  }

  #sendWrite(connection: Connection, write: Write): void {
    const [first = write.seq] = this.#unsettled.keys();
    const command = Buffer.from(write.command.bytes).toString('latin1');
    this.#write(connection, write, `once ${this.#session} ${write.seq} ${first - 1} ${command}`);
  }

  #write(connection: Connection, what: Write | 'password' | 'opening', text: string): void {
    connection.pending.push(what);
    connection.end?.write(Buffer.from(text, 'latin1'));
    this.#options.world.timeline.after(TIMEOUT_MS, () => {
      if (!this.#isPatient && connection.pending.includes(what)) this.#lose(connection);
    });
  }

  #take(connection: Connection, bytes: Uint8Array): void {
    try {
      if (connection !== this.#connection) return;
      connection.reader.push(bytes);
      for (let reply = connection.reader.next(); reply !== undefined; reply = connection.reader.next()) {
        this.#settle(connection, reply);
        if (connection !== this.#connection) return;
      }
      this.#sendSoon();
    } catch (error) {
      this.#options.onViolation(error);
    }
  }

  #settle(connection: Connection, reply: Reply): void {
    const one = connection.pending.shift();
    if (one === undefined) throw this.#strange(reply, 'nothing');
    if (one === 'password') {
      if (reply.type !== 'status' || reply.text !== 'OK') this.#goOn(connection, reply, 'to be let in');
      return;
    }
    if (one === 'opening') {
      const id = reply.type === 'status' ? /^SESSION (\S+)$/.exec(reply.text)?.[1] : undefined;
      if (id === undefined) this.#goOn(connection, reply, 'a session');
      else this.#session = id;
      return;
    }
    const verdict = one.command.judge(reply);
    if (verdict.type !== 'outcome' || verdict.outcome.type === 'unknown') {
      this.#goOn(connection, reply, one.command);
      return;
    }
    this.acknowledged += 1;
    const { history, world } = this.#options;
    const { outcome } = verdict;
    if (one.attempt !== undefined) history.settle(one.attempt, outcome, world.nowMs);
    if (outcome.type === 'stored' && outcome.version !== undefined && one.command.operation !== undefined)
      this.#versions.set(one.command.operation.key, outcome.version);
    this.#unsettled.delete(one.seq);
  }

  /** The reply does not tell what became of what was asked for: that is asked again, where the reply says, or somewhere. */
  #goOn(connection: Connection, reply: Reply, asked: Command | string): void {
    const [name, , port] = reply.type === 'error' ? reply.text.split(' ') : [];
    if (name === 'ERR_REDIRECT') this.#lose(connection, Number(port));
    else if (name === 'ERR_INTERNAL') this.#lose(connection);
    else throw this.#strange(reply, asked);
  }

  #strange(reply: Reply, asked: Command | string): PropertyViolation {
    const text = typeof asked === 'string' ? asked : Buffer.from(asked.bytes).toString('latin1');
    const what = `client ${this.id} is told ${JSON.stringify(reply)} in its session, and had asked ${JSON.stringify(text)}`;
    return new PropertyViolation('sessions', what);
  }
}
