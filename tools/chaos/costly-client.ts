/** A client that asks for what costs a server most, again and again. It has keys of its own, which no other client looks at. */

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { dial } from '../support/dial.js';
import { encodeCommand } from '../support/redis-client.js';

type Command = readonly string[];

/** What it asks for. */
export interface Cost {
  readonly name: string;
  /** Asked for once, before. */
  readonly preparation: readonly Command[];
  /** Sent in one piece, again and again. */
  readonly round: readonly Command[];
}

const REFUSED_PAUSE_MS = 20;
/** What is costly takes its time, but not for ever. */
const TIMEOUT_MS = 30_000;
const MIB = 1024 * 1024;
const LARGE: Command = ['SET', 'costly:large', 'v'.repeat(MIB - 1)];

export const COSTS: readonly Cost[] = [
  {
    name: 'KEYS with a hard pattern',
    preparation: [['SET', `costly:${'a'.repeat(100_000)}`, 'v']],
    round: [['KEYS', `*${'a'.repeat(6_000)}b`]],
  },
  {
    name: 'SETRANGE of a large value',
    preparation: [LARGE],
    round: repeated(1_000, ['SETRANGE', 'costly:large', `${MIB - 2}`, 'y']),
  },
  {
    name: 'BITCOUNT of a large value',
    preparation: [LARGE],
    round: repeated(300, ['BITCOUNT', 'costly:large']),
  },
  {
    name: 'BITFIELD of 5,000 operations',
    preparation: [LARGE],
    round: [
      [
        'BITFIELD',
        'costly:large',
        ...Array.from({ length: 5_000 }, (_, i) => ['INCRBY', 'u8', `#${i}`, '1']).flat(),
      ],
    ],
  },
  {
    name: 'MGET of 20 MB',
    preparation: [['SET', 'costly:wide', 'v'.repeat(20_000)]],
    round: [['MGET', ...Array.from({ length: 1_000 }, () => 'costly:wide')]],
  },
  {
    name: 'EXEC of 10,000 writes',
    preparation: [],
    round: [
      ['MULTI'],
      ...Array.from({ length: 10_000 }, (_, i) => ['SET', `costly:${i % 100}`, `${i}`]),
      ['EXEC'],
    ],
  },
];

/**
 * Asks until `isOver`, one round at a time, and removes its keys. Connections that are closed are made again. Rejects when one
 * stays open without an answer.
 */
export async function askForMuch(
  { preparation, round }: Cost,
  port: number,
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    const asker = await Asker.connect(port).catch(() => undefined);
    if (asker === undefined) {
      await pause(REFUSED_PAUSE_MS);
      continue;
    }
    try {
      await asker.ask(preparation);
      while (!isOver() && !asker.isClosed) await asker.ask(round);
      await asker.ask([['DEL', ...keysOf([...preparation, ...round])]]);
    } finally {
      asker.close();
    }
  }
}

function keysOf(commands: readonly Command[]): readonly string[] {
  const keys = commands.flatMap(([, key]) => (key?.startsWith('costly:') ? [key] : []));
  return [...new Set(keys)];
}

/** A connection that does not keep what it is told. */
class Asker {
  readonly #socket: Socket;
  #askCount = 0;
  #end = '';
  #onChange: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.#end = (this.#end + text).slice(-MARK_CHARS);
      this.#onChange();
    });
    socket.on('close', () => this.#onChange());
  }

  /** Rejects when nobody listens there. */
  static async connect(port: number): Promise<Asker> {
    const socket = dial(port);
    await once(socket, 'connect');
    return new Asker(socket);
  }

  get isClosed(): boolean {
    return this.#socket.destroyed;
  }

  /** Resolves once all are answered, or the connection is closed. */
  async ask(commands: readonly Command[]): Promise<void> {
    this.#askCount += 1;
    const mark = `answered ${this.#askCount}`;
    this.#socket.write([...commands, ['ECHO', mark]].map(encodeCommand).join(''), 'latin1');
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`no answer to ${commands[0]?.[0]} after ${TIMEOUT_MS} ms`)),
        TIMEOUT_MS,
      );
      this.#onChange = () => {
        if (!this.isClosed && !this.#end.includes(mark)) return;
        clearTimeout(late);
        resolve();
      };
      this.#onChange();
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** More than the reply to ECHO takes. */
const MARK_CHARS = 64;

function repeated(count: number, command: Command): Command[] {
  return Array.from({ length: count }, () => command);
}
