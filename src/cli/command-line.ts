/**
 * The command line: its options, and what is wrong with them.
 */

import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { closestMatch } from 'leven';
import { packageVersion } from '../admin/package-version.js';
import {
  type ClusterOptions,
  checkOptions,
  checkPort,
  DEFAULT_OPTIONS,
  OptionError,
} from '../cluster/cluster-options.js';
import { DiskTimeoutError } from '../storage/timed-files.js';
import { setV8Flags } from '../v8-flags.js';
import { complain, EXIT_USAGE } from './complaint.js';
import { dataDirOption, givenDataDirs } from './data-dir-option.js';
import { DEFAULT_HTTP_PORT, LOG_LEVELS } from './defaults.js';
import { addEtcdOptions, type EtcdArguments, givenEtcd } from './etcd-options.js';
import { addMaintenance } from './maintenance.js';
import { addMembers } from './members-command.js';
import { addMigrate } from './migrate-command.js';
import { forgetGivenPassword, givenPassword, passwordOption } from './password-option.js';
import { addTlsOptions, givenTls, type TlsArguments } from './tls-options.js';

/** The options as commander returns them: each has a default. */
interface Arguments extends TlsArguments, EtcdArguments {
  readonly servers: number;
  readonly host: string;
  readonly advertiseHost?: string;
  readonly port: number;
  readonly routerPort: number;
  readonly router: boolean;
  readonly httpPort: number;
  readonly http: boolean;
  readonly dataDir?: readonly string[];
  readonly memory: boolean;
  readonly fsync: boolean;
  readonly electionTimeout: number;
  readonly heartbeat: number;
  readonly snapshotLogBytes: number;
  readonly maxValueBytes: number;
  readonly watchHistory: number;
  readonly maxConnections: number;
  readonly idleTimeout: number;
  readonly passwordFile: string | undefined;
  readonly insecure: boolean;
  readonly logLevel: string;
}

/** A command that differs in more letters from what was typed is not suggested. */
const MAX_TYPOS = 2;

/** Runs the program until it is told to stop. Sets the process's exit code; never rejects. */
export async function runCommandLine(argv: readonly string[]): Promise<void> {
  // A reader of the output may have gone away: that is no failure.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const program = newProgram();
  try {
    await program.parseAsync(argv);
  } catch (error) {
    process.exitCode = complain(error);
    // A call on the disk that hangs keeps the process from exiting.
    if (isOfHungDisk(error)) process.kill(process.pid, 'SIGKILL');
  }
}

function isOfHungDisk(error: unknown): boolean {
  return error instanceof DiskTimeoutError || (error instanceof Error && isOfHungDisk(error.cause));
}

/** The command with all its options and subcommands, which acts once it has parsed arguments. */
export function newProgram(): Command {
  const { servers, host, port, routerPort, electionTimeoutMs, heartbeatMs, snapshotLogBytes, maxValueBytes } =
    DEFAULT_OPTIONS;
  const { maxConnections, idleTimeoutS, watchHistory } = DEFAULT_OPTIONS;
  const program = new Command('threadraft')
    .description('A linearizable, durable key-value store: Raft between the threads of one process')
    .version(packageVersion)
    .addOption(
      number('-n, --servers <count>', 'servers, one thread each: 1 to 9, best an odd number', servers),
    )
    .option('--host <address>', 'address to listen on', host)
    .option('--advertise-host <name>', 'host named in redirects (default: the value of --host)')
    .addOption(number('--port <port>', 'first client port; server i uses port + 2i; 0 for free ones', port))
    .addOption(
      number('--router-port <port>', 'port for any client, no redirects; 0 for a free one', routerPort),
    )
    .option('--no-router', 'no router port')
    .addOption(number('--http-port <port>', 'port of the admin API; 0 for a free one', DEFAULT_HTTP_PORT))
    .option('--no-http', 'no admin API')
    .addOption(dataDirOption('where servers keep log, votes and snapshots'))
    .option('--memory', 'a temporary data directory, no fsync, removed at exit', false)
    .option('--no-fsync', 'acknowledge before the disk has it')
    .addOption(number('--election-timeout <ms>', 'T: a timeout is drawn from [T, 2T)', electionTimeoutMs))
    .addOption(number('--heartbeat <ms>', 'at most a third of the election timeout', heartbeatMs))
    .addOption(number('--snapshot-log-bytes <bytes>', 'log bytes that make a snapshot due', snapshotLogBytes))
    .addOption(number('--max-value-bytes <bytes>', 'the largest value, up to 16 MiB', maxValueBytes))
    .addOption(number('--max-connections <count>', 'clients of all ports together', maxConnections))
    .addOption(
      number(
        '--idle-timeout <seconds>',
        'after which an idle client is disconnected; 0 for never',
        idleTimeoutS,
      ),
    )
    .addOption(number('--watch-history <count>', 'changes that each server keeps for watchers', watchHistory))
    .addOption(passwordOption('a file with the password that clients must tell'))
    .option('--insecure', 'allow an address beyond loopback without a password', false)
    .addOption(new Option('--log-level <level>', 'how much to log').choices(LOG_LEVELS).default('info'))
    .allowExcessArguments()
    .configureOutput({ outputError: () => undefined })
    .enablePositionalOptions()
    .exitOverride()
    .hook('preAction', (_, command) => checkExcess(command))
    .action(async () => {
      checkArguments(program);
      const args = program.opts<Arguments>();
      const options = clusterOptions(args);
      forgetGivenPassword();
      // A directory that is there knows its members.
      const isSizeGiven = program.getOptionValueSource('servers') === 'cli';
      checkOptions(options, { isAnySize: !isSizeGiven });
      if (args.http) checkHttpPort(args.httpPort, options);
      const etcd = givenEtcd(program, options);
      // What takes long to load is loaded last, so that a mistake is answered at once.
      setV8Flags();
      const { serve } = await import('./serve.js');
      const { servers: _, ...withoutSize } = options;
      await serve(isSizeGiven ? options : withoutSize, {
        httpPort: args.http ? args.httpPort : undefined,
        logLevel: args.logLevel,
        files: args,
        etcd,
      });
    });
  addEtcdOptions(program);
  addTlsOptions(program, "clients' certificates, which they must show then");
  addMaintenance(program);
  addMembers(program);
  addMigrate(program);
  return program;
}

function number(flags: string, description: string, value: number | null): Option {
  return new Option(flags, description).default(value).argParser((text) => {
    if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
    return Number(text);
  });
}

/** Throws CommanderError for the first argument that the command does not take. */
function checkExcess({ args, registeredArguments, commands }: Command): void {
  const excess = args[registeredArguments.length];
  if (excess === undefined) return;
  const names = commands.map((command) => command.name());
  const similar = closestMatch(excess, names, { maxDistance: MAX_TYPOS });
  const hint = similar === undefined ? '' : `. Did you mean ${similar}?`;
  const reason = `${excess}: is no option and no command; see --help${hint}`;
  throw new CommanderError(EXIT_USAGE, 'threadraft.excessArgument', reason);
}

/** Throws OptionError for two options that exclude each other. */
function checkArguments(program: Command): void {
  const given = (name: string) => program.getOptionValueSource(name) === 'cli';
  const { memory, router, http } = program.opts<Arguments>();
  if (memory && given('dataDir')) throw new OptionError('dataDir', 'cannot be combined with --memory');
  if (!router && given('routerPort'))
    throw new OptionError('routerPort', 'cannot be combined with --no-router');
  if (!http && given('httpPort')) throw new OptionError('httpPort', 'cannot be combined with --no-http');
}

function clusterOptions(args: Arguments): ClusterOptions {
  return {
    servers: args.servers,
    host: args.host,
    advertiseHost: args.advertiseHost ?? null,
    port: args.port,
    routerPort: args.router ? args.routerPort : null,
    dataDir: givenDataDirs(args),
    memory: args.memory,
    fsync: args.fsync,
    electionTimeoutMs: args.electionTimeout,
    heartbeatMs: args.heartbeat,
    snapshotLogBytes: args.snapshotLogBytes,
    maxValueBytes: args.maxValueBytes,
    watchHistory: args.watchHistory,
    maxConnections: args.maxConnections,
    idleTimeoutS: args.idleTimeout,
    password: givenPassword(args),
    tls: givenTls(args),
    insecure: args.insecure,
  };
}

/** Throws OptionError when a server or the router is to listen there. */
function checkHttpPort(port: number, options: ClusterOptions): void {
  checkPort('httpPort', port, options);
  if (port !== 0 && port === options.routerPort)
    throw new OptionError('httpPort', `${port} is the router's port`);
}
