/**
 * Servers in this process whose keys are in etcd: the same ports, protocols and calls as those of a {@link Cluster}, but for
 * what has a meaning in Raft alone. See docs/engines.md.
 */

import type { ServerId } from '../raft/types.js';
import type { EtcdAccess } from '../wire/control.js';
import { Cluster } from './cluster.js';
import type { ClusterEnvironment } from './cluster-environment.js';
import { WrongStateError } from './cluster-errors.js';
import type { ClusterOptions } from './cluster-options.js';
import type { ClusterStatus } from './status.js';

const NO_LINKS = 'servers have no links between them';
const MEMBERS = 'members are those of etcd: see etcdctl member';

export class EtcdCluster extends Cluster {
  readonly #logger: ClusterEnvironment['logger'];
  /** What servers that are up have said last of etcd: why it does not answer, or null if it does. */
  readonly #troubles = new Map<ServerId, string | null>();
  /** What the log says. */
  #toldAnswers: boolean | undefined;

  /** Throws OptionError. Nothing runs before {@link start}. */
  constructor(options: Partial<ClusterOptions>, etcd: EtcdAccess, environment: ClusterEnvironment = {}) {
    // The directory holds no more than what the servers are called.
    super({ ...options, memory: true }, { ...environment, etcd });
    this.#logger = environment.logger;
    this.on('etcd', ({ server, trouble }) => {
      this.#troubles.set(server, trouble);
      this.#log(trouble);
    });
    for (const type of ['killed', 'stopped', 'died', 'failed'] as const)
      this.on(type, ({ server }) => this.#troubles.delete(server));
  }

  /** etcd, and whether it answers one of the servers. */
  override get engine(): { readonly name: 'etcd'; readonly isServing: boolean } {
    return { name: 'etcd', isServing: [...this.#troubles.values()].includes(null) };
  }

  override troubleOf(id: ServerId): string | undefined {
    return super.troubleOf(id) ?? this.#troubles.get(id) ?? undefined;
  }

  override async status(): Promise<ClusterStatus> {
    const { servers } = await super.status();
    return {
      leader: null,
      servers: servers.map((one) => ({ ...one, reason: one.reason ?? this.#troubles.get(one.id) ?? null })),
    };
  }

  override transferLeadership(): Promise<never> {
    return refused('no server leads');
  }

  override partition(): Promise<never> {
    return refused(NO_LINKS);
  }

  override setLink(): Promise<never> {
    return refused(NO_LINKS);
  }

  override heal(): Promise<never> {
    return refused(NO_LINKS);
  }

  override members(): Promise<never> {
    return refused(MEMBERS);
  }

  override changeMembers(): Promise<never> {
    return refused(MEMBERS);
  }

  override addServer(): Promise<never> {
    return refused(MEMBERS);
  }

  override removeServer(): Promise<never> {
    return refused(MEMBERS);
  }

  override replaceServer(): Promise<never> {
    return refused(MEMBERS);
  }

  override backup(): Promise<never> {
    return refused('backups are those of etcd: see etcdctl snapshot save');
  }

  /** One line when etcd does not answer any of them, and one when it does again. */
  #log(trouble: string | null): void {
    const { isServing } = this.engine;
    if (isServing === this.#toldAnswers) return;
    this.#toldAnswers = isServing;
    if (isServing) this.#logger?.info('etcd answers');
    else this.#logger?.warn({ reason: trouble }, 'etcd does not answer: it is tried again until it does');
  }
}

function refused(why: string): Promise<never> {
  return Promise.reject(new WrongStateError(`with --engine etcd ${why}`));
}
