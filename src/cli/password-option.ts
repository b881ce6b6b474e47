/** Where the password comes from: a file, or a variable of the environment. Never the command line, which all can see. */

import { Option } from 'commander';
import { checkPassword, OptionError } from '../cluster/cluster-options.js';
import { type ReadText, readText } from './tls-options.js';

const VARIABLE = 'THREADRAFT_PASSWORD';

/** What Node reads bytes as that are no UTF-8: nobody could tell such a password. */
const REPLACEMENT = '\uFFFD';

export interface PasswordArguments {
  readonly passwordFile?: string | undefined;
}

export function passwordOption(description: string): Option {
  return new Option('--password-file <file>', `${description}; also ${VARIABLE}`);
}

/** The password that was given; null without one. The file counts before the variable. Throws OptionError. */
export function givenPassword({ passwordFile }: PasswordArguments): string | null {
  const { [VARIABLE]: password } = process.env;
  if (passwordFile !== undefined) return readPassword(passwordFile);
  if (password === undefined) return null;
  // Whoever sets it wants one: a secret that was not found leaves it empty.
  named(VARIABLE, () => checkPassword(password));
  return password;
}

/** Takes it out of the environment: threads and processes that are started need not know it. */
export function forgetGivenPassword(): void {
  delete process.env[VARIABLE];
}

/**
 * The password in the file, of which the last line break is no part, nor the mark that some editors begin a file with. Throws
 * OptionError.
 */
export function readPassword(file: string, read: ReadText = readText): string {
  const text = read('passwordFile', file);
  if (text.includes(REPLACEMENT)) throw new OptionError('passwordFile', `${file}: is no text in UTF-8`);
  const password = text.replace(/^\uFEFF/, '').replace(/\r?\n$/, '');
  named(file, () => checkPassword(password));
  return password;
}

/** Has an OptionError of the check tell where the password is from. */
function named(source: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    throw error instanceof OptionError
      ? new OptionError('passwordFile', `${source}: the password ${error.reason}`)
      : error;
  }
}

/** The headers of a request to the admin API that tell the password. */
export function authorization(password: string | null): Record<string, string> {
  if (password === null) return {};
  return { Authorization: `Basic ${Buffer.from(`default:${password}`).toString('base64')}` };
}
