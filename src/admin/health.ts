/** What `GET /healthz` answers: whether a leader serves, or etcd answers, and what servers complain of. */

import type { Cluster } from '../cluster/cluster.js';
import { HttpError } from './http-error.js';

export interface Health {
  /** Null with etcd, which has its own. */
  readonly leader: number | null;
  /** The servers that complain of something; missing if none does. */
  readonly troubles?: readonly { readonly server: number; readonly reason?: string }[];
}

/**
 * Throws HttpError 503 without a leader, or where etcd does not answer.
 *
 * @param showsReasons whether the one who asks may use the rest of the API: reasons name directories
 */
export function healthOf(
  cluster: Pick<Cluster, 'leader' | 'engine' | 'ids' | 'troubleOf'>,
  { showsReasons }: { readonly showsReasons: boolean },
): Health {
  const { leader = null, engine, ids } = cluster;
  if (!engine.isServing)
    throw new HttpError(
      503,
      engine.name === 'etcd' ? 'etcd does not answer' : 'there is no leader with a quorum',
    );
  const troubles = ids.flatMap((server) => {
    const reason = cluster.troubleOf(server);
    if (reason === undefined) return [];
    return [showsReasons ? { server, reason } : { server }];
  });
  return troubles.length === 0 ? { leader } : { leader, troubles };
}
