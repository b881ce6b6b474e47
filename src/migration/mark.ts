/** How far a migration to a file is, beside the file: which bytes are written, and of which of the source's records. */

import { dirname } from 'node:path';
import type { Files } from '../storage/files.js';
import { PartialFile } from '../storage/partial-file.js';
import { systemCodeOf } from '../storage/system-errors.js';
import type { Position } from './ends.js';
import { MigrationError } from './migration-errors.js';

const FORMAT = 1;

export interface Mark {
  readonly source: string;
  readonly position: Position;
  /** Of the file, with their CRC-32. */
  readonly byteLength: number;
  readonly crc: number;
}

/** It survives the end of the machine once this resolves. */
export function writeMark(files: Files, path: string, mark: Mark): Promise<void> {
  return writeFields(files, path, { format: FORMAT, ...mark });
}

/** Replaces the file by an object in JSON, which survives the end of the machine once this resolves. */
export async function writeFields(files: Files, path: string, fields: object): Promise<void> {
  const file = await PartialFile.create(files, `${path}.partial`, { fsync: true });
  try {
    await file.write(Buffer.from(JSON.stringify(fields)));
    await file.publish(path);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Undefined without a mark. Rejects with MigrationError. */
export async function readMark(files: Files, path: string): Promise<Mark | undefined> {
  const bytes = await files.read(path).catch((error: unknown) => {
    if (systemCodeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  return bytes === undefined ? undefined : markIn(bytes.toString(), path);
}

function markIn(text: string, path: string): Mark {
  const fields = fieldsIn(text);
  const format = fields.get('format');
  const source = fields.get('source');
  const position = positionIn(fields.get('position'));
  const byteLength = fields.get('byteLength');
  const crc = fields.get('crc');
  if (format !== FORMAT)
    throw new MigrationError(`${path} has format ${format}, and ${FORMAT} is known: remove ${dirname(path)}`);
  if (
    typeof source !== 'string' ||
    typeof byteLength !== 'number' ||
    typeof crc !== 'number' ||
    position === undefined
  )
    throw new MigrationError(`${path} is damaged: remove ${dirname(path)}, and begin anew`);
  return { source, position, byteLength, crc };
}

/** Undefined for what is none. */
export function positionIn(value: unknown): Position | undefined {
  if (typeof value !== 'object' || value === null || !('records' in value)) return undefined;
  const { records } = value;
  const lastKey = 'lastKey' in value ? value.lastKey : undefined;
  if (typeof records !== 'number' || (lastKey !== undefined && typeof lastKey !== 'string')) return undefined;
  return { records, lastKey };
}

/** Of an object in JSON; none where it is no such thing. */
export function fieldsIn(text: string): ReadonlyMap<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return new Map(typeof value === 'object' && value !== null ? Object.entries(value) : []);
  } catch {
    return new Map();
  }
}
