/** The calls of the admin API. */

import { pipeline } from 'node:stream/promises';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Hono, Next } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { GenericSchema, InferOutput } from 'valibot';
import type { Cluster } from '../cluster/cluster.js';
import type { ClusterStatus } from '../cluster/status.js';
import { AddressShares } from '../gateway/address-shares.js';
import { BACKUP_TIMEOUT_MS, MAX_BACKUPS, MAX_BODY_BYTES } from './admin-limits.js';
import { type AdminContext, type AdminEnv, jsonAnswer, textAnswer } from './answers.js';
import * as bodies from './bodies.js';
import { runCommand } from './console.js';
import type { Guard } from './guard.js';
import { healthOf } from './health.js';
import { HttpError, JSON_HEADERS } from './http-error.js';
import { LIVE_HEADERS, type LiveFeed } from './live/feed.js';
import type { LoadSwitch } from './load.js';
import { packageVersion } from './package-version.js';
import { METRICS_CONTENT_TYPE, prometheusText } from './prometheus.js';
import { SharedCall } from './shared-call.js';

const BACKUP_HEADERS = { 'Content-Type': 'application/octet-stream', 'Cache-Control': 'no-store' };

/** What the calls act on. */
export interface CallParts {
  readonly cluster: Cluster;
  readonly feed: LiveFeed;
  readonly load: LoadSwitch;
  readonly guard: Guard;
}

export function addRoutes(app: Hono<AdminEnv>, { cluster, feed, load, guard }: CallParts): void {
  const status = new SharedCall(async () => publicStatus(await cluster.status()));
  const metrics = new SharedCall(async () =>
    prometheusText(await cluster.measure(), packageVersion, cluster.security.tls?.expiresAtMs),
  );
  app.get('/api/status', async (c) => jsonAnswer(c, 200, await status.ask()));
  app.get('/healthz', (c) =>
    jsonAnswer(c, 200, healthOf(cluster, { showsReasons: guard.isKnown(c.env.incoming) })),
  );
  app.get('/metrics', async (c) => {
    const text = await metrics.ask();
    return textAnswer(c, 200, text, { ...JSON_HEADERS, 'Content-Type': METRICS_CONTENT_TYPE });
  });
  // Who comes here has told the password, or has a cookie that says so.
  app.get('/api/login', (c) => jsonAnswer(c, 200, { ok: true }));
  app.post('/api/login', (c) =>
    jsonAnswer(
      c,
      200,
      { ok: true },
      { 'Set-Cookie': guard.cookie({ isSecure: cluster.security.tls !== undefined }) },
    ),
  );
  const backups = new AddressShares();
  app.get('/api/backup', (c) =>
    stream(c, BACKUP_HEADERS, async (response) => {
      const address = addressOf(c);
      if (backups.isFullFor(address, MAX_BACKUPS))
        throw new HttpError(503, `${backups.taken} backups are under way: try again`);
      const leave = backups.take(address);
      try {
        const pieces = await cluster.backup();
        response.writeHead(200, BACKUP_HEADERS);
        response.setTimeout(BACKUP_TIMEOUT_MS, () => response.destroy());
        await pipeline(pieces, response);
      } finally {
        leave();
      }
    }),
  );
  app.get('/api/live', (c) => stream(c, LIVE_HEADERS, (response) => feed.open(response, addressOf(c))));

  app.get('/api/members', async (c) => jsonAnswer(c, 200, await cluster.members()));
  post(app, '/api/members', bodies.members, async ({ voters }) => ({
    ok: true,
    added: await cluster.changeMembers(voters),
  }));
  post(app, '/api/servers', bodies.place, async (place) => ({
    ok: true,
    added: await cluster.addServer(place),
  }));
  app.delete('/api/servers/:id{[0-9]+}', async (c) => {
    await cluster.removeServer(Number(c.req.param('id')));
    return jsonAnswer(c, 200, { ok: true });
  });

  const onServer = (verb: string) => `/api/servers/:id{[0-9]+}/${verb}`;
  const idIn = (c: AdminContext) => Number(c.req.param('id'));
  post(app, onServer('replace'), bodies.place, async (place, c) => ({
    ok: true,
    added: await cluster.replaceServer(idIn(c), place),
  }));
  post(app, onServer('kill'), bodies.anything, (_, c) => cluster.kill(idIn(c)));
  post(app, onServer('restart'), bodies.anything, (_, c) => cluster.restart(idIn(c)));
  post(app, onServer('lead'), bodies.anything, (_, c) => cluster.transferLeadership(idIn(c)));
  post(app, onServer('pause'), bodies.pause, ({ durationMs }, c) => cluster.block(idIn(c), durationMs));
  post(app, '/api/partition', bodies.partition, ({ groups }) => cluster.partition(groups));
  post(app, '/api/links', bodies.link, (link) => cluster.setLink(link));
  post(app, '/api/heal', bodies.anything, () => cluster.heal());
  post(app, '/api/command', bodies.command, (command) => runCommand(cluster, command));
  post(app, '/api/load', bodies.load, async ({ requestsPerS }) => {
    await load.set(requestsPerS);
  });
}

/** Where the client is. */
function addressOf(c: AdminContext): string {
  return c.env.incoming.socket.remoteAddress ?? '';
}

/** The part of the status that the API promises. The library has more. */
function publicStatus({ leader, servers }: ClusterStatus): object {
  const shown = servers.map(({ snapshotIndex: _, reason, ...rest }) =>
    reason === null ? rest : { ...rest, reason },
  );
  return { leader, servers: shown };
}

/** Answers with what the call resolves to, or with `{ "ok": true }` when that is nothing. */
function post<S extends GenericSchema>(
  app: Hono<AdminEnv>,
  path: string,
  schema: S,
  call: (body: InferOutput<S>, c: AdminContext) => Promise<unknown>,
): void {
  app.post(path, limited, async (c) => {
    const body = bodies.readBody(schema, hasBody(c) ? await parseJson(c) : undefined);
    return jsonAnswer(c, 200, (await call(body, c)) ?? { ok: true });
  });
}

/** Most calls have none. To look for it nevertheless takes a kill a millisecond: V8 does not compile what few calls run. */
function hasBody(c: AdminContext): boolean {
  const { headers } = c.env.incoming;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

const limited = (c: AdminContext, next: Next) => (hasBody(c) ? withinLimit(c, next) : next());

const withinLimit = bodyLimit({
  maxSize: MAX_BODY_BYTES,
  onError: () => {
    throw new HttpError(413, `the body is over ${MAX_BODY_BYTES} bytes`);
  },
});

/** The body as JSON, whatever type its header claims; undefined when there is none. Rejects with HttpError 400. */
async function parseJson(c: AdminContext): Promise<unknown> {
  const text = await c.req.text().catch(() => {
    throw new HttpError(400, 'the body broke off');
  });
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new HttpError(400, 'the body is not JSON');
  }
}

/** Leaves a GET's response to `write`, which streams to it. A HEAD gets the headers. */
async function stream(
  c: AdminContext,
  headers: Readonly<Record<string, string>>,
  write: (response: AdminContext['env']['outgoing']) => Promise<void> | void,
): Promise<Response> {
  if (c.req.method === 'HEAD') return c.body(null, 200, headers);
  await write(c.env.outgoing);
  return RESPONSE_ALREADY_SENT;
}
