/** What a migration asks a running cluster besides its changes: exact deadlines, a pause of writes, the last revision. */

import type { Address, ClientWorld, Link } from '../client/world.js';
import { MigrationError } from './migration-errors.js';

export interface ClusterLinkOptions {
  readonly address: Address;
  readonly name: string;
  readonly password: string | undefined;
  readonly world: ClientWorld;
}

const ANSWER_TIMEOUT_MS = 10_000;
const WATCHING = 'WATCHING ';

export class ClusterLink {
  readonly #options: ClusterLinkOptions;

  constructor(options: ClusterLinkOptions) {
    this.#options = options;
  }

  /** When each of the keys expires, in ms since the epoch; 0 for never, undefined for one that is not there. */
  async deadlines(keys: readonly string[]): Promise<readonly (number | undefined)[]> {
    if (keys.length === 0) return [];
    const answers = await this.#ask(keys.map((key) => ['PEXPIRETIME', key]));
    return answers.map((answer) => {
      const deadlineMs = numberIn(answer);
      return deadlineMs === -1 ? 0 : deadlineMs < 0 ? undefined : deadlineMs;
    });
  }

  /** Has all writes wait, at most for so long. Those that were under way are over then. */
  async pauseWrites(durationMs: number): Promise<void> {
    await this.#ask([['CLIENT', 'PAUSE', `${durationMs}`, 'WRITE']]);
  }

  async resumeWrites(): Promise<void> {
    await this.#ask([['CLIENT', 'UNPAUSE']]);
  }

  /** The revision of the last change. */
  async lastRevision(): Promise<number> {
    const { password } = this.#options;
    const asked = `${password === undefined ? '' : `auth ${password}\r\n`}watch *\r\n`;
    const [line = ''] = await this.#exchange(asked, 1, (text) => text !== 'OK');
    if (!line.startsWith(WATCHING)) throw this.#refusal(line);
    return Number(line.slice(WATCHING.length));
  }

  async #ask(commands: readonly (readonly string[])[]): Promise<readonly string[]> {
    const { password } = this.#options;
    const all = password === undefined ? commands : [['AUTH', password], ...commands];
    const lines = await this.#exchange(all.map(encoded).join(''), all.length, () => true);
    for (const line of lines) if (line.startsWith('-')) throw this.#refusal(line.slice(1));
    return password === undefined ? lines : lines.slice(1);
  }

  /** Sends it on a connection of its own, and resolves to so many lines of those that count. */
  #exchange(text: string, count: number, counts: (line: string) => boolean): Promise<readonly string[]> {
    const { address, world, name } = this.#options;
    return new Promise((resolve, reject) => {
      let received = '';
      const lines: string[] = [];
      const end = (error?: Error) => {
        timer.cancel();
        link.destroy();
        if (error === undefined) resolve(lines);
        else reject(new MigrationError(`${name} does not answer (${error.message})`, { cause: error }));
      };
      const timer = world.environment.startTimer(
        () => end(new Error(`nothing within ${ANSWER_TIMEOUT_MS} ms`)),
        ANSWER_TIMEOUT_MS,
      );
      const link: Link = world.dial(address, {
        onOpen: () => link.write(Buffer.from(text, 'latin1')),
        onData: (bytes) => {
          received += Buffer.from(bytes).toString('latin1');
          const parts = received.split('\r\n');
          received = parts.pop() ?? '';
          for (const line of parts) if (lines.length < count && counts(line)) lines.push(line);
          if (lines.length === count) end();
        },
        onClosed: end,
      });
    });
  }

  #refusal(line: string): MigrationError {
    return new MigrationError(`${this.#options.name} refuses: ${line}`);
  }
}

function encoded(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

function numberIn(answer: string): number {
  const number = Number(answer.slice(1));
  if (!answer.startsWith(':') || !Number.isFinite(number)) throw new MigrationError(`no deadline: ${answer}`);
  return number;
}
