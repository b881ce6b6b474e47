/**
 * The command line: from the arguments to a running cluster, and to its end.
 *
 * What a program would read goes to stdout: the line that says that the cluster is ready. Logs and complaints go to
 * stderr, a complaint being one line.
 */

import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { Logger } from 'pino';
import { AdminServer } from '../admin/admin-server.js';
import { Cluster } from '../cluster/cluster.js';
import { type ClusterOptions, checkPort, DEFAULT_OPTIONS, OptionError } from '../cluster/options.js';
import { packageVersion } from '../package-version.js';
import type { ClientAddress } from '../server/control.js';
import { DEFAULT_HTTP_PORT } from './defaults.js';
import { createLogger, LOG_LEVELS } from './logger.js';
import { addMaintenance } from './maintenance.js';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

/** A terminal's Ctrl-C reaches this program twice when npm runs it: npm passes on what the terminal sent already. */
const SAME_SIGNAL_MS = 250;

/** The names of those options that have another one in the library. */
const FLAGS = new Map([
  ['advertiseHost', 'advertise-host'],
  ['routerPort', 'router-port'],
  ['httpPort', 'http-port'],
  ['dataDir', 'data-dir'],
  ['electionTimeoutMs', 'election-timeout'],
  ['heartbeatMs', 'heartbeat'],
  ['snapshotLogBytes', 'snapshot-log-bytes'],
]);

/** The options as commander hands them out: each has a default. */
interface Arguments {
  readonly servers: number;
  readonly host: string;
  readonly advertiseHost?: string;
  readonly port: number;
  readonly routerPort: number;
  readonly router: boolean;
  readonly httpPort: number;
  readonly http: boolean;
  readonly dataDir: string;
  readonly memory: boolean;
  readonly fsync: boolean;
  readonly electionTimeout: number;
  readonly heartbeat: number;
  readonly snapshotLogBytes: number;
  readonly logLevel: string;
}

/** Runs the program until it is told to stop. Sets the process's exit code; never rejects. */
export async function runCommandLine(argv: readonly string[]): Promise<void> {
  const program = newProgram();
  try {
    await program.parseAsync(argv);
  } catch (error) {
    process.exitCode = complain(error);
  }
}

function newProgram(): Command {
  const { servers, host, port, routerPort, dataDir, electionTimeoutMs, heartbeatMs, snapshotLogBytes } =
    DEFAULT_OPTIONS;
  const program = new Command('threadraft')
    .description('A linearizable, durable key-value store: Raft between the threads of one process')
    .version(packageVersion)
    .addOption(number('-n, --servers <count>', 'servers, one thread each: 1 to 9', servers))
    .option('--host <address>', 'address to listen on', host)
    .option('--advertise-host <name>', 'host named in redirects (default: the value of --host)')
    .addOption(number('--port <port>', 'first client port; server i uses port + 2i; 0 for free ones', port))
    .addOption(
      number('--router-port <port>', 'port for any client, no redirects; 0 for a free one', routerPort),
    )
    .option('--no-router', 'no router port')
    .addOption(number('--http-port <port>', 'port of the admin API; 0 for a free one', DEFAULT_HTTP_PORT))
    .option('--no-http', 'no admin API')
    .option('--data-dir <dir>', 'where servers keep log, votes and snapshots', dataDir)
    .option('--memory', 'a temporary data directory, no fsync, removed at exit', false)
    .option('--no-fsync', 'acknowledge before the disk has it')
    .addOption(number('--election-timeout <ms>', 'T: a timeout is drawn from [T, 2T)', electionTimeoutMs))
    .addOption(number('--heartbeat <ms>', 'at most a third of the election timeout', heartbeatMs))
    .addOption(number('--snapshot-log-bytes <bytes>', 'log bytes that make a snapshot due', snapshotLogBytes))
    .addOption(new Option('--log-level <level>', 'how much to log').choices(LOG_LEVELS).default('info'))
    .allowExcessArguments()
    .showSuggestionAfterError(false)
    .configureOutput({ outputError: () => undefined })
    .enablePositionalOptions()
    .exitOverride()
    .action(() => {
      checkArguments(program);
      return serve(program.opts<Arguments>());
    });
  addMaintenance(program);
  return program;
}

function number(flags: string, description: string, value: number | null): Option {
  return new Option(flags, description).default(value).argParser((text) => {
    if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
    return Number(text);
  });
}

/** Throws CommanderError for what is no option at all, OptionError for two of which the one makes the other pointless. */
function checkArguments(program: Command): void {
  const [word] = program.args;
  if (word !== undefined) {
    const reason = `${word}: is no option and no command; see --help`;
    throw new CommanderError(EXIT_USAGE, 'threadraft.unknownWord', reason);
  }
  const given = (name: string) => program.getOptionValueSource(name) === 'cli';
  const { memory, router, http } = program.opts<Arguments>();
  if (memory && given('dataDir')) throw new OptionError('dataDir', 'cannot be combined with --memory');
  if (!router && given('routerPort'))
    throw new OptionError('routerPort', 'cannot be combined with --no-router');
  if (!http && given('httpPort')) throw new OptionError('httpPort', 'cannot be combined with --no-http');
}

async function serve(args: Arguments): Promise<void> {
  const logger = createLogger(args.logLevel);
  const cluster = new Cluster(clusterOptions(args), { logger });
  const admin = args.http ? adminServer(args, cluster, logger) : undefined;
  const stopping = stopOnSignal(async () => {
    await admin?.close();
    await cluster.close();
  });
  try {
    await admin?.start();
    await cluster.start();
  } catch (error) {
    await admin?.close();
    if (stopping.isStopping) return;
    throw error;
  }
  process.stdout.write(`${readyLine(cluster, admin?.address)}\n`);
}

function clusterOptions(args: Arguments): ClusterOptions {
  return {
    servers: args.servers,
    host: args.host,
    advertiseHost: args.advertiseHost ?? null,
    port: args.port,
    routerPort: args.router ? args.routerPort : null,
    dataDir: args.dataDir,
    memory: args.memory,
    fsync: args.fsync,
    electionTimeoutMs: args.electionTimeout,
    heartbeatMs: args.heartbeat,
    snapshotLogBytes: args.snapshotLogBytes,
  };
}

function adminServer({ host, httpPort: port }: Arguments, cluster: Cluster, logger: Logger): AdminServer {
  checkPort('httpPort', port, cluster.options);
  if (port !== 0 && port === cluster.options.routerPort)
    throw new OptionError('httpPort', `${port} is the router's port`);
  return new AdminServer(cluster, { host, port }, { logger });
}

/** `ready leader=0 servers=127.0.0.1:9000,127.0.0.1:9002 router=127.0.0.1:9100 http=http://127.0.0.1:9180` */
function readyLine(cluster: Cluster, admin: ClientAddress | undefined): string {
  const ids = Array.from({ length: cluster.options.servers }, (_, id) => id);
  const words = [
    'ready',
    `leader=${cluster.leader}`,
    `servers=${ids.map((id) => show(cluster.serverAddress(id))).join(',')}`,
  ];
  if (cluster.routerAddress !== undefined) words.push(`router=${show(cluster.routerAddress)}`);
  if (admin !== undefined) words.push(`http=http://${show(admin)}`);
  return words.join(' ');
}

function show({ host, port }: ClientAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The first SIGINT or SIGTERM stops cleanly, the second at once. */
function stopOnSignal(stop: () => Promise<void>): { readonly isStopping: boolean } {
  let stoppingSinceMs: number | undefined;
  const onSignal = () => {
    if (stoppingSinceMs !== undefined) {
      if (performance.now() - stoppingSinceMs > SAME_SIGNAL_MS) process.exit(EXIT_FAILED);
      return;
    }
    stoppingSinceMs = performance.now();
    stop().then(
      () => process.exit(0),
      (error: unknown) => process.exit(complain(error)),
    );
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    get isStopping() {
      return stoppingSinceMs !== undefined;
    },
  };
}

/** Says in one line what is wrong, and returns the exit code for it. */
function complain(error: unknown): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  process.stderr.write(`threadraft: ${complaint(error).replaceAll(/\s+/g, ' ')}\n`);
  return error instanceof CommanderError || error instanceof OptionError ? EXIT_USAGE : EXIT_FAILED;
}

function complaint(error: unknown): string {
  if (error instanceof OptionError) return `--${FLAGS.get(error.option) ?? error.option}: ${error.reason}`;
  return error instanceof Error ? error.message.replace(/^error: /, '') : String(error);
}
