/**
 * The calls of the admin API.
 */

import type { ServerResponse } from 'node:http';
import type { Cluster } from '../cluster/cluster.js';
import type { LinkRequest } from '../cluster/faults.js';
import type { ClusterStatus } from '../cluster/status.js';
import { type ConsoleCommand, runCommand } from './console.js';
import { HttpError } from './http-error.js';
import type { LiveFeed } from './live/feed.js';
import { type LoadSwitch, MAX_LOAD_PER_S } from './load.js';
import { METRICS_CONTENT_TYPE, prometheusText } from './metrics.js';
import { packageVersion } from './package-version.js';

/** An answer that is there as a whole. */
export interface WholeAnswer {
  readonly kind: 'whole';
  readonly status: number;
  /** Text goes out as it is, everything else as JSON. */
  readonly body: unknown;
  /** That of JSON unless it says otherwise. */
  readonly contentType?: string;
}

export type Answer =
  | WholeAnswer
  /** Bytes that come piece by piece. */
  | { readonly kind: 'pieces'; readonly pieces: AsyncIterable<Uint8Array> }
  /** Goes on for as long as the client listens. */
  | { readonly kind: 'live'; readonly open: (response: ServerResponse) => void };

export interface Route {
  readonly method: 'GET' | 'POST';
  /** Its first group, if it has one, is the server's number. */
  readonly path: RegExp;
  readonly handle: (call: Call) => Answer | Promise<Answer>;
}

interface Call {
  readonly cluster: Cluster;
  readonly feed: LiveFeed;
  readonly load: LoadSwitch;
  /** The server that the path names; NaN when it names none. */
  readonly id: number;
  /** The body as JSON; undefined when there is none. */
  readonly body: unknown;
}

export const routes: readonly Route[] = [
  onGet('/api/status', async ({ cluster }) => whole(200, shown(await cluster.status()))),
  onGet('/healthz', ({ cluster: { leader } }) =>
    leader === undefined ? whole(503, { error: 'there is no leader with a quorum' }) : whole(200, { leader }),
  ),
  onGet('/metrics', async ({ cluster }) => ({
    ...whole(200, await prometheusText(await cluster.measure(), packageVersion)),
    contentType: METRICS_CONTENT_TYPE,
  })),
  onGet('/api/backup', async ({ cluster }) => ({ kind: 'pieces', pieces: await cluster.backup() })),
  onGet('/api/live', ({ feed }) => ({ kind: 'live', open: (response) => feed.open(response) })),
  onServer('kill', ({ cluster, id }) => cluster.kill(id)),
  onServer('restart', ({ cluster, id }) => cluster.restart(id)),
  onServer('lead', ({ cluster, id }) => cluster.transferLeadership(id)),
  onServer('pause', ({ cluster, id, body }) => cluster.block(id, durationOf(body))),
  onPost('/api/partition', ({ cluster, body }) => cluster.partition(groupsOf(body))),
  onPost('/api/links', ({ cluster, body }) => cluster.setLink(linkOf(body))),
  onPost('/api/heal', ({ cluster }) => cluster.heal()),
  onPost('/api/command', ({ cluster, body }) => runCommand(cluster, commandOf(body))),
  onPost('/api/load', async ({ cluster, load, body }) => {
    const { routerAddress } = cluster;
    if (routerAddress === undefined) throw new HttpError(409, 'there is no router to put load on');
    await load.set(routerAddress, loadOf(body));
  }),
];

/** What the API promises of the status. The library tells more. */
function shown({ leader, servers }: ClusterStatus): object {
  return { leader, servers: servers.map(({ snapshotIndex: _, ...rest }) => rest) };
}

function onGet(path: string, handle: Route['handle']): Route {
  return { method: 'GET', path: new RegExp(`^${path}$`), handle };
}

function onServer(verb: string, act: (call: Call) => Promise<void>): Route {
  return onPost(`/api/servers/(\\d+)/${verb}`, act);
}

/** What it answers is the value that the action comes to, `{ "ok": true }` unless there is one. */
function onPost(path: string, act: (call: Call) => Promise<unknown>): Route {
  return {
    method: 'POST',
    path: new RegExp(`^${path}$`),
    handle: async (call) => whole(200, (await act(call)) ?? { ok: true }),
  };
}

function whole(status: number, body: unknown): WholeAnswer {
  return { kind: 'whole', status, body };
}

/** `{ "durationMs": 1000 }` */
function durationOf(body: unknown): number {
  const durationMs = field(body, 'durationMs');
  if (typeof durationMs === 'number' && durationMs > 0 && durationMs <= MAX_PAUSE_MS) return durationMs;
  throw new HttpError(400, `durationMs must be a number of ms up to ${MAX_PAUSE_MS}`);
}

const MAX_PAUSE_MS = 60_000;

/** `{ "requestsPerS": 1000 }`, 0 for none */
function loadOf(body: unknown): number {
  const requestsPerS = field(body, 'requestsPerS');
  const isRate = typeof requestsPerS === 'number' && requestsPerS >= 0 && requestsPerS <= MAX_LOAD_PER_S;
  if (!isRate) throw new HttpError(400, `requestsPerS must be a number from 0 to ${MAX_LOAD_PER_S}`);
  return requestsPerS;
}

/** `{ "command": "cas", "key": "a", "value": "b", "exptimeS": 0, "version": 1 }`, less what the command has no use for */
function commandOf(body: unknown): ConsoleCommand {
  const command = field(body, 'command');
  const key = field(body, 'key');
  if (typeof key !== 'string') throw new HttpError(400, 'key must be a string');
  if (command === 'get' || command === 'delete') return { command, key };
  if (command !== 'set' && command !== 'cas')
    throw new HttpError(400, 'command must be one of get, set, cas and delete');
  const value = field(body, 'value');
  if (typeof value !== 'string') throw new HttpError(400, 'value must be a string');
  const exptimeS = wholeNumber(body, 'exptimeS', 0);
  if (command === 'set') return { command, key, value, exptimeS };
  return { command, key, value, exptimeS, version: wholeNumber(body, 'version') };
}

function wholeNumber(body: unknown, name: string, otherwise?: number): number {
  const value = field(body, name) ?? otherwise;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new HttpError(400, `${name} must be a whole number, 0 or more`);
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
