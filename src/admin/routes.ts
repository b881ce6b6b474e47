/**
 * The calls of the admin API.
 */

import type { Cluster, ClusterStatus } from '../cluster/cluster.js';
import type { LinkRequest } from '../cluster/faults.js';
import { packageVersion } from '../package-version.js';
import { HttpError } from './http-error.js';
import { METRICS_CONTENT_TYPE, prometheusText } from './metrics.js';

/** An answer that is there as a whole. */
export interface WholeAnswer {
  readonly status: number;
  /** Text goes out as it is, everything else as JSON. */
  readonly body: unknown;
  /** That of JSON unless it says otherwise. */
  readonly contentType?: string;
}

/** Whole, or bytes that come piece by piece. */
export type Answer = WholeAnswer | { readonly status: number; readonly pieces: AsyncIterable<Uint8Array> };

export interface Route {
  readonly method: 'GET' | 'POST';
  /** Its first group, if it has one, is the server's number. */
  readonly path: RegExp;
  readonly handle: (cluster: Cluster, call: Call) => Answer | Promise<Answer>;
}

interface Call {
  /** The server that the path names; NaN when it names none. */
  readonly id: number;
  /** The body as JSON; undefined when there is none. */
  readonly body: unknown;
}

const DONE: Answer = { status: 200, body: { ok: true } };

export const routes: readonly Route[] = [
  {
    method: 'GET',
    path: /^\/api\/status$/,
    handle: async (cluster) => ({ status: 200, body: shown(await cluster.status()) }),
  },
  {
    method: 'GET',
    path: /^\/healthz$/,
    handle: ({ leader }) =>
      leader === undefined
        ? { status: 503, body: { error: 'there is no leader with a quorum' } }
        : { status: 200, body: { leader } },
  },
  {
    method: 'GET',
    path: /^\/api\/backup$/,
    handle: async (cluster) => ({ status: 200, pieces: await cluster.backup() }),
  },
  {
    method: 'GET',
    path: /^\/metrics$/,
    handle: async (cluster) => ({
      status: 200,
      body: await prometheusText(await cluster.measure(), packageVersion),
      contentType: METRICS_CONTENT_TYPE,
    }),
  },
  onServer('kill', (cluster, id) => cluster.kill(id)),
  onServer('restart', (cluster, id) => cluster.restart(id)),
  onServer('lead', (cluster, id) => cluster.transferLeadership(id)),
  onCluster('partition', (cluster, body) => cluster.partition(groupsOf(body))),
  onCluster('links', (cluster, body) => cluster.setLink(linkOf(body))),
  onCluster('heal', (cluster) => cluster.heal()),
];

/** What the API promises of the status. The library tells more. */
function shown({ leader, servers }: ClusterStatus): object {
  return { leader, servers: servers.map(({ snapshotIndex: _, ...rest }) => rest) };
}

function onServer(verb: string, act: (cluster: Cluster, id: number) => Promise<void>): Route {
  return {
    method: 'POST',
    path: new RegExp(`^/api/servers/(\\d+)/${verb}$`),
    handle: async (cluster, { id }) => {
      await act(cluster, id);
      return DONE;
    },
  };
}

function onCluster(verb: string, act: (cluster: Cluster, body: unknown) => Promise<void>): Route {
  return {
    method: 'POST',
    path: new RegExp(`^/api/${verb}$`),
    handle: async (cluster, { body }) => {
      await act(cluster, body);
      return DONE;
    },
  };
}

/** `{ "groups": [[0], [1, 2]] }` */
function groupsOf(body: unknown): number[][] {
  const groups = field(body, 'groups');
  if (Array.isArray(groups) && groups.every(isNumbers)) return groups;
  throw new HttpError(400, 'groups must be lists of server numbers, such as { "groups": [[0], [1, 2]] }');
}

/** `{ "from": 0, "to": 1, "dropRate": 0.1, "delayMs": [5, 20] }` */
function linkOf(body: unknown): LinkRequest {
  const from = field(body, 'from');
  const to = field(body, 'to');
  const dropRate = field(body, 'dropRate') ?? 0;
  const delayMs = field(body, 'delayMs') ?? [0, 0];
  if (typeof from !== 'number' || typeof to !== 'number')
    throw new HttpError(400, 'from and to must be server numbers');
  if (typeof dropRate !== 'number') throw new HttpError(400, 'dropRate must be a number from 0 to 1');
  if (!isNumbers(delayMs)) throw new HttpError(400, DELAY_FORM);
  const [minMs, maxMs, ...more] = delayMs;
  if (minMs === undefined || maxMs === undefined || more.length > 0) throw new HttpError(400, DELAY_FORM);
  return { from, to, dropRate, delayMs: [minMs, maxMs] };
}

const DELAY_FORM = 'delayMs must be a range in ms, such as [5, 20]';

function field(body: unknown, name: string): unknown {
  return typeof body === 'object' && body !== null
    ? Object.entries(body).find(([key]) => key === name)?.[1]
    : undefined;
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'number');
}
