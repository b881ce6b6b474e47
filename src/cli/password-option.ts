/** Where the password comes from: a file, or a variable of the environment. Never the command line, which all can see. */

import { Option } from 'commander';
import { checkPassword, OptionError } from '../cluster/cluster-options.js';
import { readText } from './tls-options.js';

const VARIABLE = 'THREADRAFT_PASSWORD';

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
  if (password === undefined || password === '') return null;
  checkPassword(password);
  return password;
}

/** Takes it out of the environment: threads and processes that are started need not know it. */
export function forgetGivenPassword(): void {
  delete process.env[VARIABLE];
}

/** The password in the file, of which the last line break is no part. Throws OptionError. */
export function readPassword(file: string): string {
  const password = readText('passwordFile', file).replace(/\r?\n$/, '');
  try {
    checkPassword(password);
  } catch (error) {
    throw error instanceof OptionError
      ? new OptionError('passwordFile', `${file}: the password ${error.reason}`)
      : error;
  }
  return password;
}

/** The headers of a request to the admin API that tell the password. */
export function authorization(password: string | null): Record<string, string> {
  if (password === null) return {};
  return { Authorization: `Basic ${Buffer.from(`default:${password}`).toString('base64')}` };
}
