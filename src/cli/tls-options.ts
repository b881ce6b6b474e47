/** The options that name certificates. */

import { readFileSync, type Stats, statSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { OptionError } from '../cluster/cluster-options.js';
import { messageOf } from '../error-message.js';
import type { TlsMaterial } from '../gateway/node/tls-identity.js';

export interface TlsArguments {
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsCa?: string;
}

/** @param whose said of the CA: whose certificates it has signed */
export function addTlsOptions(command: Command, whose: string): Command {
  return command
    .addOption(new Option('--tls-cert <file>', 'the certificate to show, in PEM'))
    .addOption(new Option('--tls-key <file>', 'and its key'))
    .addOption(new Option('--tls-ca <file>', `the CA that has signed ${whose}`));
}

/** What the files hold; null if none is named. Throws OptionError. */
export function givenTls(
  { tlsCert, tlsKey, tlsCa }: TlsArguments,
  read: ReadText = readText,
): TlsMaterial | null {
  if (tlsCert === undefined && tlsKey === undefined && tlsCa === undefined) return null;
  if (tlsCert === undefined) throw new OptionError('tlsCert', 'is needed with --tls-key and --tls-ca');
  if (tlsKey === undefined) throw new OptionError('tlsKey', 'is needed with --tls-cert');
  const ca = tlsCa === undefined ? undefined : read('tlsCa', tlsCa);
  return { cert: read('tlsCert', tlsCert), key: read('tlsKey', tlsKey), ca };
}

/** Bytes of a file with a password or certificates; a longer one is refused. */
const MAX_FILE_BYTES = 1024 * 1024;

/** The text in the file that the option names. Throws OptionError. */
export type ReadText = (option: string, file: string) => string;

export const readText: ReadText = (option, file) => {
  const stats = statOf(option, file);
  if (stats.size > MAX_FILE_BYTES)
    throw new OptionError(option, `${file}: has more than ${MAX_FILE_BYTES} bytes`);
  if (stats.isCharacterDevice() || stats.isBlockDevice())
    throw new OptionError(option, `${file}: is a device`);
  return attempt(option, () => readFileSync(file, 'utf8'));
};

/** The same while clients are served: whoever reads from a pipe waits for somebody to write, and all clients would with him. */
export const readTextAgain: ReadText = (option, file) => {
  if (!statOf(option, file).isFile()) throw new OptionError(option, `${file}: only a file can be read again`);
  return readText(option, file);
};

function statOf(option: string, file: string): Stats {
  return attempt(option, () => statSync(file));
}

function attempt<T>(option: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new OptionError(option, messageOf(error));
  }
}
