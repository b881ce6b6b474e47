/**
 * The admin API as an application of Hono: how a request finds its call, and what answers and errors look like.
 *
 * Loading Hono, and the classes of fetch that it is built on, takes a tenth of a second. So this module is loaded at the
 * first request.
 */

import { getRequestListener, RequestError } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';
import { methodNotAllowed } from 'hono/method-not-allowed';
import type { Logger } from 'pino';
import { type AdminEnv, jsonAnswer } from './answers.js';
import type { Assets } from './assets.js';
import { HttpError, JSON_HEADERS, jsonText } from './http-error.js';
import { addRoutes, type CallParts } from './routes.js';
import { isRead, pathOf } from './target.js';

export interface AdminParts extends CallParts {
  readonly assets: Assets;
  readonly logger: Logger;
}

/** Handles a request and its response, as those of `node:http`. */
export type AdminListener = ReturnType<typeof adminListener>;

export function adminListener(parts: AdminParts) {
  const { assets, logger } = parts;
  const app = new Hono<AdminEnv>({ getPath: (_, { env } = {}) => pathOf(env?.incoming ?? {}) });
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, allowed) => {
        const message = `${c.req.method} is not allowed here: use ${allowed.join(' or ')}`;
        return jsonAnswer(c, 405, { error: message }, { Allow: allowed.join(', ') });
      },
    }),
  );
  app.use(async (c, next) => {
    const { incoming } = c.env;
    const asset = isRead(incoming) ? assets.find(c.req.path, incoming.headers) : undefined;
    return asset === undefined ? next() : c.body(asset.bytes, 200, asset.headers);
  });
  addRoutes(app, parts);
  app.notFound((c) => jsonAnswer(c, 404, { error: `there is nothing at ${c.req.path}` }));
  app.onError((error, c) => {
    const { status, message } = HttpError.of(error);
    if (status === 500 && !hasClientLeft(error)) logger.error({ err: error }, 'admin call failed');
    // Half of an answer was sent: only the end of the connection tells the client that the rest is missing.
    if (c.env.outgoing.headersSent) {
      c.env.outgoing.destroy();
      return RESPONSE_ALREADY_SENT;
    }
    // The rest of an oversized body is not read.
    return jsonAnswer(c, status, { error: message }, status === 413 ? { Connection: 'close' } : {});
  });
  return getRequestListener(app.fetch, {
    // The host of HTTP/1.0 requests, which need not name one.
    hostname: 'localhost',
    errorHandler: (error) => {
      const isRequest = error instanceof RequestError;
      if (!isRequest) logger.error({ err: error }, 'admin call failed');
      const message = isRequest ? `the target of the request is wrong: ${error.message}` : String(error);
      return new Response(jsonText({ error: message }), {
        status: isRequest ? 400 : 500,
        headers: JSON_HEADERS,
      });
    },
  });
}

/** The client closed the connection before it sent the whole request or had the whole answer: no failure of ours. */
function hasClientLeft(error: Error): boolean {
  return 'code' in error && CLIENT_LEFT.has(error.code);
}

const CLIENT_LEFT = new Set<unknown>(['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE']);
