/** Calls of the admin API. */

import type { ConsoleCommand, ConsoleReply } from '../../src/admin/console.js';
import type { LinkRequest } from '../../src/cluster/faults.js';

export const PAUSE_MS = 3_000;

/** The status of a call that was given up after it had begun, for the reason in its answer. */
const GIVEN_UP = 503;

/** A call was refused, or never came through. The message is for the reader of the page. */
export class CallError extends Error {
  /** The HTTP status; undefined when no answer came. */
  readonly status: number | undefined;

  constructor(message: string, status?: number) {
    super(message);
    this.status = status;
  }
}

function post(path: string, body?: object, headers: Record<string, string> = {}): Promise<unknown> {
  return call('POST', path, body, headers);
}

async function call(
  method: 'POST' | 'DELETE',
  path: string,
  body?: object,
  headers: Record<string, string> = {},
): Promise<unknown> {
  const response = await fetch(path, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch(() => {
    throw new CallError('the program cannot be reached');
  });
  const reply: unknown = await response.json().catch(() => undefined);
  if (response.ok) return reply;
  const isError = typeof reply === 'object' && reply !== null && 'error' in reply;
  const reason = isError ? String(reply.error) : `the call failed with ${response.status}`;
  throw new CallError(reason, response.status);
}

/** Adds a server; `dataDir`, if not empty, names its directory. Resolves once it votes. */
export function addServer(dataDir: string): Promise<unknown> {
  return changed('No server was added', call('POST', '/api/servers', placeOf(dataDir)));
}

/** Resolves once the server is no member, and gone. */
export function removeServer(id: number): Promise<unknown> {
  return changed(`Server ${id} was not removed`, call('DELETE', `/api/servers/${id}`));
}

/** Has another server, of an empty directory, take a server's place. Resolves once it votes. */
export function replaceServer(id: number, dataDir: string): Promise<unknown> {
  return changed(
    `Server ${id} was not replaced`,
    call('POST', `/api/servers/${id}/replace`, placeOf(dataDir)),
  );
}

function placeOf(dataDir: string): object {
  return dataDir === '' ? {} : { dataDir };
}

/** Says with the reason what was not done, and what goes on. */
async function changed(what: string, answer: Promise<unknown>): Promise<unknown> {
  return answer.catch((error: unknown) => {
    if (!(error instanceof CallError) || error.status === undefined) throw error;
    const goesOn = error.status === GIVEN_UP ? ' The members are as they were.' : '';
    throw new CallError(`${what}: ${error.message}.${goesOn}`, error.status);
  });
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
