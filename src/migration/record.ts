/** What a migration copies of a key, and the sum by which two stores are compared. */

import { createHash } from 'node:crypto';
import type { NamedRecord } from '../state-machine/image-writer.js';

/** A key with all that is known of it. The revision is not the same everywhere, and so not compared. */
export type MigratedRecord = NamedRecord;

export interface SumOfRecords {
  readonly count: number;
  /** Of keys, values, versions and deadlines, whatever the order of the keys; in hexadecimal digits. */
  readonly checksum: string;
}

/** Where nothing is compared but what lives: the instant, in ms since the epoch. All records count without one. */
export type AsOf = number | undefined;

const WORDS = 8;
const HEADER_BYTES = 24;

/** Counts records and adds up their hashes (SHA-256, its words each modulo 2^32). */
export class RecordSum {
  readonly #asOfMs: AsOf;
  readonly #words = new Uint32Array(WORDS);
  #count = 0;

  constructor(asOfMs: AsOf = undefined) {
    this.#asOfMs = asOfMs;
  }

  add(records: readonly MigratedRecord[]): void {
    for (const record of records) if (isLive(record, this.#asOfMs)) this.#add(record);
  }

  get sum(): SumOfRecords {
    const words = [...this.#words].map((word) => word.toString(16).padStart(8, '0'));
    return { count: this.#count, checksum: words.join('') };
  }

  #add({ key, value, version, deadlineMs }: MigratedRecord): void {
    const header = Buffer.allocUnsafe(HEADER_BYTES);
    header.writeUInt32LE(key.length, 0);
    header.writeUInt32LE(value.length, 4);
    header.writeDoubleLE(version, 8);
    header.writeDoubleLE(deadlineMs, 16);
    const hash = createHash('sha256').update(header).update(key, 'latin1').update(value, 'latin1').digest();
    for (let word = 0; word < WORDS; word += 1)
      this.#words[word] = (this.#words[word] ?? 0) + hash.readUInt32LE(4 * word);
    this.#count += 1;
  }
}

/** Whether the key is not past its deadline at that instant. */
export function isLive({ deadlineMs }: Pick<MigratedRecord, 'deadlineMs'>, asOfMs: AsOf): boolean {
  return asOfMs === undefined || deadlineMs === 0 || deadlineMs > asOfMs;
}

/** The bytes of a record's name and value. */
export function bytesOf({ key, value }: MigratedRecord): number {
  return key.length + value.length;
}
