import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { CheckoutError, checkOut } from '../../tools/bench/check/checkout.js';
import { eventually } from '../support/cluster.js';

const NEVER = new AbortController().signal;

describe('A checkout of another commit', () => {
  let repository: string;

  beforeEach(async () => {
    repository = await mkdtemp(join(tmpdir(), 'threadraft-test-'));
    git('init', '--quiet');
    await mkdir(join(repository, 'node_modules'));
    await writeFile(join(repository, '.gitignore'), 'node_modules\ndist\n');
    await writeFile(join(repository, 'package-lock.json'), '{}');
  });
  afterEach(() => rm(repository, { recursive: true, force: true }));

  function git(...args: string[]): string {
    return execFileSync('git', args, { cwd: repository, encoding: 'utf8' }).trim();
  }

  /** Commits a package with this build script; resolves to its hash. */
  async function commit(build: string): Promise<string> {
    await writeFile(join(repository, 'build.mjs'), build);
    await writeFile(join(repository, 'package.json'), '{"scripts":{"build":"node build.mjs"}}');
    git('add', '.');
    git('-c', 'user.name=test', '-c', 'user.email=test@localhost', 'commit', '--quiet', '-m', 'a commit');
    return git('rev-parse', 'HEAD');
  }

  const worktrees = () => git('worktree', 'list').split('\n').length;

  it('is built from that commit with the packages of this one, and goes without a trace', async () => {
    const first = await commit(
      "import fs from 'node:fs'; fs.mkdirSync('dist'); fs.writeFileSync('dist/main', 'one')",
    );
    await commit('throw new Error("the wrong commit")');
    const checkout = await checkOut(repository, 'HEAD~1', NEVER);
    expect(checkout.commit).to.equal(first);
    expect(await readFile(join(checkout.directory, 'dist/main'), 'utf8')).to.equal('one');
    expect((await stat(join(checkout.directory, 'node_modules'))).isDirectory()).to.equal(true);
    await checkout.remove();
    expect(worktrees()).to.equal(1);
    expect(await stat(checkout.directory).catch(() => 'gone')).to.equal('gone');
  });

  it('tells in a line why it cannot be had, and leaves nothing', async () => {
    await commit('process.stderr.write("no compiler\\n"); process.exit(1)');
    for (const [name, reason] of [
      ['nothing', /^nothing is no commit of /],
      ['HEAD', /^npm run build failed: [^\n]+$/],
    ] as const) {
      const error: unknown = await checkOut(repository, name, NEVER).catch((problem: unknown) => problem);
      expect(error).to.be.instanceOf(CheckoutError).with.property('message').that.matches(reason);
    }
    expect(worktrees()).to.equal(1);
  });

  it('ends its build and leaves nothing when it is interrupted', async () => {
    const pidFile = join(repository, 'node_modules/pid');
    await commit(
      `import fs from 'node:fs'; fs.writeFileSync(${JSON.stringify(pidFile)}, String(process.pid)); setInterval(() => {}, 1000)`,
    );
    const over = new AbortController();
    const made = checkOut(repository, 'HEAD', over.signal).catch((reason: unknown) => reason);
    let pid = 0;
    await eventually('the build runs', async () => {
      pid = Number(await readFile(pidFile, 'utf8').catch(() => ''));
      return pid > 0;
    });
    over.abort(new Error('enough'));
    expect(await made).to.be.an('error');
    expect(worktrees()).to.equal(1);
    await eventually('the build has ended', () => !isAlive(pid));
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
