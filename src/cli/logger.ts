/**
 * The log for operators: one line an event on stderr, pretty on a terminal, JSON in a pipe.
 */

import { type Logger, pino } from 'pino';
import pretty from 'pino-pretty';

const STDERR = 2;

/** Logs synchronously: lines are few, and the last ones before an exit must not be lost. */
export function createLogger(level: string): Logger {
  const options = { level, base: null };
  if (!process.stderr.isTTY) return pino(options, pino.destination({ dest: STDERR, sync: true }));
  return pino(
    options,
    pretty({
      destination: STDERR,
      sync: true,
      colorize: true,
      translateTime: 'HH:MM:ss.l',
      singleLine: true,
    }),
  );
}
