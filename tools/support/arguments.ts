/**
 * What the command lines of the measuring tools have in common.
 */

import { type Command, CommanderError, InvalidArgumentError, Option } from 'commander';

/** An option that takes a whole number of at least 1. */
export function countOption(flags: string, description: string, byDefault?: number): Option {
  return new Option(flags, description).default(byDefault).argParser(parseCount);
}

/** Throws commander's InvalidArgumentError unless the text is a whole number of at least 1. */
export function parseCount(text: string): number {
  if (!/^[1-9]\d{0,9}$/.test(text))
    throw new InvalidArgumentError('It must be a whole number of at least 1.');
  return Number(text);
}

/** An option that takes a list, and each thing in it once. `parse` throws InvalidArgumentError for what does not belong there. */
export function listOption<T>(
  flags: string,
  description: string,
  parse: (text: string) => T,
  byDefault?: readonly T[],
): Option {
  return new Option(flags, `${description}, separated by commas`)
    .default(byDefault, byDefault?.join(',') || 'none')
    .argParser((text) => [...new Set(text.split(',').map(parse))]);
}

/** Parses a whole number within bounds; throws commander's InvalidArgumentError for anything else. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

/** Parses one of the names; throws commander's InvalidArgumentError for any other. */
export function oneOf<T extends string>(names: readonly T[]): (text: string) => T {
  return (text) => {
    const name = names.find((known) => known === text);
    if (name === undefined) throw new InvalidArgumentError(`It must be of ${names.join(', ')}.`);
    return name;
  };
}

/**
 * Runs a tool: complaints go to stderr as one line each. Sets the exit code: 0, what `run` resolves to, 1 when it
 * rejects, 2 for a bad command line.
 */
export async function runTool(command: Command, run: () => Promise<number>): Promise<void> {
  // An interrupt from the terminal reaches the child processes, too: their end is the failure that unwinds the tool.
  process.once('SIGINT', () => undefined);
  try {
    command
      .allowExcessArguments(false)
      .showSuggestionAfterError(false)
      .configureOutput({ outputError: () => undefined })
      .exitOverride()
      .parse();
    process.exitCode = await run();
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return;
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${command.name()}: ${message.replace(/^error: /, '')}\n`);
    process.exitCode = error instanceof CommanderError ? 2 : 1;
  }
}
