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
