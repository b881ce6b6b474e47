/**
 * A small file that says what else in its directory counts. It is replaced as a whole: written aside, synced, renamed. A crash
 * leaves the old one or the new one.
 *
 * Its first line is `threadraft <format version> <checksum>`, the rest is JSON. The checksum is the CRC-32 of the version, a
 * line feed and the JSON, in 8 hexadecimal digits. Other format versions keep the first line, so that any version of the
 * program can tell damage from a file that is not for it.
 */

import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Files } from './files.js';
import { PartialFile } from './partial-file.js';
import { systemCodeOf } from './system-errors.js';

/** Raised whenever the meaning of what is in a data directory changes. 1 and 2 had LevelDB in place of manifests. */
export const FORMAT_VERSION = 4;

/** The oldest that is read: it has no configurations, neither in the log nor of snapshots. */
const OLDEST_FORMAT_VERSION = 3;

export const MANIFEST_NAME = 'manifest';
export const PARTIAL_MANIFEST_NAME = 'manifest.partial';

const FIRST_LINE = /^threadraft (\d{1,9}) ([0-9a-f]{8})$/;

/** The manifest is not as it was written. */
export class DamagedManifestError extends Error {
  readonly code = 'DAMAGED_MANIFEST';

  constructor(path: string, reason: string) {
    super(`${path} is damaged: ${reason}`);
    this.name = 'DamagedManifestError';
  }
}

/** The manifest, and what it is about, is for another version of the program. */
export class OtherFormatError extends Error {
  readonly code = 'OTHER_FORMAT';

  constructor(formatVersion: number) {
    super(
      `has format ${formatVersion}, and this version of threadraft reads formats ${OLDEST_FORMAT_VERSION} to ${FORMAT_VERSION}: start it with the version ` +
        'that made it, run "threadraft backup" with that version, and "threadraft restore" with this one',
    );
    this.name = 'OtherFormatError';
  }
}

/**
 * The content of the directory's manifest; undefined when there is none. Rejects with {@link DamagedManifestError} or
 * {@link OtherFormatError}.
 */
export async function readManifest<T>(
  files: Files,
  directory: string,
  contentOf: (fields: ManifestFields) => T,
): Promise<T | undefined> {
  const path = join(directory, MANIFEST_NAME);
  const bytes = await files.read(path).catch((cause: unknown) => {
    if (systemCodeOf(cause) === 'ENOENT') return undefined;
    throw cause;
  });
  if (bytes === undefined) return undefined;
  return contentOf(new ManifestFields(path, parse(path, bytes.toString('utf8'))));
}

/** Replaces the directory's manifest. With `fsync` the new one survives the end of the machine once this resolves. */
export async function writeManifest(
  files: Files,
  directory: string,
  content: object,
  { fsync }: { readonly fsync: boolean },
): Promise<void> {
  const json = `${JSON.stringify(content, undefined, 2)}\n`;
  const text = `threadraft ${FORMAT_VERSION} ${checksumOf(FORMAT_VERSION, json)}\n${json}`;
  const file = await PartialFile.create(files, join(directory, PARTIAL_MANIFEST_NAME), { fsync });
  try {
    await file.write(Buffer.from(text));
    await file.publish(join(directory, MANIFEST_NAME));
  } catch (error) {
    await file.discard().catch(() => undefined);
    throw error;
  }
}

/** What is in a manifest. Each method throws {@link DamagedManifestError} when there is something else. */
export class ManifestFields {
  readonly #path: string;
  readonly #fields: ReadonlyMap<string, unknown>;

  constructor(path: string, value: unknown) {
    if (typeof value !== 'object' || value === null) throw new DamagedManifestError(path, 'it has no fields');
    this.#path = path;
    this.#fields = new Map(Object.entries(value));
  }

  has(name: string): boolean {
    return this.#fields.has(name);
  }

  number(name: string): number {
    const value = this.#fields.get(name);
    if (!isCount(value)) throw new DamagedManifestError(this.#path, `${name} is no whole number`);
    return value;
  }

  string(name: string): string {
    const value = this.#fields.get(name);
    if (typeof value !== 'string') throw new DamagedManifestError(this.#path, `${name} is no string`);
    return value;
  }

  boolean(name: string): boolean {
    const value = this.#fields.get(name);
    if (typeof value !== 'boolean') throw new DamagedManifestError(this.#path, `${name} is no boolean`);
    return value;
  }

  fields(name: string): ManifestFields {
    return new ManifestFields(this.#path, this.#fields.get(name));
  }

  numbers(name: string): readonly number[] {
    const value = this.#fields.get(name);
    if (!Array.isArray(value)) throw new DamagedManifestError(this.#path, `${name} is no list`);
    return value.map((one: unknown) => {
      if (!isCount(one)) throw new DamagedManifestError(this.#path, `${name} has what is no whole number`);
      return one;
    });
  }

  list(name: string): readonly ManifestFields[] {
    const value = this.#fields.get(name);
    if (!Array.isArray(value)) throw new DamagedManifestError(this.#path, `${name} is no list`);
    return value.map((one: unknown) => new ManifestFields(this.#path, one));
  }
}

function parse(path: string, text: string): unknown {
  const end = text.indexOf('\n');
  const found = FIRST_LINE.exec(text.slice(0, Math.max(0, end)));
  if (found === null) throw new DamagedManifestError(path, 'it does not start like a manifest');
  const [, version = '', checksum] = found;
  const json = text.slice(end + 1);
  if (checksumOf(Number(version), json) !== checksum)
    throw new DamagedManifestError(path, 'its checksum is wrong');
  if (Number(version) < OLDEST_FORMAT_VERSION || Number(version) > FORMAT_VERSION)
    throw new OtherFormatError(Number(version));
  try {
    return JSON.parse(json);
  } catch {
    throw new DamagedManifestError(path, 'it is no JSON');
  }
}

/** Indices, terms, identities and lengths are all of this kind. */
function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function checksumOf(formatVersion: number, json: string): string {
  return crc32(`${formatVersion}\n${json}`).toString(16).padStart(8, '0');
}
