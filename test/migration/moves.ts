/** Moves of many keys by the built program, as a test of the suite or, with more keys, as `npm run migrate-test`. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { filesForOneThing } from '../../src/cluster/one-thing-files.js';
import { NODE_ENVIRONMENT } from '../../src/environment.js';
import { BackupSource } from '../../src/migration/backup-source.js';
import { DirectorySource } from '../../src/migration/directory-source.js';
import { type Source, START } from '../../src/migration/ends.js';
import { pagesOf } from '../../src/migration/etcd-store.js';
import { FileTarget } from '../../src/migration/file-target.js';
import { migrate } from '../../src/migration/migrate.js';
import { etcdOptions } from '../../src/migration/open-ends.js';
import type { MigratedRecord } from '../../src/migration/record.js';
import type { Etcd } from '../../tools/support/etcd-process.js';
import { Program } from '../../tools/support/program.js';
import { TextClient } from '../../tools/support/text-client.js';

export const WORLD = { files: filesForOneThing(), environment: NODE_ENVIRONMENT };
export const PREFIX = 'threadraft/';

const MAIN_FILE = fileURLToPath(new URL('../../src/main.cjs', import.meta.url));
const BATCH = 100;
const HOUR_MS = 3_600_000;

/** A source of records that need no store. */
export class ListSource implements Source {
  readonly head = { clockMs: 1, revisions: { last: 1_000_000, uncounted: 1 } };
  readonly identity: string;
  readonly #records: readonly MigratedRecord[];

  constructor(records: readonly MigratedRecord[], identity = 'a list') {
    this.#records = records;
    this.identity = identity;
  }

  get total(): number {
    return this.#records.length;
  }

  async *read({ records }: { records: number }): AsyncGenerator<readonly MigratedRecord[]> {
    for (let start = records; start < this.#records.length; start += BATCH)
      yield this.#records.slice(start, start + BATCH);
  }

  async close(): Promise<void> {}
}

/** Records of all sorts: bytes of any kind, no value, many versions, and half of them with deadlines. */
export function sundryRecords(count: number, nowMs = Date.now()): readonly MigratedRecord[] {
  return Array.from({ length: count }, (_, i) => ({
    key: i % 5 === 0 ? `\u00ff%${i}\u0080` : `key:${i}`,
    value: i % 7 === 0 ? '' : `${i}\u0000\r\n\u00fe${'v'.repeat(i % 200)}`,
    version: 1 + (i % 1_000) ** 2,
    deadlineMs: i % 2 === 0 ? 0 : nowMs + HOUR_MS + ((i * 7_919) % 1_000_003) * 100 + 0.5,
    revision: 1 + i,
  }));
}

/** Makes a backup of the records. */
export async function makeBackup(path: string, records: readonly MigratedRecord[]): Promise<void> {
  const target = new FileTarget({ type: 'backup', path }, WORLD);
  const openSource = async () => new ListSource(records);
  await migrate({ target, openSource, onProgress: () => undefined, say: () => undefined });
}

/** All that counts of each key, to be compared. */
export async function contentOf(source: Source): Promise<ReadonlyMap<string, string>> {
  const content = new Map<string, string>();
  for await (const batch of source.read(START))
    for (const { key, value, version, deadlineMs } of batch)
      content.set(key, `${version} ${deadlineMs} ${value}`);
  await source.close();
  return content;
}

export async function contentOfDirectory(...paths: readonly string[]): Promise<ReadonlyMap<string, string>> {
  return contentOf(await DirectorySource.open(paths, WORLD));
}

export async function contentOfBackup(path: string): Promise<ReadonlyMap<string, string>> {
  return contentOf(await BackupSource.open(path, WORLD));
}

/** The first difference between two contents; undefined without one. */
export function differenceOf(
  a: ReadonlyMap<string, string>,
  b: ReadonlyMap<string, string>,
): string | undefined {
  if (a.size !== b.size) return `${a.size} keys, and ${b.size}`;
  for (const [key, content] of a)
    if (b.get(key) !== content)
      return `${JSON.stringify(key)} is ${JSON.stringify(content)}, and ${JSON.stringify(b.get(key))}`;
  return undefined;
}

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** `threadraft migrate` in a process of its own. */
export class Migration {
  readonly #child: ChildProcess;
  #out = '';
  #err = '';

  constructor(args: readonly string[], entry = MAIN_FILE) {
    this.#child = spawn(process.execPath, [entry, 'migrate', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#out += text;
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#err += text;
    });
  }

  get err(): string {
    return this.#err;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async end(): Promise<Ended> {
    if (!this.hasEnded) await once(this.#child, 'close');
    return { code: this.#child.exitCode, out: this.#out, err: this.#err };
  }

  /** Kills it once `isTime`, unless it has ended. Resolves to whether it was killed. */
  async killWhen(isTime: () => Promise<boolean>): Promise<boolean> {
    while (!this.hasEnded && !(await isTime())) await pause(2);
    const isEarly = !this.hasEnded;
    this.signal('SIGKILL');
    await this.end();
    return isEarly;
  }
}

/** How many records a migration into etcd has put there, as its mark says. */
export async function putIn(etcd: Etcd): Promise<number> {
  const { store } = etcdOptions({ endpoints: [etcd.endpoint], prefix: PREFIX });
  try {
    const mark = await store.readMark();
    return Number(/"records":(\d+)/.exec(mark?.text ?? '')?.[1] ?? 0);
  } finally {
    store.close();
  }
}

export interface RoundTrip {
  readonly etcd: Etcd;
  readonly directory: string;
  readonly keys: number;
  readonly kills: { readonly there: number; readonly back: number };
  readonly say: (line: string) => void;
  /** The program that migrates, if it is not the built one. */
  readonly entry?: string | undefined;
}

/**
 * Keys in a directory go to etcd and from there to another directory, both ways killed in the middle so many times. Resolves to
 * the first difference; undefined without one.
 */
export async function roundTrip({
  etcd,
  directory,
  keys,
  kills,
  say,
  entry,
}: RoundTrip): Promise<string | undefined> {
  const backup = join(directory, 'first.backup');
  const from = join(directory, 'from');
  const to = join(directory, 'to');
  await makeBackup(backup, sundryRecords(keys));
  await done(['--from', backup, '--to', from, '-n', '3']);
  const killed = { there: 0, back: 0 };
  for (let round = 1; round <= kills.there; round += 1) {
    const enough = (round * keys) / (kills.there + 1);
    const migration = new Migration(['--from', from, '--to', etcd.endpoint], entry);
    if (await migration.killWhen(async () => (await putIn(etcd)) >= enough)) killed.there += 1;
  }
  say(await done(['--from', from, '--to', etcd.endpoint], entry));
  const whole = await sizeOf(backup);
  for (let round = 1; round <= kills.back; round += 1) {
    const enough = (round * whole) / (kills.back + 1);
    const migration = new Migration(['--from', etcd.endpoint, '--to', to, '-n', '3'], entry);
    if (await migration.killWhen(async () => (await sizeOf(join(`${to}.migration`, 'image'))) >= enough))
      killed.back += 1;
  }
  say(await done(['--from', etcd.endpoint, '--to', to, '-n', '3'], entry));
  say(`killed ${killed.there} times on the way there, and ${killed.back} on the way back`);
  const [came, wanted] = [killed.there + killed.back, kills.there + kills.back];
  if (2 * came < wanted) return `only ${came} of ${wanted} kills came in time`;
  return differenceOf(await contentOfDirectory(from), await contentOfDirectory(to));
}

/** The line that it ends with. Rejects where it fails. */
export async function done(args: readonly string[], entry?: string): Promise<string> {
  const { code, out, err } = await new Migration(args, entry).end();
  if (code !== 0) throw new Error(`migrate ${args.join(' ')}: ${err.trim()}`);
  return out.trim();
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => ({ size: 0 }))).size;
}

export interface FollowRun {
  readonly etcd: Etcd;
  readonly directory: string;
  readonly keys: number;
  /** How long clients write before the cut-over is asked for. */
  readonly loadMs: number;
  /** How often the migration is killed meanwhile. */
  readonly kills: number;
  /** How long writes may wait at the cut-over; 300 s unless given. */
  readonly pauseS?: number;
  readonly say: (line: string) => void;
  /** The program that migrates, if it is not the built one. */
  readonly entry?: string | undefined;
}

/**
 * A cluster under load is followed into etcd. Resolves to what was acknowledged before its writes paused and is not in etcd as it
 * was; undefined if all is.
 */
export async function followUnderLoad(run: FollowRun): Promise<string | undefined> {
  const { etcd, directory, keys } = run;
  const backup = join(directory, 'load.backup');
  const dataDir = join(directory, 'loaded');
  const records = sundryRecords(keys);
  await makeBackup(backup, records);
  await done(['--from', backup, '--to', dataDir, '-n', '3']);
  const program = await Program.start({
    servers: 3,
    isThere: true,
    storage: { dataDir: [dataDir] },
  });
  try {
    const from = `127.0.0.1:${program.routerPort}`;
    const args = ['--from', from, '--to', etcd.endpoint, '--follow'];
    const moved = await moveUnderLoad([program.routerPort], args, run);
    return typeof moved === 'string' ? moved : lostOf(await contentOfEtcd(etcd), records, moved.acknowledged);
  } finally {
    await program.kill();
  }
}

/**
 * Keys in etcd are followed into a directory while clients write at two front ends. Resolves to what was acknowledged before
 * writes paused and is not in the directory as it was; undefined if all is. `named` of the front ends have writes wait.
 */
export async function followEtcdUnderLoad(
  run: FollowRun & { readonly named?: number },
): Promise<string | undefined> {
  const { etcd, directory, keys, entry } = run;
  const backup = join(directory, 'load.backup');
  const to = join(directory, 'followed');
  const records = sundryRecords(keys);
  await makeBackup(backup, records);
  await done(['--from', backup, '--to', etcd.endpoint], entry);
  const flags = ['--engine', 'etcd', '--etcd-endpoints', etcd.endpoint];
  const frontEnds: Program[] = [];
  try {
    for (let i = 0; i < 2; i += 1)
      frontEnds.push(await Program.start({ servers: 2, storage: 'elsewhere', flags }));
    const ports = frontEnds.map(({ routerPort }) => routerPort);
    const names = ports
      .slice(0, run.named)
      .map((port) => `127.0.0.1:${port}`)
      .join(',');
    const args = ['--from', etcd.endpoint, '--to', to, '-n', '3', '--follow', '--front-ends', names];
    const moved = await moveUnderLoad(ports, args, run);
    if (typeof moved === 'string') return moved;
    const found = new Map<string, MigratedRecord>();
    const source = await DirectorySource.open([to], WORLD);
    for await (const batch of source.read(START)) for (const record of batch) found.set(record.key, record);
    await source.close();
    return lostOf(found, records, moved.acknowledged);
  } finally {
    for (const frontEnd of frontEnds) await frontEnd.kill();
  }
}

/** Resolves to what was acknowledged to each writer before writes paused, or to why the migration failed. */
async function moveUnderLoad(
  ports: readonly number[],
  ends: readonly string[],
  { loadMs, kills, pauseS = 300, say, entry }: FollowRun,
): Promise<string | { readonly acknowledged: readonly ReadonlyMap<string, string>[] }> {
  const writers = Array.from({ length: 8 }, (_, i) => new LoadWriter(`load:${i}:`));
  const writing = writers.map((writer, place) => writer.run(ports[place % ports.length] ?? 0));
  try {
    const args = [...ends, '--pause', `${pauseS}`];
    let migration = new Migration(args, entry);
    for (let round = 1; round <= kills; round += 1) {
      await untilFollowing(migration);
      await pause(loadMs / (kills + 1));
      migration.signal('SIGKILL');
      await migration.end();
      migration = new Migration(args, entry);
    }
    await untilFollowing(migration);
    await pause(loadMs / (kills + 1));
    migration.signal('SIGUSR2');
    const { code, out, err } = await migration.end();
    if (code !== 0) return `migrate --follow: ${err.trim()}`;
    say(out.trim());
    say(`${writers.reduce((sum, { count }) => sum + count, 0)} writes were acknowledged`);
    // Writes wait: what was acknowledged by now is all that there is.
    return { acknowledged: writers.map((writer) => new Map(writer.acknowledged)) };
  } finally {
    for (const writer of writers) writer.stop();
    await Promise.all(writing);
  }
}

/** Until it says so; one that ends before is told of later. */
export async function untilFollowing(migration: Migration): Promise<void> {
  while (!migration.hasEnded && !/changes are followed/.test(migration.err)) await pause(10);
}

/** What was not found of the records, which nobody has written to, and of what was acknowledged. */
function lostOf(
  found: ReadonlyMap<string, MigratedRecord>,
  records: readonly MigratedRecord[],
  acknowledged: readonly ReadonlyMap<string, string>[],
): string | undefined {
  for (const { key, value, version, deadlineMs } of records) {
    const there = found.get(key);
    // A cluster tells whole milliseconds.
    const isSame =
      there?.value === value && there.version === version && Math.abs(there.deadlineMs - deadlineMs) < 1;
    if (!isSame) return `${JSON.stringify(key)} is not there as it was: ${JSON.stringify(there)}`;
  }
  for (const own of acknowledged)
    for (const [key, value] of own)
      if ((found.get(key)?.value ?? '') !== value)
        return `${key} was acknowledged as ${JSON.stringify(value)}, and is ${JSON.stringify(found.get(key))}`;
  return undefined;
}

export async function contentOfEtcd(etcd: Etcd): Promise<ReadonlyMap<string, MigratedRecord>> {
  const { store } = etcdOptions({ endpoints: [etcd.endpoint], prefix: PREFIX });
  try {
    const { revision } = await store.facts();
    const found = new Map<string, MigratedRecord>();
    for await (const page of pagesOf(store, revision, NODE_ENVIRONMENT))
      for (const record of page) found.set(record.key, record);
    return found;
  } finally {
    store.close();
  }
}

/** Writes and deletes its own keys, one command at a time, until it is stopped or its connection ends. */
class LoadWriter {
  readonly #prefix: string;
  /** The value of each key, '' for one that was deleted. */
  readonly acknowledged = new Map<string, string>();
  count = 0;
  #client: TextClient | undefined;
  #isStopped = false;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  async run(port: number): Promise<void> {
    this.#client = await TextClient.connect(port);
    while (!this.#isStopped) {
      this.count += 1;
      const key = `${this.#prefix}${this.count % 97}`;
      const isDelete = this.count % 11 === 0;
      const value = isDelete ? '' : `value ${this.count}`;
      const expires = this.count % 5 === 0 ? 3_600 : 0;
      const reply = isDelete ? this.#client.delete(key) : this.#client.set(key, value, expires);
      const isOver = await reply.then(
        () => false,
        () => true,
      );
      if (isOver) return;
      this.acknowledged.set(key, value);
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#client?.close();
  }
}
