/** What a migration asks a running cluster besides its changes: some of its keys, a pause of writes, the last revision. */

import type { Address, ClientWorld, Link } from '../client/world.js';
import { messageOf } from '../error-message.js';
import { MAX_KEY_BYTES } from '../limits.js';
import { type Compared, shortened } from './compared.js';
import { MigrationError } from './migration-errors.js';

export interface ClusterLinkOptions {
  readonly address: Address;
  readonly name: string;
  readonly password: string | undefined;
  readonly world: ClientWorld;
}

const ANSWER_TIMEOUT_MS = 10_000;
const WATCHING = 'WATCHING ';
const LINE_BREAK = '\r\n';

interface Reply {
  readonly line: string;
  /** Of lines that are followed by one. */
  readonly value: string | undefined;
}

export class ClusterLink {
  readonly #options: ClusterLinkOptions;

  constructor(options: ClusterLinkOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  /** When each of the keys expires, in ms since the epoch; 0 for never, undefined for one that is not there. */
  async deadlines(keys: readonly string[]): Promise<readonly (number | undefined)[]> {
    return this.#ask(
      keys.map((key) => ['PEXPIRETIME', key]),
      ({ line }) => {
        const deadlineMs = numberIn(line);
        return deadlineMs === -1 ? 0 : deadlineMs < 0 ? undefined : deadlineMs;
      },
    );
  }

  /** Has all writes wait, at most for so long. Those that were under way are over then. */
  async pauseWrites(durationMs: number): Promise<void> {
    await this.#ask([['CLIENT', 'PAUSE', `${durationMs}`, 'WRITE']], ({ line }) => line);
  }

  async resumeWrites(): Promise<void> {
    await this.#ask([['CLIENT', 'UNPAUSE']], ({ line }) => line);
  }

  /** The revision of the last change. */
  async lastRevision(): Promise<number> {
    const [revision = 0] = await this.#askText(['watch *'], ({ line }) =>
      line.startsWith(WATCHING) ? Number(line.slice(WATCHING.length)) : this.#refuse(line),
    );
    return revision;
  }

  /** How many keys there are. */
  async keyCount(): Promise<number> {
    const [count = 0] = await this.#ask([['DBSIZE']], ({ line }) => numberIn(line));
    return count;
  }

  /** Whether its keys are in etcd: there DBSIZE in a transaction is refused, with the engine's name. */
  async isOnEtcd(): Promise<boolean> {
    const { password } = this.#options;
    const auth = password === undefined ? '' : encoded(['AUTH', password]);
    const lines = await this.#exchange(auth, [['MULTI'], ['DBSIZE'], ['EXEC']], encoded, ({ line }) => line);
    return lines.at(-1)?.includes('--engine etcd') === true;
  }

  /** What is compared of each of the keys, undefined for one that is not there. Long values are shortened. */
  async records(keys: readonly string[]): Promise<ReadonlyMap<string, Compared | undefined>> {
    const words = keys.filter(isWord);
    const others = keys.filter((key) => !isWord(key));
    const found = [
      ...(await this.#askText(
        words.map((word) => `gets ${word}`),
        (reply) => this.#versioned(reply),
      )),
      ...(await this.#ask(
        others.map((key) => ['GET', key]),
        ({ value }) => (value === undefined ? undefined : { value: shortened(value), version: undefined }),
      )),
    ];
    const names = [...words, ...others];
    const deadlines = await this.deadlines(names);
    return new Map(
      names.map((key, place) => {
        const deadlineMs = deadlines[place];
        const record = found[place];
        return [
          key,
          record === undefined || deadlineMs === undefined ? undefined : { ...record, deadlineMs },
        ];
      }),
    );
  }

  /** `VALUE <version> <exptime> <revision> <numbytes>`, if there is such a key. */
  #versioned({ line, value }: Reply): Pick<Compared, 'value' | 'version'> | undefined {
    if (line === 'ERR_NOT_FOUND') return undefined;
    if (value === undefined) return this.#refuse(line);
    return { value: shortened(value), version: Number(line.split(' ')[1]) };
  }

  /** Commands of the text protocol, whose replies are read in their order. */
  #askText<T>(lines: readonly string[], read: (reply: Reply) => T): Promise<readonly T[]> {
    const { password } = this.#options;
    const auth = password === undefined ? '' : `auth ${password}\r\n`;
    return this.#exchange(auth, lines, (line) => `${line}\r\n`, read);
  }

  /** Commands of Redis's protocol. */
  #ask<T>(commands: readonly (readonly string[])[], read: (reply: Reply) => T): Promise<readonly T[]> {
    const { password } = this.#options;
    const auth = password === undefined ? '' : encoded(['AUTH', password]);
    return this.#exchange(auth, commands, encoded, (reply) =>
      reply.line.startsWith('-') ? this.#refuse(reply.line.slice(1)) : read(reply),
    );
  }

  /** Sends it on a connection of its own, and resolves to what is read of the replies. */
  #exchange<C, T>(
    auth: string,
    commands: readonly C[],
    encode: (command: C) => string,
    read: (reply: Reply) => T,
  ): Promise<readonly T[]> {
    if (commands.length === 0) return Promise.resolve([]);
    const { address, world, name } = this.#options;
    return new Promise((resolve, reject) => {
      const replies = new Replies();
      const results: T[] = [];
      let isKnown = auth === '';
      const end = (error?: Error) => {
        timer.cancel();
        link.destroy();
        if (error === undefined) resolve(results);
        else if (error instanceof MigrationError) reject(error);
        else reject(new MigrationError(`${name} does not answer (${error.message})`, { cause: error }));
      };
      const timer = world.environment.startTimer(
        () => end(new Error(`not all within ${ANSWER_TIMEOUT_MS} ms`)),
        ANSWER_TIMEOUT_MS,
      );
      const take = (bytes: Uint8Array) => {
        replies.push(bytes);
        for (let reply = replies.next(); reply !== undefined; reply = replies.next()) {
          if (isKnown) results.push(read(reply));
          else if (!/^\+?OK$/.test(reply.line)) this.#refuse(reply.line);
          isKnown = true;
          if (results.length === commands.length) return end();
        }
      };
      const link: Link = world.dial(address, {
        onOpen: () => link.write(Buffer.from(auth + commands.map(encode).join(''), 'latin1')),
        onData: (bytes) => {
          try {
            take(bytes);
          } catch (error) {
            end(error instanceof Error ? error : new Error(messageOf(error)));
          }
        },
        onClosed: end,
      });
    });
  }

  #refuse(line: string): never {
    throw new MigrationError(`${this.#options.name} refuses: ${line}`);
  }
}

/** Replies of either protocol, one character per byte. */
class Replies {
  #text = '';
  #start = 0;

  push(bytes: Uint8Array): void {
    this.#text = this.#text.slice(this.#start) + Buffer.from(bytes).toString('latin1');
    this.#start = 0;
  }

  /** Undefined until more bytes come. */
  next(): Reply | undefined {
    const lineEnd = this.#text.indexOf(LINE_BREAK, this.#start);
    if (lineEnd === -1) return undefined;
    const line = this.#text.slice(this.#start, lineEnd);
    const length = /^(?:\$|VALUE .* )(\d+)$/.exec(line)?.[1];
    const valueStart = lineEnd + LINE_BREAK.length;
    if (length === undefined) {
      this.#start = valueStart;
      return { line, value: undefined };
    }
    const valueEnd = valueStart + Number(length);
    if (this.#text.length < valueEnd + LINE_BREAK.length) return undefined;
    this.#start = valueEnd + LINE_BREAK.length;
    return { line, value: this.#text.slice(valueStart, valueEnd) };
  }
}

/** Whether the text protocol takes it as the name of a key, at the end of a line. */
function isWord(key: string): boolean {
  return key.length <= MAX_KEY_BYTES && /^[^\0-\x20\x7f]+$/.test(key) && !/HTTP\/1\.[01]$/.test(key);
}

function encoded(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

function numberIn(line: string): number {
  const number = Number(line.slice(1));
  if (!line.startsWith(':') || !Number.isFinite(number)) throw new MigrationError(`no number: ${line}`);
  return number;
}
