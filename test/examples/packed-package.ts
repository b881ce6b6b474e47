/** The package as npm would publish it, in a folder of its own. */

import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { temporaryDirectory } from '../support/cluster.js';

export const run = promisify(execFile);

export interface PackedPackage {
  /** Where it is installed, beside the examples and the fixtures. */
  readonly path: string;
  readonly tarball: string;
  readonly remove: () => Promise<void>;
}

/** Packs and installs it; the packages that it needs are this project's own. */
export async function packedPackage(): Promise<PackedPackage> {
  const { path, remove } = await temporaryDirectory();
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', path]);
  const [name = ''] = (await readdir(path)).filter((file) => file.endsWith('.tgz'));
  const tarball = join(path, name);
  const installed = join(path, 'node_modules', 'threadraft');
  await mkdir(installed, { recursive: true });
  await run('tar', ['-xzf', tarball, '--strip-components=1', '-C', installed]);
  for (const other of await readdir('node_modules'))
    if (!other.startsWith('.'))
      await symlink(resolve('node_modules', other), join(path, 'node_modules', other));
  await cp('examples', join(path, 'examples'), { recursive: true });
  await cp('test/examples/fixtures', join(path, 'fixtures'), { recursive: true });
  return { path, tarball, remove };
}

const MOCHA = resolve('node_modules/mocha/bin/mocha.js');

/** Runs a file of tests in a folder; resolves to what mocha says, once all have passed. */
export async function runMocha(file: string, cwd: string): Promise<string> {
  const args = [MOCHA, '--no-config', '--timeout', '60000', '--reporter', 'dot', file];
  const { stdout } = await run(process.execPath, args, { cwd });
  return stdout;
}
