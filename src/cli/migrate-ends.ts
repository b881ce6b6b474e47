/** What the words after `--from` and `--to` name: etcd, a running cluster, data directories, or a backup. */

import { statSync } from 'node:fs';
import { checkDataDirNames, checkDataDirs, OptionError } from '../cluster/cluster-options.js';
import type { EtcdAccess } from '../wire/control.js';
import { type EtcdAccessArguments, etcdAccess } from './etcd-options.js';

export interface RouterAddress {
  readonly host: string;
  readonly port: number;
  readonly name: string;
}

export type End =
  | { readonly type: 'etcd'; readonly access: EtcdAccess; readonly name: string }
  | ({ readonly type: 'cluster' } & RouterAddress)
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
  const address = addressIn(word);
  if (address !== undefined) return { type: 'cluster', ...address };
  if (isFile(word)) return backup(option, word);
  checkDataDirNames([word]);
  return { type: 'directory', paths: [word], name: word };
}

/** Throws OptionError where nothing goes from the one to the other. */
export function checkEnds(
  from: End,
  to: End,
  args: {
    readonly follow: boolean;
    readonly cutOver: boolean;
    readonly servers: number;
    readonly frontEnds?: readonly RouterAddress[];
  },
): void {
  const { follow, servers, frontEnds } = args;
  if (to.type === 'cluster')
    throw new OptionError('to', 'a running cluster takes no copy: name a new directory, or etcd');
  if (from.type === 'etcd' && to.type === 'etcd')
    throw new OptionError('to', 'from etcd to etcd, use etcdctl make-mirror, or snapshot save');
  if (to.type === 'directory') checkDataDirs(to.paths, servers);
  if (from.type === 'cluster' && !follow)
    throw new OptionError('from', 'a running cluster is copied with --follow, or by threadraft backup');
  if (follow && from.type !== 'cluster' && from.type !== 'etcd')
    throw new OptionError('follow', 'is for --from host:port, the router of a running cluster, or etcd');
  if (from.type === 'cluster' && to.type !== 'etcd')
    throw new OptionError('follow', 'goes from a running cluster to etcd alone');
  if (frontEnds !== undefined && !(follow && from.type === 'etcd'))
    throw new OptionError('frontEnds', 'are those on the etcd that is followed: --from etcd --follow');
  if (follow && args.cutOver && from.type === 'etcd' && frontEnds === undefined)
    throw new OptionError('cutOver', 'needs --front-ends, whose writes are to wait');
}

/** Routers, `host:port` each, with commas between them. Throws OptionError. */
export function routersIn(option: string, text: string): readonly RouterAddress[] {
  return text.split(',').map((word) => {
    const address = addressIn(word.trim());
    if (address === undefined) throw new OptionError(option, `${JSON.stringify(word)} is no host:port`);
    return address;
  });
}

function addressIn(word: string): RouterAddress | undefined {
  const { name, address, port } = ADDRESS.exec(word)?.groups ?? {};
  const host = name ?? address;
  return host === undefined ? undefined : { host, port: Number(port), name: word };
}

function backup(option: 'from' | 'to', path: string): End {
  if (path === '') throw new OptionError(option, 'backup: is followed by the name of a file');
  return { type: 'backup', path, name: path };
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
