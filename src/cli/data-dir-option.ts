/** The option that names a cluster's data directories: once, or once for each server. */

import { Option } from 'commander';
import { DEFAULT_OPTIONS, dataDirsIn } from '../cluster/cluster-options.js';

/** Its value is undefined unless it is given: see {@link givenDataDirs}. */
export function dataDirOption(description: string): Option {
  const names = dataDirsIn(DEFAULT_OPTIONS).join(', ');
  const explanation = `${description}; once, or once for each server (default: ${names})`;
  return new Option('--data-dir <dir>', explanation).argParser(
    (path: string, before: readonly string[] | undefined) => [...(before ?? []), path],
  );
}

/** The directories that were given, or the default. */
export function givenDataDirs({ dataDir }: { readonly dataDir?: readonly string[] }): readonly string[] {
  return dataDir ?? dataDirsIn(DEFAULT_OPTIONS);
}
