/**
 * `npm run bench:check -- <commit>`: this checkout against another commit, in turns, and what moved beyond noise.
 *
 * The tools of this checkout measure both sides, so that only the programs differ.
 */

import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { countOption, listOption, oneOf, runTool } from '../support/arguments.js';
import { checkOut } from './check/checkout.js';
import { compare, isTooBad, measureInTurns, roundsNeeded, type Side } from './check/compare.js';
import { checkSummary, checkTable } from './check/report.js';
import { QUICK_ROWS, ROWS, type Row } from './check/rows.js';
import { visit } from './check/visit.js';

interface Arguments {
  readonly rounds?: number;
  readonly rows?: readonly Row[];
  readonly minutes: number;
  readonly quick?: true;
}

const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
const PROGRAM = 'dist/src/main.cjs';
const USUAL = { rounds: 12, rows: ROWS, scale: 1, kills: 5 };
const QUICK = { rounds: 8, rows: QUICK_ROWS, scale: 0.25, kills: 3 };

const command = new Command('bench:check')
  .description(
    'Builds another commit in a temporary place and measures it and this checkout in turns. Ends with 1 if a row of this checkout is worse by more than 5 %, and that is not noise.',
  )
  .argument('<commit>', 'what to compare with')
  .addOption(
    countOption('--rounds <count>', `each side once in each: ${USUAL.rounds}, ${QUICK.rounds} if quick`),
  )
  .addOption(listOption('--rows <list>', ROWS.join(', '), oneOf(ROWS)))
  .addOption(countOption('--minutes <count>', 'no round begins that would end later', 9))
  .option('--quick', `fewer requests and kills, and of the rows ${QUICK_ROWS.join(', ')}`);

await runTool(command, async () => {
  const args = command.opts<Arguments>();
  const { rounds, rows, scale, kills } = { ...(args.quick ? QUICK : USUAL), ...chosen(args) };
  const needed = roundsNeeded(rows.length);
  if (rounds < needed)
    command.error(`--rounds must be at least ${needed} to find one of ${rows.length} rows moved`);
  const deadlineMs = performance.now() + args.minutes * 60_000;
  const over = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => over.abort(new Error(`ended by ${signal}`)));

  const [name = ''] = command.args;
  tell(`checking out ${name} and building it`);
  const checkout = await checkOut(REPOSITORY, name, over.signal);
  try {
    const directories: Readonly<Record<Side, string>> = { before: checkout.directory, after: REPOSITORY };
    const startedAtMs = performance.now();
    const measured = await measureInTurns(
      rounds,
      (side) => visit({ entry: `${directories[side]}/${PROGRAM}`, rows, scale, kills }, over.signal),
      (done) => {
        const nowMs = performance.now();
        return done > 0 && nowMs + (nowMs - startedAtMs) / done > deadlineMs;
      },
      (_, number) => tell(`round ${number} of ${rounds}`),
    );
    if (measured.length < needed)
      throw new Error(
        `${measured.length} rounds in ${args.minutes} minutes are too few: ask for fewer --rows`,
      );
    const results = compare(measured, rows);
    process.stdout.write(`before: ${checkout.commit}, after: this checkout\n`);
    process.stdout.write(`${checkTable(results)}\n${checkSummary(results, measured.length)}\n`);
    return results.some(isTooBad) ? 1 : 0;
  } finally {
    await checkout.remove();
  }
});

function chosen({
  rounds,
  rows,
}: Arguments): Partial<Pick<typeof USUAL, 'rounds'>> & { readonly rows?: readonly Row[] } {
  return { ...(rounds === undefined ? {} : { rounds }), ...(rows === undefined ? {} : { rows }) };
}

function tell(what: string): void {
  process.stderr.write(`${what}\n`);
}
