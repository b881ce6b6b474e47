/** Opens what a migration copies from and to, with the real disk and the real network. */

import { type TlsOptions, tcpDial } from '../client/node/tcp.js';
import { filesForOneThing } from '../cluster/one-thing-files.js';
import { NODE_ENVIRONMENT } from '../environment.js';
import { Leases } from '../etcd/leases.js';
import { GrpcTransport } from '../etcd/node/grpc-transport.js';
import type { EtcdAccess } from '../wire/control.js';
import { BackupSource } from './backup-source.js';
import { ClusterLink } from './cluster-link.js';
import { DirectorySource } from './directory-source.js';
import type { Source, Target } from './ends.js';
import { EtcdCopy } from './etcd-copy.js';
import { EtcdFollow } from './etcd-follow.js';
import { EtcdSource } from './etcd-source.js';
import { EtcdStore } from './etcd-store.js';
import { EtcdTarget, type EtcdTargetOptions } from './etcd-target.js';
import { FileTarget } from './file-target.js';
import { Follow, type FollowOptions } from './follow.js';

export type SourcePlace =
  | { readonly type: 'etcd'; readonly access: EtcdAccess }
  | { readonly type: 'directory'; readonly paths: readonly string[] }
  | { readonly type: 'backup'; readonly path: string };

export type TargetPlace =
  | { readonly type: 'etcd'; readonly access: EtcdAccess }
  | { readonly type: 'directory'; readonly paths: readonly string[]; readonly servers: number }
  | { readonly type: 'backup'; readonly path: string };

/** As it was when the migration began that has this identity, if that is known. */
export function openSource(place: SourcePlace, identity: string | undefined): Promise<Source> {
  const world = { files: filesForOneThing(), environment: NODE_ENVIRONMENT };
  switch (place.type) {
    case 'backup':
      return BackupSource.open(place.path, world);
    case 'directory':
      return DirectorySource.open(place.paths, world);
    case 'etcd': {
      const { prefix } = place.access;
      const { store, environment } = etcdOptions(place.access);
      return EtcdSource.open({ store, prefix, environment }, identity);
    }
  }
}

export function openTarget(place: TargetPlace): Target {
  if (place.type === 'etcd') return new EtcdTarget(etcdOptions(place.access));
  return new FileTarget(place, { files: filesForOneThing(), environment: NODE_ENVIRONMENT });
}

export interface ClusterPlace {
  readonly host: string;
  readonly port: number;
  readonly name: string;
  readonly password: string | undefined;
  readonly tls: TlsOptions | undefined;
}

type HowToFollow = Pick<FollowOptions, 'pauseMs' | 'onProgress' | 'say'>;

/** What follows a source to a cut-over. */
export interface Following {
  readonly follow: Follow | EtcdFollow;
  /** Those whose writes wait at the cut-over. */
  readonly links: readonly ClusterLink[];
}

export function openFollow(place: ClusterPlace, access: EtcdAccess, how: HowToFollow): Following {
  const cluster = clusterOptions(place);
  const link = new ClusterLink(cluster);
  return { follow: new Follow({ ...etcdOptions(access), ...cluster, link, ...how }), links: [link] };
}

/** From etcd, which these front ends run on. */
export function openEtcdFollow(
  access: EtcdAccess,
  to: Exclude<TargetPlace, { type: 'etcd' }>,
  frontEnds: readonly ClusterPlace[],
  how: HowToFollow,
): Following {
  const environment = NODE_ENVIRONMENT;
  const files = filesForOneThing();
  const links = frontEnds.map((place) => new ClusterLink(clusterOptions(place)));
  const [name = ''] = to.type === 'backup' ? [to.path] : to.paths;
  const transport = new GrpcTransport(access);
  const { prefix } = access;
  const follow = new EtcdFollow({
    ...how,
    transport,
    store: new EtcdStore({ transport, prefix, environment }),
    prefix,
    environment,
    target: openTarget(to),
    frontEnds: links,
    openCopy: () =>
      EtcdCopy.open({
        files,
        environment,
        folder: `${name.replace(/\/+$/, '')}.followed`,
        openSource: (identity) => openSource({ type: 'etcd', access }, identity),
        onProgress: ({ does, records }) => how.onProgress({ does, count: records }),
        say: how.say,
      }),
  });
  return { follow, links };
}

function clusterOptions({ host, port, name, password, tls }: ClusterPlace) {
  return {
    address: { host, port },
    name,
    password,
    world: { environment: NODE_ENVIRONMENT, dial: tcpDial(tls) },
  };
}

export function etcdOptions(access: EtcdAccess): EtcdTargetOptions {
  const transport = new GrpcTransport(access);
  const environment = NODE_ENVIRONMENT;
  return {
    environment,
    store: new EtcdStore({ transport, prefix: access.prefix, environment }),
    leases: new Leases(transport),
  };
}
