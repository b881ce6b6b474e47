/**
 * Keys in etcd as the target of a migration. Each transaction writes records, and in the mark beside them how far the migration
 * is then: so after a kill, or where an answer is missing, the mark tells what was done.
 */

import { type Environment, sleep } from '../environment.js';
import { EtcdRefusalError } from '../etcd/etcd-errors.js';
import type { Leases } from '../etcd/leases.js';
import { RETRY_PAUSE_MS } from '../etcd-limits.js';
import { DEFAULT_MAX_VALUE_BYTES } from '../limits.js';
import { MAX_PUT_BYTES, MAX_PUT_RECORDS } from '../migration-limits.js';
import { type Found, type Position, type ReadBack, type Source, START, type Target } from './ends.js';
import type { EtcdStore, LeasedRecord, StoreChange } from './etcd-store.js';
import { isSilence, NO_CHANGE, pagesOf, patiently } from './etcd-store.js';
import { fieldsIn, positionIn } from './mark.js';
import { MigrationError } from './migration-errors.js';
import { bytesOf, isLive, type MigratedRecord, type SumOfRecords } from './record.js';

const FORMAT = 1;
const ABSENT = 0n;

export interface EtcdTargetOptions {
  readonly store: EtcdStore;
  readonly leases: Leases;
  readonly environment: Environment;
}

export class EtcdTarget implements Target {
  readonly #options: EtcdTargetOptions;
  #modRevision: bigint = ABSENT;
  /** The mark is that of a migration that is at its end, or there is none. */
  #isNew = true;
  #source = '';
  /** As etcd has it. */
  #position: Position = START;
  /** What comes after that, and is not written yet. */
  #waiting: MigratedRecord[] = [];
  #waitingBytes = 0;

  constructor(options: EtcdTargetOptions) {
    this.#options = options;
  }

  async find(): Promise<Found> {
    const { store } = this.#options;
    const mark = await store.readMark();
    this.#modRevision = mark?.modRevision ?? ABSENT;
    const { keys } = await store.facts();
    const found = mark === undefined ? undefined : foundIn(mark.text);
    this.#isNew = found?.state !== 'begun';
    if (found?.state === 'begun' || (found?.state === 'done' && keys > 0)) return found;
    if (keys > 0)
      throw new MigrationError(`there are ${keys} keys with that prefix in etcd: name another --etcd-prefix`);
    return { state: 'nothing' };
  }

  async begin(source: Source, position: Position): Promise<void> {
    this.#source = source.identity;
    this.#position = position;
    if (!this.#isNew) return;
    const isFirst = true;
    await this.#commit(NO_CHANGE, this.#markOf(position), { isFirst });
    this.#isNew = false;
  }

  async clear(): Promise<void> {
    this.#waiting = [];
    this.#waitingBytes = 0;
    await this.#commit({ type: 'all-go' }, this.#markOf(START));
  }

  async write(records: readonly MigratedRecord[]): Promise<void> {
    for (const record of records) {
      const bytes = bytesOf(record);
      const isFull = this.#waiting.length === MAX_PUT_RECORDS || this.#waitingBytes + bytes > MAX_PUT_BYTES;
      if (isFull && this.#waiting.length > 0) await this.#flush();
      this.#waiting.push(record);
      this.#waitingBytes += bytes;
    }
  }

  complete(): Promise<void> {
    return this.#flush();
  }

  /** What lives at the instant before etcd tells its revision: its leases end only after the deadlines. */
  async readBack(): Promise<ReadBack> {
    const { store, environment } = this.#options;
    const asOfMs = environment.wallClockMs();
    const { revision } = await store.facts();
    return { asOfMs, records: pagesOf(store, revision, environment) };
  }

  async finish({ count }: SumOfRecords): Promise<void> {
    await this.#commit(
      NO_CHANGE,
      JSON.stringify({ format: FORMAT, state: 'done', source: this.#source, count }),
    );
  }

  async close(): Promise<void> {
    this.#options.store.close();
  }

  /** Writes what waits. */
  async #flush(): Promise<void> {
    const records = this.#waiting;
    const last = records.at(-1);
    if (last === undefined) return;
    this.#waiting = [];
    this.#waitingBytes = 0;
    const position = { records: this.#position.records + records.length, lastKey: last.key };
    await putLeased(this.#options, records, (put) =>
      this.#commit({ type: 'some', put, removed: [] }, this.#markOf(position)),
    );
    this.#position = position;
  }

  #markOf(position: Position): string {
    return JSON.stringify({ format: FORMAT, state: 'begun', source: this.#source, position });
  }

  async #commit(
    change: StoreChange,
    mark: string,
    options: { readonly isFirst?: boolean } = {},
  ): Promise<void> {
    this.#modRevision = await commitOnce(this.#options, {
      change,
      mark,
      expected: this.#modRevision,
      ...options,
    });
  }
}

/** Has live records put with leases, and once more with new ones where a lease is over. Rejects with MigrationError. */
export async function putLeased(
  { leases, environment }: EtcdTargetOptions,
  records: readonly MigratedRecord[],
  put: (leased: readonly LeasedRecord[]) => Promise<void>,
): Promise<void> {
  while (true) {
    const nowMs = environment.wallClockMs();
    const leased: LeasedRecord[] = [];
    for (const record of records) {
      if (record.value.length > DEFAULT_MAX_VALUE_BYTES)
        throw new MigrationError(
          `a key has ${record.value.length} bytes, and etcd takes ${DEFAULT_MAX_VALUE_BYTES}: ${JSON.stringify(record.key)}`,
        );
      if (!isLive(record, nowMs)) continue;
      const { deadlineMs } = record;
      const lease =
        deadlineMs === 0 ? undefined : await patiently(environment, () => leases.take(deadlineMs, nowMs));
      leased.push({ record, lease });
    }
    try {
      await put(leased);
      return;
    } catch (error) {
      if (!(error instanceof EtcdRefusalError && error.isLeaseGone)) throw error;
      leases.forget();
    }
  }
}

/**
 * Commits exactly once: where the answer is missing, the mark tells whether it was done. Resolves to etcd's revision of the mark.
 * Rejects with MigrationError if somebody else has changed the mark.
 */
export async function commitOnce(
  { store, environment }: Pick<EtcdTargetOptions, 'store' | 'environment'>,
  commit: Parameters<EtcdStore['commit']>[0],
): Promise<bigint> {
  return patiently(environment, async () => {
    let isKnown = true;
    const done = await store.commit(commit).catch((error: unknown) => {
      if (!isSilence(error)) throw error;
      isKnown = false;
      return undefined;
    });
    if (done !== undefined) return done;
    const mark = await store.readMark();
    if (mark?.text === commit.mark) return mark.modRevision;
    if ((mark?.modRevision ?? ABSENT) !== commit.expected)
      throw new MigrationError('another migration writes with that prefix: end one of them');
    if (isKnown)
      throw new MigrationError(
        'somebody has written keys with that prefix meanwhile: name another --etcd-prefix',
      );
    await sleep(environment, RETRY_PAUSE_MS);
    return commitOnce({ store, environment }, commit);
  });
}

/** Throws MigrationError. */
function foundIn(text: string): Exclude<Found, { state: 'nothing' }> {
  const fields = fieldsIn(text);
  const format = fields.get('format');
  const state = fields.get('state');
  const source = fields.get('source');
  const position = positionIn(fields.get('position'));
  const count = fields.get('count');
  if (format !== FORMAT)
    throw new MigrationError(
      `a migration of format ${format} was begun in etcd, and ${FORMAT} is known: empty the prefix`,
    );
  if (state === 'begun' && typeof source === 'string' && position !== undefined)
    return { state, source, position };
  if (state === 'done' && typeof source === 'string' && typeof count === 'number')
    return { state, source, count };
  throw new MigrationError('what a migration has written in etcd is damaged: empty the prefix');
}
