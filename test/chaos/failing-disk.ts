/**
 * Loaded into the program before anything else (`node --import`): lets a server's writes to its database fail, or its
 * thread die around one, when a file says so. The file has the name of the server's directory, holds a {@link DiskFault},
 * and is in the directory that the environment variable `CHAOS_DISK_FAULTS` names.
 */

import { readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ClassicLevel } from 'classic-level';

/** Writes fail until the file is gone; a thread dies once, before or after a write. */
export type DiskFault = 'fail' | 'die before' | 'die after';

interface ChainedBatch {
  write: (options?: object) => Promise<void>;
}

const { CHAOS_DISK_FAULTS: directory } = process.env;
if (directory !== undefined) hurtWrites(directory);

function hurtWrites(faults: string): void {
  const original = ClassicLevel.prototype.batch;
  Object.defineProperty(ClassicLevel.prototype, 'batch', {
    value: function batch(this: ClassicLevel, ...args: unknown[]): ChainedBatch {
      const chained: ChainedBatch = Reflect.apply(original, this, args);
      if (args.length > 0) return chained;
      const write = chained.write.bind(chained);
      const file = join(faults, basename(dirname(this.location)));
      chained.write = (options) => hurt(file, () => write(options));
      return chained;
    },
  });
}

async function hurt(file: string, write: () => Promise<void>): Promise<void> {
  const fault = faultIn(file);
  if (fault === 'fail') throw Object.assign(new Error('i/o error'), { code: 'EIO' });
  const isLast = fault === 'die before' || fault === 'die after';
  if (isLast) rmSync(file, { force: true });
  if (fault !== 'die before') await write();
  if (isLast) process.exit(1);
}

function faultIn(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
