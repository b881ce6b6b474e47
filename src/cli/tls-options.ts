/** The options that name certificates. */

import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { OptionError } from '../cluster/cluster-options.js';
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
export function givenTls({ tlsCert, tlsKey, tlsCa }: TlsArguments): TlsMaterial | null {
  if (tlsCert === undefined && tlsKey === undefined && tlsCa === undefined) return null;
  if (tlsCert === undefined) throw new OptionError('tlsCert', 'is needed with --tls-key and --tls-ca');
  if (tlsKey === undefined) throw new OptionError('tlsKey', 'is needed with --tls-cert');
  const ca = tlsCa === undefined ? undefined : readText('tlsCa', tlsCa);
  return { cert: readText('tlsCert', tlsCert), key: readText('tlsKey', tlsKey), ca };
}

/** Throws OptionError. */
export function readText(option: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new OptionError(option, error instanceof Error ? error.message : String(error));
  }
}
