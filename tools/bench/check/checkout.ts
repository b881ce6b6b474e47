/** Another commit of this repository, checked out and built in a temporary place. */

import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

/** git or npm failed. The message is one line. */
export class CheckoutError extends Error {
  readonly code = 'CHECKOUT_FAILED';

  constructor(message: string) {
    super(message);
    this.name = 'CheckoutError';
  }
}

export interface Checkout {
  /** The commit's full hash. */
  readonly commit: string;
  readonly directory: string;
  /** Removes all of it, also from what git knows of. */
  remove(): Promise<void>;
}

/** What takes longer than this does not come to an end. */
const STEP_TIMEOUT_MS = 240_000;
const NEVER = new AbortController().signal;
const LOCKFILE = 'package-lock.json';

/**
 * Checks the commit out beside the repository, with the repository's packages where its lockfile is the same and with its
 * own otherwise, and runs `npm run build` there. Rejects with {@link CheckoutError}, or as `signal` says; nothing is left then.
 */
export async function checkOut(repository: string, name: string, signal: AbortSignal): Promise<Checkout> {
  const commit = await commitOf(repository, name, signal);
  const parent = await mkdtemp(join(tmpdir(), 'threadraft-check-'));
  const directory = join(parent, commit.slice(0, 12));
  const remove = async () => {
    // There is none where adding it failed.
    await run('git', ['worktree', 'remove', '--force', directory], repository).catch(() => undefined);
    await rm(parent, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    await run('git', ['worktree', 'add', '--detach', '--quiet', directory, commit], repository, signal);
    if (await areSame(join(repository, LOCKFILE), join(directory, LOCKFILE)))
      await symlink(join(repository, 'node_modules'), join(directory, 'node_modules'));
    else await run('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], directory, signal);
    await run('npm', ['run', 'build'], directory, signal);
    return { commit, directory, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** The full hash of a commit that is named in any of git's ways. Rejects with {@link CheckoutError} where there is none. */
async function commitOf(repository: string, name: string, signal: AbortSignal): Promise<string> {
  const found = await run(
    'git',
    ['rev-parse', '--verify', '--quiet', `${name}^{commit}`],
    repository,
    signal,
  ).catch(() => '');
  if (found === '') throw new CheckoutError(`${name} is no commit of ${repository}`);
  return found;
}

/** Resolves to what the command wrote to stdout. Ends it, with all that it started, when it takes too long or is aborted. */
async function run(
  command: string,
  args: readonly string[],
  cwd: string,
  signal: AbortSignal = NEVER,
): Promise<string> {
  signal.throwIfAborted();
  // A group of its own: npm does not pass a signal on to what it runs.
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const endGroup = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
    } catch {
      // It has ended just now.
    }
  };
  const over = AbortSignal.any([signal, AbortSignal.timeout(STEP_TIMEOUT_MS)]);
  over.addEventListener('abort', endGroup);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [exitCode, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  over.removeEventListener('abort', endGroup);
  over.throwIfAborted();
  if (exitCode === 0) return stdout.trim();
  const [complaint = ''] = `${stderr}\n${stdout}`.trim().split('\n');
  throw new CheckoutError(`${command} ${args.join(' ')} failed: ${complaint}`);
}

async function areSame(path: string, other: string): Promise<boolean> {
  const [one, two] = await Promise.all([path, other].map((each) => readFile(each, 'utf8').catch(() => '')));
  return one === two;
}
