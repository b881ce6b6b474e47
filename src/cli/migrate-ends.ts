/** What the words after `--from` and `--to` name: etcd, a running cluster, data directories, or a backup. */

import { statSync } from 'node:fs';
import { checkDataDirNames, checkDataDirs, OptionError } from '../cluster/cluster-options.js';
import type { EtcdAccess } from '../wire/control.js';
import { type EtcdAccessArguments, etcdAccess } from './etcd-options.js';

export type End =
  | { readonly type: 'etcd'; readonly access: EtcdAccess; readonly name: string }
  | { readonly type: 'cluster'; readonly host: string; readonly port: number; readonly name: string }
  | { readonly type: 'directory'; readonly paths: readonly string[]; readonly name: string }
  | { readonly type: 'backup'; readonly path: string; readonly name: string };

const BACKUP = 'backup:';
const ETCD = 'etcd';
const ADDRESS = /^(?:(?<name>[\w.-]+)|\[(?<address>[\d:a-fA-F.]+)\]):(?<port>\d{1,5})$/;

/** Throws OptionError. */
export function endIn(option: 'from' | 'to', words: readonly string[], args: EtcdAccessArguments): End {
  const [word, ...others] = words;
  if (word === undefined) throw new OptionError(option, 'is needed');
  if (others.length > 0) {
    checkDataDirNames(words);
    return { type: 'directory', paths: words, name: words.join(', ') };
  }
  if (word === ETCD || /^https?:\/\//.test(word)) {
    const endpoints = word === ETCD ? args.etcdEndpoints : word;
    if (endpoints === undefined) throw new OptionError('etcdEndpoints', `is needed with --${option} etcd`);
    return { type: 'etcd', access: etcdAccess(args, endpoints), name: `etcd ${endpoints}` };
  }
  if (word.startsWith(BACKUP)) return backup(option, word.slice(BACKUP.length));
  const { name, address, port } = ADDRESS.exec(word)?.groups ?? {};
  const host = name ?? address;
  if (host !== undefined) return { type: 'cluster', host, port: Number(port), name: word };
  if (isFile(word)) return backup(option, word);
  checkDataDirNames([word]);
  return { type: 'directory', paths: [word], name: word };
}

/** Throws OptionError where nothing goes from the one to the other. */
export function checkEnds(
  from: End,
  to: End,
  { follow, servers }: { follow: boolean; servers: number },
): void {
  if (to.type === 'cluster')
    throw new OptionError('to', 'a running cluster takes no copy: name a new directory, or etcd');
  if (from.type === 'etcd' && to.type === 'etcd')
    throw new OptionError('to', 'from etcd to etcd, use etcdctl make-mirror, or snapshot save');
  if (to.type === 'directory') checkDataDirs(to.paths, servers);
  if (from.type === 'cluster' && !follow)
    throw new OptionError('from', 'a running cluster is copied with --follow, or by threadraft backup');
  if (follow && from.type !== 'cluster')
    throw new OptionError('follow', 'is for --from host:port, the router of a running cluster');
  if (follow && to.type !== 'etcd') throw new OptionError('follow', 'goes to etcd alone');
}

function backup(option: 'from' | 'to', path: string): End {
  if (path === '') throw new OptionError(option, 'backup: is followed by the name of a file');
  return { type: 'backup', path, name: path };
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
