/** The subcommand `migrate`: copies all keys between data directories, backups and etcd, also while clients write. */

import { type Command, InvalidArgumentError, Option } from 'commander';
import { DEFAULT_OPTIONS, OptionError } from '../cluster/cluster-options.js';
import type { Following, openFollow } from '../migration/open-ends.js';
import { EXIT_FAILED } from './complaint.js';
import { addEtcdAccessOptions, type EtcdAccessArguments } from './etcd-options.js';
import { checkEnds, type End, endIn, type RouterAddress, routersIn } from './migrate-ends.js';
import { givenPassword } from './password-option.js';
import { ProgressDisplay } from './progress-display.js';
import { addAccessOptions, secretsIn, type Target } from './remote.js';

interface MigrateArguments extends EtcdAccessArguments, Omit<Target, 'host' | 'httpPort'> {
  readonly from?: readonly string[];
  readonly to?: readonly string[];
  readonly servers: number;
  readonly follow: boolean;
  readonly cutOver: boolean;
  readonly pause: number;
  readonly frontEnds?: readonly RouterAddress[];
}

const MS_PER_S = 1_000;
const DEFAULT_PAUSE_S = 60;
const FOLLOWED = 'all is copied and equal, and changes are followed';
const END_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

export function addMigrate(program: Command): void {
  const command = program
    .command('migrate')
    .description(
      'copy all keys between a data directory, a backup and etcd; --follow moves while clients write',
    )
    .addOption(
      placeOption('--from <place>', 'host:port of a router, a directory, a backup, or etcd and its URLs'),
    )
    .addOption(placeOption('--to <place>', 'a new directory, backup:<new file>, or etcd and its URLs'))
    .addOption(number('-n, --servers <count>', 'servers of a new directory', DEFAULT_OPTIONS.servers))
    .option('--follow', 'go on with all changes, until the cut-over', false)
    .option('--cut-over', 'as soon as all is copied; else by Enter or SIGUSR2', false)
    .addOption(
      new Option(
        '--front-ends <addresses>',
        'with --follow from etcd: host:port of the routers of all front ends, with commas, whose writes wait at the cut-over',
      ).argParser((text) => routersIn('frontEnds', text)),
    )
    .addOption(number('--pause <seconds>', 'how long writes wait at the cut-over, at most', DEFAULT_PAUSE_S));
  addEtcdAccessOptions(addAccessOptions(command)).action(async (args: MigrateArguments) => {
    const from = endIn('from', args.from ?? [], args);
    const to = endIn('to', args.to ?? [], args);
    checkEnds(from, to, args);
    if (from.type === 'cluster' || (from.type === 'etcd' && args.follow)) await move(from, to, args);
    else await copy(from, to, args);
  });
}

async function copy(
  from: Exclude<End, { type: 'cluster' }>,
  to: End,
  { servers }: MigrateArguments,
): Promise<void> {
  if (to.type === 'cluster') throw new OptionError('to', 'is a running cluster');
  const { openSource, openTarget } = await import('../migration/open-ends.js');
  const { migrate } = await import('../migration/migrate.js');
  const display = new ProgressDisplay(process.stderr, performance.now());
  const startMs = performance.now();
  const target = openTarget(to.type === 'directory' ? { ...to, servers } : to);
  try {
    const { sum, wasDone } = await migrate({
      target,
      openSource: (identity) => openSource(from, identity),
      onProgress: ({ does, records, total }) => {
        const share = total === 0 ? 1 : Math.min(1, records / total);
        display.show(`${does} ${records} of ${total} keys`, share, performance.now());
      },
      say: (line) => {
        display.end();
        process.stderr.write(`threadraft: ${line}\n`);
      },
    });
    display.end();
    const s = ((performance.now() - startMs) / MS_PER_S).toFixed(1);
    if (wasDone) say(`migrate: was done before: ${sum.count} keys from ${from.name} in ${to.name}`);
    else
      say(
        `migrate: ${sum.count} keys from ${from.name} to ${to.name} in ${s} s, equal by count and checksum`,
      );
  } finally {
    display.end();
    await target.close();
  }
}

/** Copies, follows, and cuts over as soon as that is asked for. */
async function move(
  from: Extract<End, { type: 'cluster' | 'etcd' }>,
  to: End,
  args: MigrateArguments,
): Promise<void> {
  const display = new ProgressDisplay(process.stderr, performance.now());
  const tell = (line: string) => {
    display.end();
    process.stderr.write(`threadraft: ${line}\n`);
  };
  let isCopied = false;
  const { follow, links } = await openFollowing(from, to, args, {
    pauseMs: args.pause * MS_PER_S,
    onProgress: ({ does, count }) => {
      if (does === 'follows' && !isCopied && !args.cutOver)
        tell(
          `${FOLLOWED}: ${links.length === 0 ? 'stop all front ends, then ' : ''}cut over by Enter, or kill -USR2 ${process.pid}`,
        );
      isCopied ||= does === 'follows';
      display.show(
        `${does} ${count} ${does === 'follows' ? 'changes' : 'keys'}`,
        undefined,
        performance.now(),
      );
    },
    say: tell,
  });
  const stopAsking = askForCutOver(follow, { isAtOnce: args.cutOver });
  // Writes are not to wait for somebody who has gone.
  const onEnd = () => {
    const end = () => process.exit(EXIT_FAILED);
    Promise.allSettled(links.map((link) => link.resumeWrites())).then(end, end);
  };
  for (const signal of END_SIGNALS) process.once(signal, onEnd);
  try {
    const { count, pausedMs } = await follow.run();
    const waited = (pausedMs / MS_PER_S).toFixed(1);
    const left = Math.max(0, args.pause - pausedMs / MS_PER_S).toFixed(0);
    const whom = from.type === 'etcd' ? 'the front ends' : 'the cluster';
    const pause = `writes have waited ${waited} s, and wait ${left} s more: stop ${whom}`;
    const moved = `migrate: ${count} keys from ${from.name} to ${to.name}, all of them compared`;
    say(links.length === 0 ? `${moved}, ${waited} s after the cut-over began` : `${moved}; ${pause}`);
  } finally {
    display.end();
    for (const signal of END_SIGNALS) process.off(signal, onEnd);
    stopAsking();
    await follow.close();
  }
}

async function openFollowing(
  from: Extract<End, { type: 'cluster' | 'etcd' }>,
  to: End,
  args: MigrateArguments,
  how: Parameters<typeof openFollow>[2],
): Promise<Following> {
  const secrets = secretsIn(args);
  const tls = args.tls === true || Object.keys(secrets).length > 0 ? secrets : undefined;
  const password = givenPassword(args) ?? undefined;
  const ends = await import('../migration/open-ends.js');
  if (from.type === 'cluster') {
    if (to.type !== 'etcd') throw new OptionError('to', 'is no etcd');
    return ends.openFollow({ ...from, password, tls }, to.access, how);
  }
  if (to.type !== 'directory' && to.type !== 'backup')
    throw new OptionError('to', 'is no directory or backup');
  const frontEnds = (args.frontEnds ?? []).map((address) => ({ ...address, password, tls }));
  return ends.openEtcdFollow(
    from.access,
    to.type === 'directory' ? { ...to, servers: args.servers } : to,
    frontEnds,
    how,
  );
}

/** Returns what ends that. */
function askForCutOver(
  follow: { cutOver(): void },
  { isAtOnce }: { readonly isAtOnce: boolean },
): () => void {
  if (isAtOnce) follow.cutOver();
  const onSignal = () => follow.cutOver();
  process.on('SIGUSR2', onSignal);
  // Whoever has a terminal has a key to press; a script has no line to give by chance.
  if (process.stdin.isTTY) process.stdin.on('data', onSignal);
  return () => {
    process.off('SIGUSR2', onSignal);
    process.stdin.off('data', onSignal);
    process.stdin.pause();
  };
}

function placeOption(flags: string, description: string): Option {
  const explanation = `${description}; given again, a directory for each server`;
  return new Option(flags, explanation).argParser((word: string, before: readonly string[] | undefined) => [
    ...(before ?? []),
    word,
  ]);
}

function number(flags: string, description: string, value: number): Option {
  return new Option(flags, description).default(value).argParser((text) => {
    if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
    return Number(text);
  });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
