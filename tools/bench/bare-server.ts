/**
 * The least that can answer the text protocol: a map in memory, one process, no replication, no disk, no expiry, and
 * no care for malformed commands.
 *
 * What the load generator reaches against it is the generator's own ceiling, and tests of the measuring tools run
 * against it where the real program would only get in the way.
 */

import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';

interface Entry {
  readonly version: number;
  readonly value: string;
}

/** What servers of one cluster share. */
export type BareStore = Map<string, Entry>;

export interface BareServerOptions {
  /** 0 for any that is free. */
  readonly port: number;
  readonly store: BareStore;
  /** The port that commands are redirected to, or undefined to answer them here. */
  readonly redirectTo?: () => number | undefined;
  /** How long commands wait for their replies: for tests of what measures them. */
  readonly answerAfterMs?: number;
}

export class BareServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor({ store, redirectTo = () => undefined, answerAfterMs = 0 }: BareServerOptions) {
    this.#server = createServer({ noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      socket.on('error', () => undefined);
      answer(socket, store, redirectTo, answerAfterMs);
    });
  }

  /** Resolves once it listens on 127.0.0.1. */
  static async listen(options: BareServerOptions): Promise<BareServer> {
    const server = new BareServer(options);
    server.#server.listen(options.port, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Closes the port and every connection at once, as the death of a process does. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

function answer(
  socket: Socket,
  store: BareStore,
  redirectTo: () => number | undefined,
  answerAfterMs: number,
): void {
  let unread = '';
  socket.setEncoding('latin1');
  socket.on('data', (text: string) => {
    const input = unread + text;
    let replies = '';
    let at = 0;
    while (true) {
      const command = readCommand(input, at);
      if (command === undefined) break;
      at = command.end;
      const port = redirectTo();
      replies += port === undefined ? carryOut(store, command) : `ERR_REDIRECT 127.0.0.1 ${port}\r\n`;
    }
    unread = input.slice(at);
    if (replies === '') return;
    if (answerAfterMs === 0) socket.write(replies, 'latin1');
    else setTimeout(() => socket.write(replies, 'latin1'), answerAfterMs);
  });
}

interface Command {
  readonly words: readonly string[];
  readonly value: string;
  /** Where the next command begins. */
  readonly end: number;
}

/** The command at `start`, or undefined while it is incomplete. */
function readCommand(input: string, start: number): Command | undefined {
  const lineEnd = input.indexOf('\r\n', start);
  if (lineEnd === -1) return undefined;
  const words = input.slice(start, lineEnd).split(' ');
  const valueStart = lineEnd + 2;
  if (words[0] !== 'set' && words[0] !== 'cas') return { words, value: '', end: valueStart };
  const valueEnd = valueStart + Number(words.at(-1));
  if (input.length < valueEnd + 2) return undefined;
  return { words, value: input.slice(valueStart, valueEnd), end: valueEnd + 2 };
}

function carryOut(store: BareStore, { words: [name, key = '', , version], value }: Command): string {
  const entry = store.get(key);
  switch (name) {
    case 'set':
      return write(store, key, entry, value);
    case 'get':
      return entry === undefined ? 'ERR_NOT_FOUND\r\n' : `VALUE ${entry.value.length}\r\n${entry.value}\r\n`;
    case 'getm':
      return entry === undefined
        ? 'ERR_NOT_FOUND\r\n'
        : `VALUE ${entry.version} 0 ${entry.value.length}\r\n${entry.value}\r\n`;
    case 'cas':
      if (entry === undefined) return 'ERR_NOT_FOUND\r\n';
      return entry.version === Number(version) ? write(store, key, entry, value) : 'ERR_VERSION\r\n';
    case 'delete':
      return store.delete(key) ? 'DELETED\r\n' : 'ERR_NOT_FOUND\r\n';
    default:
      return 'ERR_CMD_ERR\r\n';
  }
}

function write(store: BareStore, key: string, previous: Entry | undefined, value: string): string {
  const version = (previous?.version ?? 0) + 1;
  store.set(key, { version, value });
  return `OK ${version}\r\n`;
}
