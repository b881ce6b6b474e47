/** Answers of the admin API as Hono sends them. */

import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import { type HttpErrorStatus, JSON_HEADERS, jsonText } from './http-error.js';

export interface AdminEnv {
  Bindings: HttpBindings;
}

/** A request on its way to an answer. */
export type AdminContext = Context<AdminEnv>;

export function jsonAnswer(
  c: AdminContext,
  status: 200 | HttpErrorStatus,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return textAnswer(c, status, jsonText(body), { ...JSON_HEADERS, ...headers });
}

/** An answer with its length, so that HEAD gets that as well. */
export function textAnswer(
  c: AdminContext,
  status: 200 | HttpErrorStatus,
  text: string,
  headers: Readonly<Record<string, string>>,
): Response {
  return c.body(text, status, { ...headers, 'Content-Length': `${Buffer.byteLength(text)}` });
}
