/** What the cases are made of. */

import { crc64 } from '../../../src/state-machine/redis/crc64.js';
import type { CostlyClient } from './costly-client.js';

export interface CostlySite {
  readonly client: CostlyClient;
  readonly routerPort: number;
  readonly serverPorts: readonly number[];
  readonly httpPort: number;
}

/** Resolves to the beginning of what it was answered. */
export type CostlyCase = (site: CostlySite) => Promise<string>;

export const MIB = 1024 * 1024;
export const MANY = 300_000;
/** A value that can be prepended by a character. */
export const NEARLY_FULL = MIB - 1;

/** Names of four characters, so that a command of 300,000 of them is within the limit of a command. */
export function keyAt(number: number): string {
  return number.toString(36).padStart(4, '.');
}

export function keysUpTo(count: number): string[] {
  return Array.from({ length: count }, (_, number) => keyAt(number));
}

export function numbersUpTo(count: number): string[] {
  return Array.from({ length: count }, (_, number) => `${number + 1}`);
}

export function repeated(count: number, ...command: readonly string[]): readonly (readonly string[])[] {
  return Array.from({ length: count }, () => command);
}

export function times<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}

export function inMulti(commands: readonly (readonly string[])[]): readonly (readonly string[])[] {
  return [['MULTI'], ...commands, ['EXEC']];
}

/** The value as DUMP would tell it, in the format of RDB 11. */
export function dumped(value: string): string {
  const head = Buffer.from([0x00, 0x80, 0, 0, 0, 0]);
  head.writeUInt32BE(value.length, 2);
  const content = Buffer.concat([head, Buffer.from(value), Buffer.from([11, 0])]);
  return Buffer.concat([content, crc64(content)]).toString('latin1');
}

/** After the commands that prepare it. */
export function after(
  preparation: readonly (readonly string[])[],
  ...commands: Iterable<readonly string[]>[]
): CostlyCase {
  return async ({ client }) => {
    await client.run(preparation);
    let head = '';
    for (const part of commands) head = await client.run(part);
    return head;
  };
}

export const BIG = ['SET', '#big', 'b'.repeat(NEARLY_FULL)] as const;
export const BIG_VALUES = Array.from(
  { length: 31 },
  (_, i) => ['SET', `#big${i}`, 'b'.repeat(NEARLY_FULL)] as const,
);
export const ZEROS = ['SET', '#zeros', '\0'.repeat(NEARLY_FULL)] as const;
export const BIG_KEYS = BIG_VALUES.map(([, key]) => key);

/** Loads as many keys, the text of one command after the other. */
export async function load(client: CostlyClient, keys: number): Promise<void> {
  const atOnce = 1_000;
  function* commands(): Generator<readonly string[]> {
    for (let from = 0; from < keys; from += atOnce) {
      const args: string[] = ['MSET'];
      for (let number = from; number < Math.min(keys, from + atOnce); number += 1)
        args.push(keyAt(number), 'v');
      yield args;
    }
  }
  await client.run(commands());
}
