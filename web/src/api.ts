/** Calls of the admin API. */

import type { ConsoleCommand, ConsoleReply } from '../../src/admin/console.js';
import type { LinkRequest } from '../../src/cluster/faults.js';

/** A call was refused, or never came through. The message is for the reader of the page. */
export class CallError extends Error {}

async function post(path: string, body?: object, headers: Record<string, string> = {}): Promise<unknown> {
  const response = await fetch(path, {
    method: 'POST',
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch(() => {
    throw new CallError('the program cannot be reached');
  });
  const reply: unknown = await response.json().catch(() => undefined);
  if (response.ok) return reply;
  const isError = typeof reply === 'object' && reply !== null && 'error' in reply;
  throw new CallError(isError ? String(reply.error) : `the call failed with ${response.status}`);
}

/** Tells the password; the browser is given a cookie for it. */
export async function logIn(password: string): Promise<void> {
  const bytes = new TextEncoder().encode(`default:${password}`);
  await post('/api/login', undefined, { Authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` });
}

/** Whether the password has to be told first. */
export async function isLocked(): Promise<boolean> {
  const response = await fetch('/api/login').catch(() => undefined);
  return response?.status === 401;
}

export type ServerVerb = 'kill' | 'restart' | 'lead';

export function callServer(id: number, verb: ServerVerb): Promise<unknown> {
  return post(`/api/servers/${id}/${verb}`);
}

export function pauseServer(id: number, durationMs: number): Promise<unknown> {
  return post(`/api/servers/${id}/pause`, { durationMs });
}

export function partition(groups: readonly (readonly number[])[]): Promise<unknown> {
  return post('/api/partition', { groups });
}

export function setLink(link: Required<LinkRequest>): Promise<unknown> {
  return post('/api/links', link);
}

export function heal(): Promise<unknown> {
  return post('/api/heal');
}

export function setLoad(requestsPerS: number): Promise<unknown> {
  return post('/api/load', { requestsPerS });
}

export async function run(command: ConsoleCommand): Promise<ConsoleReply> {
  const reply = await post('/api/command', command);
  if (typeof reply === 'object' && reply !== null && 'line' in reply) {
    const value = 'value' in reply && typeof reply.value === 'string' ? reply.value : null;
    return { line: String(reply.line), value };
  }
  throw new CallError('the reply cannot be read');
}
