/** The options of the engine that keeps its keys in etcd, and what is wrong with them. */

import { type Command, Option } from 'commander';
import { type ClusterOptions, OptionError } from '../cluster/cluster-options.js';
import { DEFAULT_MAX_VALUE_BYTES } from '../limits.js';
import type { EtcdAccess } from '../wire/control.js';
import { readText } from './tls-options.js';

export interface EtcdArguments extends EtcdAccessArguments {
  readonly engine: string;
}

export interface EtcdAccessArguments {
  readonly etcdEndpoints?: string;
  readonly etcdPrefix: string;
  readonly etcdUser?: string;
  readonly etcdPasswordFile?: string;
  readonly etcdCa?: string;
  readonly etcdCert?: string;
  readonly etcdKey?: string;
}

const DEFAULT_PREFIX = 'threadraft/';
const MAX_PREFIX_BYTES = 250;

const OF_ETCD = [
  'etcdEndpoints',
  'etcdPrefix',
  'etcdUser',
  'etcdPasswordFile',
  'etcdCa',
  'etcdCert',
  'etcdKey',
] as const;

/** What has no meaning where servers keep nothing and agree about nothing. */
const OF_RAFT = ['dataDir', 'memory', 'fsync', 'electionTimeout', 'heartbeat', 'snapshotLogBytes'] as const;

export function addEtcdOptions(command: Command): Command {
  return addEtcdAccessOptions(
    command.addOption(
      new Option('--engine <engine>', 'what keeps the keys').choices(['raft', 'etcd']).default('raft'),
    ),
  );
}

/** The options that say how to get to etcd. */
export function addEtcdAccessOptions(command: Command): Command {
  return command
    .addOption(new Option('--etcd-endpoints <urls>', 'of members of etcd, with commas between them'))
    .addOption(new Option('--etcd-prefix <prefix>', 'of all keys in etcd').default(DEFAULT_PREFIX))
    .addOption(new Option('--etcd-user <name>', 'whom etcd is to know this program as'))
    .addOption(new Option('--etcd-password-file <file>', 'a file with the password of that user'))
    .addOption(new Option('--etcd-ca <file>', "the CA that has signed etcd's certificates, in PEM"))
    .addOption(new Option('--etcd-cert <file>', 'the certificate to show to etcd, in PEM'))
    .addOption(new Option('--etcd-key <file>', 'and its key'));
}

/** How to get to etcd; undefined with another engine. Throws OptionError. */
export function givenEtcd(
  program: Command,
  options: Pick<ClusterOptions, 'maxValueBytes'>,
): EtcdAccess | undefined {
  const args = program.opts<EtcdArguments>();
  const isGiven = (name: string) => program.getOptionValueSource(name) === 'cli';
  if (args.engine !== 'etcd') {
    const stray = OF_ETCD.find(isGiven);
    if (stray !== undefined) throw new OptionError(stray, 'is for --engine etcd alone');
    return undefined;
  }
  const stray = OF_RAFT.find(isGiven);
  if (stray !== undefined) throw new OptionError(stray, 'has no meaning with --engine etcd');
  if (options.maxValueBytes > DEFAULT_MAX_VALUE_BYTES)
    throw new OptionError('maxValueBytes', `is over ${DEFAULT_MAX_VALUE_BYTES}, the most that etcd takes`);
  if (args.etcdEndpoints === undefined)
    throw new OptionError('etcdEndpoints', 'is needed with --engine etcd');
  return etcdAccess(args, args.etcdEndpoints);
}

/** How to get to etcd at these URLs, with commas between them. Throws OptionError. */
export function etcdAccess(args: EtcdAccessArguments, endpoints: string): EtcdAccess {
  const { etcdUser, etcdPasswordFile, etcdCa, etcdCert, etcdKey } = args;
  if ((etcdUser === undefined) !== (etcdPasswordFile === undefined))
    throw new OptionError(
      etcdUser === undefined ? 'etcdUser' : 'etcdPasswordFile',
      'is needed with the other of --etcd-user and --etcd-password-file',
    );
  if ((etcdCert === undefined) !== (etcdKey === undefined))
    throw new OptionError(
      etcdCert === undefined ? 'etcdCert' : 'etcdKey',
      'is needed with the other of --etcd-cert and --etcd-key',
    );
  return {
    endpoints: endpointsIn(endpoints),
    prefix: prefixIn(args.etcdPrefix),
    ...(etcdUser === undefined || etcdPasswordFile === undefined
      ? {}
      : {
          user: {
            name: etcdUser,
            password: readText('etcdPasswordFile', etcdPasswordFile).replace(/\r?\n$/, ''),
          },
        }),
    ...(etcdCa === undefined ? {} : { ca: readText('etcdCa', etcdCa) }),
    ...(etcdCert === undefined ? {} : { cert: readText('etcdCert', etcdCert) }),
    ...(etcdKey === undefined ? {} : { key: readText('etcdKey', etcdKey) }),
  };
}

function endpointsIn(text: string): readonly string[] {
  const endpoints = text.split(',');
  for (const endpoint of endpoints) {
    const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
    const isGood = url !== undefined && ['http:', 'https:'].includes(url.protocol) && url.pathname === '/';
    if (!isGood)
      throw new OptionError('etcdEndpoints', `"${endpoint}" is no URL such as http://127.0.0.1:2379`);
  }
  return endpoints;
}

/** One character per byte, as keys are. */
function prefixIn(text: string): string {
  const prefix = Buffer.from(text).toString('latin1');
  if (prefix === '' || prefix.length > MAX_PREFIX_BYTES)
    throw new OptionError('etcdPrefix', `must have 1 to ${MAX_PREFIX_BYTES} bytes`);
  return prefix;
}
