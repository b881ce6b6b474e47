/** The subcommand `members`: who the servers of a running cluster are, and changes of that. */

import { resolve } from 'node:path';
import { Argument, type Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { checkDataDirNames, DEFAULT_OPTIONS } from '../cluster/cluster-options.js';
import { EXIT_USAGE } from './complaint.js';
import { DEFAULT_HTTP_PORT } from './defaults.js';
import { type MembersProgress, showMembers } from './members-progress.js';
import { ProgressDisplay } from './progress-display.js';
import { addAccessOptions, RemoteError, send, type Target, textOf } from './remote.js';

interface Place {
  readonly dataDir?: string;
}

/** While a change goes on, its progress is asked for this often. */
const PROGRESS_MS = 250;

export function addMembers(program: Command): void {
  const members = program.command('members').description('list and change the servers of a running cluster');
  const add = (name: string, description: string) =>
    addAccessOptions(
      members
        .command(name)
        .description(description)
        .option('--host <address>', 'where its admin API listens', DEFAULT_OPTIONS.host)
        .addOption(
          new Option('--http-port <port>', 'and the port').default(DEFAULT_HTTP_PORT).argParser(toId),
        ),
    );
  members.action(() => {
    const names = members.commands.map((command) => command.name()).join(', ');
    const reason = `members: name what to do, one of ${names}; see members --help`;
    throw new CommanderError(EXIT_USAGE, 'threadraft.missingCommand', reason);
  });
  const id = () => new Argument('<id>', 'the server').argParser(toId);
  add('list', 'tell who votes, who learns, and what is about to change').action(async (target: Target) =>
    say(lineOf(await call(target, 'GET', 'members'))),
  );
  add('add', 'start a new server, and have it vote once it has caught up')
    .addOption(placeOption('beside the others'))
    .action(async (target: Target & Place) => {
      await withProgress(target, call(target, 'POST', 'servers', placeOf(target)));
      say(lineOf(await call(target, 'GET', 'members')));
    });
  add('remove', 'have a server vote no more, and end it')
    .addArgument(id())
    .action(async (server: number, target: Target) => {
      await withProgress(target, call(target, 'DELETE', `servers/${server}`));
      say(lineOf(await call(target, 'GET', 'members')));
    });
  add('replace', 'have a new server take the place of one, whose disk may be lost')
    .addArgument(id())
    .addOption(placeOption("the old one's place"))
    .action(async (server: number, target: Target & Place) => {
      await withProgress(target, call(target, 'POST', `servers/${server}/replace`, placeOf(target)));
      say(lineOf(await call(target, 'GET', 'members')));
    });
  add('lead', 'hand leadership to a server')
    .addArgument(id())
    .action(async (server: number, target: Target) => {
      await call(target, 'POST', `servers/${server}/lead`);
      say(`server ${server} leads`);
    });
}

function placeOption(otherwise: string): Option {
  return new Option(
    '--data-dir <dir>',
    `its directory, where each server has its own (default: ${otherwise})`,
  );
}

/** Throws OptionError for a directory without a name. The program may run elsewhere: it gets the whole path. */
function placeOf({ dataDir }: Place): object {
  if (dataDir === undefined) return {};
  checkDataDirNames([dataDir]);
  return { dataDir: resolve(dataDir) };
}

/** Resolves to the answer. Rejects with {@link RemoteError}. */
async function call(
  target: Target,
  method: string,
  path: string,
  request: object | undefined = undefined,
): Promise<unknown> {
  const answer = await send(target, method, path, request);
  const body = parsed(await textOf(answer));
  if (answer.statusCode === 200) return body;
  throw new RemoteError(`${fieldOf(body, 'error') ?? `the cluster answers ${answer.statusCode}`}`);
}

/** Undefined if it is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Shows how far the change is until it is over. */
async function withProgress(target: Target, change: Promise<unknown>): Promise<void> {
  const display = new ProgressDisplay(process.stderr, performance.now());
  let isAsking = false;
  const look = async () => {
    if (isAsking) return;
    isAsking = true;
    const progress = progressIn(await call(target, 'GET', 'members').catch(() => undefined));
    isAsking = false;
    if (progress !== undefined && !isOver) showMembers(display, progress, performance.now());
  };
  let isOver = false;
  const timer = setInterval(look, PROGRESS_MS);
  await change.finally(() => {
    isOver = true;
    clearInterval(timer);
    display.end();
  });
}

/** Undefined for an answer that is none. */
function progressIn(body: unknown): MembersProgress | undefined {
  const change = fieldOf(body, 'change');
  const caughtUp = fieldOf(change, 'caughtUp');
  if (typeof caughtUp !== 'number') return undefined;
  const ids = (of: unknown, name: string) => {
    const list = fieldOf(of, name);
    return Array.isArray(list) ? list.map(Number) : [];
  };
  return { learners: ids(body, 'learners'), change: { caughtUp, waitsFor: ids(change, 'waitsFor') } };
}

/** `voters=0,1,2`, and `learners=`, `adding=` and `removing=` where there are any */
function lineOf(body: unknown): string {
  const change = fieldOf(body, 'change');
  const lists = [
    ['voters', fieldOf(body, 'voters')],
    ['learners', fieldOf(body, 'learners')],
    ['adding', fieldOf(change, 'adding')],
    ['removing', fieldOf(change, 'removing')],
    ['waits-for', fieldOf(change, 'waitsFor')],
  ] as const;
  return lists
    .filter(([, ids]) => Array.isArray(ids) && ids.length > 0)
    .map(([name, ids]) => `${name}=${ids}`)
    .join(' ');
}

function fieldOf(body: unknown, name: string): unknown {
  return typeof body === 'object' && body !== null ? new Map(Object.entries(body)).get(name) : undefined;
}

function toId(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
