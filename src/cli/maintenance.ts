/**
 * The subcommands for a cluster's data: `backup`, `restore` and `rebuild`. Each ends with one line of output.
 */

import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import { checkDataDirNames, checkDataDirs, checkHost, DEFAULT_OPTIONS } from '../cluster/cluster-options.js';
import { NODE_ENVIRONMENT } from '../environment.js';
import { dataDirOption, givenDataDirs } from './data-dir-option.js';
import { DEFAULT_HTTP_PORT } from './defaults.js';
import { addAccessOptions, RemoteError, send, type Target, textOf } from './remote.js';

interface DataDirArguments {
  readonly dataDir?: readonly string[];
}

export function addMaintenance(program: Command): void {
  const { host, servers } = DEFAULT_OPTIONS;
  addAccessOptions(
    program
      .command('backup')
      .description('write all keys of a running cluster to a file')
      .argument('<file>')
      .option('--host <address>', 'where its admin API listens', host)
      .addOption(wholeNumber('--http-port <port>', 'and the port', DEFAULT_HTTP_PORT)),
  ).action(async (file: string, options: Target) => {
    checkHost('host', options.host);
    const { writeBackup } = await import('../cluster/backup-files.js');
    const { keys, byteLength } = await writeBackup(file, download(options));
    say(`backup ${file}: ${keys} keys, ${byteLength} bytes`);
  });
  program
    .command('restore')
    .description('make the data directory of a new cluster out of a backup')
    .argument('<file>')
    .addOption(dataDirOption("the cluster's data directory"))
    .addOption(wholeNumber('-n, --servers <count>', 'servers of the new cluster', servers))
    .action(async (file: string, options: DataDirArguments & { readonly servers: number }) => {
      const dataDirs = givenDataDirs(options);
      checkDataDirs(dataDirs, options.servers);
      const { restoreBackup } = await import('../cluster/backup-files.js');
      const { keys } = await restoreBackup(file, dataDirs, { servers: options.servers });
      say(`restore ${file}: ${keys} keys in ${dataDirs.join(', ')}; start with -n ${options.servers}`);
    });
  program
    .command('rebuild')
    .description(
      "make a server's lost or damaged disk anew from those of all others; the cluster must be stopped",
    )
    .addArgument(new Argument('<id>', 'the server').argParser(toWholeNumber))
    .addOption(dataDirOption("the cluster's data directory"))
    .action(async (id: number, options: DataDirArguments) => {
      const dataDirs = givenDataDirs(options);
      checkDataDirNames(dataDirs);
      const { rebuildServer } = await import('../storage/rebuild.js');
      const { filesForOneThing } = await import('../cluster/one-thing-files.js');
      const { from, lastIndex, term } = await rebuildServer(dataDirs, id, {
        files: filesForOneThing(),
        environment: NODE_ENVIRONMENT,
      });
      say(`rebuild ${id}: from server ${from}, up to entry ${lastIndex}, term ${term}`);
    });
}

/** Rejects with {@link RemoteError}. */
async function* download(target: Target): AsyncGenerator<Uint8Array> {
  const answer = await send(target, 'GET', 'backup');
  if (answer.statusCode !== 200)
    throw new RemoteError(`the cluster answers ${answer.statusCode}: ${(await textOf(answer)).trim()}`);
  yield* answer;
}

function wholeNumber(flags: string, description: string, value: number): Option {
  return new Option(flags, description).default(value).argParser(toWholeNumber);
}

function toWholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
