/** Clients of both protocols that write through the router, one command after the other, while the members change. */

import { RedisClient } from '../../support/redis-client.js';
import { TextClient } from '../../support/text-client.js';

/** One client, and the key that it alone writes: values are the numbers of its writes. */
interface Writer {
  readonly key: string;
  /** Resolves to undefined once the number is stored, else to what was answered. */
  readonly set: (value: number) => Promise<string | undefined>;
  readonly close: () => void;
  sent: number;
  acknowledged: number;
}

export class SteadyWriters {
  /** What was answered that is no acknowledgement. */
  readonly errors: string[] = [];
  readonly #writers: readonly Writer[];
  readonly #running: Promise<unknown>;
  #isOver = false;
  #lastAckMs = performance.now();
  #longestGapMs = 0;

  private constructor(writers: readonly Writer[]) {
    this.#writers = writers;
    this.#running = Promise.all(writers.map((writer) => this.#write(writer)));
  }

  /** Half of them speak the text protocol, the others Redis's. */
  static async start(port: number, clients: number): Promise<SteadyWriters> {
    const writers = Array.from({ length: clients }, (_, i) =>
      i % 2 === 0 ? textWriter(port, `steady-${i}`) : redisWriter(port, `steady-${i}`),
    );
    return new SteadyWriters(await Promise.all(writers));
  }

  get acknowledged(): number {
    return this.#writers.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  }

  /** The longest time without an acknowledgement to any of them since this was asked last. */
  takeLongestGapMs(): number {
    const gapMs = Math.max(this.#longestGapMs, performance.now() - this.#lastAckMs);
    this.#longestGapMs = 0;
    return gapMs;
  }

  /** Ends them, and resolves once all are answered. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
    for (const { close } of this.#writers) close();
  }

  /** Resolves to what of the acknowledged writes is not there. To be called once they are stopped. */
  async lost(port: number): Promise<readonly string[]> {
    const reader = await TextClient.connect(port);
    const lost: string[] = [];
    for (const { key, acknowledged, sent } of this.#writers) {
      const reply = await reader.get(key);
      const found = reply.type === 'VALUE' ? Number(reply.value) : 0;
      if (found < acknowledged || found > sent)
        lost.push(`${key} is ${found}: ${acknowledged} was acknowledged, ${sent} was sent last`);
    }
    reader.close();
    return lost;
  }

  async #write(writer: Writer): Promise<void> {
    while (!this.#isOver) {
      writer.sent += 1;
      const wrong = await writer.set(writer.sent).catch((error: unknown) => String(error));
      if (wrong !== undefined) {
        this.errors.push(`${writer.key}: ${wrong}`);
        if (!wrong.startsWith('ERR') && !wrong.startsWith('UNKNOWN')) return;
        continue;
      }
      writer.acknowledged = writer.sent;
      const nowMs = performance.now();
      this.#longestGapMs = Math.max(this.#longestGapMs, nowMs - this.#lastAckMs);
      this.#lastAckMs = nowMs;
    }
  }
}

async function textWriter(port: number, key: string): Promise<Writer> {
  const client = await TextClient.connect(port);
  return {
    key,
    sent: 0,
    acknowledged: 0,
    close: () => client.close(),
    set: async (value) => {
      const { type } = await client.set(key, `${value}`);
      return type === 'OK' ? undefined : type;
    },
  };
}

async function redisWriter(port: number, key: string): Promise<Writer> {
  const client = await RedisClient.connect(port);
  const ended = client.closed.then(() => {
    throw new Error('the connection was closed');
  });
  ended.catch(() => undefined);
  return {
    key,
    sent: 0,
    acknowledged: 0,
    close: () => client.close(),
    set: async (value) => {
      const reply = await Promise.race([client.call('SET', key, `${value}`), ended]);
      const isStored = typeof reply === 'object' && reply !== null && 'simple' in reply;
      if (isStored) return undefined;
      return typeof reply === 'object' && reply !== null && 'error' in reply
        ? reply.error
        : JSON.stringify(reply);
    },
  };
}
