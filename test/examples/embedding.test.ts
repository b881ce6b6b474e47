/** The installed package, with what other people bundle, run and test their programs. */

import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { expect } from 'chai';
import { type PackedPackage, packedPackage, run } from './packed-package.js';

const require = createRequire(import.meta.url);
const ESBUILD = resolve('node_modules/esbuild/bin/esbuild');
/** The program has ended by itself, so nothing was left open. */
const EMBEDDED = 'hello of 1\n';

/** The file of a package's command. */
function commandOf(name: string, command = name): string {
  const manifest = resolve('node_modules', name, 'package.json');
  const { bin }: { bin: string | Record<string, string> } = require(manifest);
  return join(dirname(manifest), typeof bin === 'string' ? bin : (bin[command] ?? ''));
}

describe('the package, packed and installed', () => {
  let folder: PackedPackage;
  let fixtures = '';

  before(async () => {
    folder = await packedPackage();
    fixtures = join(folder.path, 'fixtures');
    await mkdir(join(folder.path, 'bundles'));
  });
  after(() => folder.remove());

  /** Resolves to where the bundle is. */
  async function bundle(entry: string, format: 'esm' | 'cjs', ...flags: readonly string[]): Promise<string> {
    const file = join(folder.path, 'bundles', `${entry}-${format}.${format === 'esm' ? 'mjs' : 'cjs'}`);
    const args = [entry, '--bundle', '--platform=node', `--format=${format}`, '--log-level=error', ...flags];
    await run(ESBUILD, [...args, `--outfile=${file}`], { cwd: fixtures });
    return file;
  }

  it('has no complaints of publint and arethetypeswrong', async () => {
    const installed = join(folder.path, 'node_modules', 'threadraft');
    await run(process.execPath, [commandOf('publint'), 'run', '--strict', '--pack', 'false', installed]);
    await run(process.execPath, [
      commandOf('@arethetypeswrong/cli', 'attw'),
      folder.tarball,
      '--profile',
      'esm-only',
    ]);
  });

  it('is embedded in what esbuild bundles, which leaves it out', async () => {
    const file = await bundle('app.mts', 'esm', '--external:threadraft');
    expect((await run(process.execPath, [file])).stdout).to.equal(EMBEDDED);
  });

  it('says in one line what is missing when all is bundled into one file', async () => {
    const file = await bundle('bundled-app.ts', 'cjs', '--log-override:empty-import-meta=silent');
    const error = await run(process.execPath, [file]).catch((reason: unknown) => reason);
    expect(error)
      .to.have.property('stderr')
      .that.matches(/which servers run, is missing: .* \(external\)/);
  });

  it('has a client that esbuild bundles whole', async () => {
    const file = await bundle('client-app.mts', 'esm');
    expect((await run(process.execPath, [file])).stdout).to.equal('ERR_TIMEOUT\n');
  });

  it('is run by tsx', async () => {
    const { stdout } = await run(process.execPath, [commandOf('tsx'), 'app.mts'], { cwd: fixtures });
    expect(stdout).to.equal(EMBEDDED);
  });

  it('is required from CommonJS', async () => {
    expect((await run(process.execPath, ['required.cjs'], { cwd: fixtures })).stdout).to.equal('1\n');
  });

  it('is tested by vitest', async () => {
    const args = [commandOf('vitest'), 'run', 'embedded.vitest.mjs', '--config', 'vitest.config.mjs'];
    const { stdout } = await run(process.execPath, args, { cwd: fixtures });
    expect(stdout).to.match(/1 passed/);
  });

  it('is tested by jest, with ES modules', async () => {
    const args = ['--experimental-vm-modules', commandOf('jest'), '--config', 'jest.config.json'];
    const { stderr } = await run(process.execPath, args, { cwd: fixtures });
    expect(stderr).to.match(/1 passed/);
  });
});
