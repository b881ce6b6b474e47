/** One HTTP request, with whatever headers a test wants, which fetch would not send. */

import { once } from 'node:events';
import { type Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { request as requestSecurely } from 'node:https';
import { text } from 'node:stream/consumers';

export interface HttpReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface HttpRequest {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Keeps the connection for the next request; without it, each has its own. */
  readonly agent?: Agent;
  /** The CA of a server that speaks TLS. */
  readonly ca?: string | undefined;
}

/** Asks the server at this port of 127.0.0.1. `call` is method and path, as in `GET /healthz`. */
export async function http(
  port: number,
  call: string,
  { headers = {}, body, agent, ca }: HttpRequest = {},
): Promise<HttpReply> {
  const [method = 'GET', path = '/'] = call.split(' ');
  const options = { host: '127.0.0.1', port, method, path, headers };
  const sent =
    ca === undefined
      ? request({ ...options, agent: agent ?? false })
      : requestSecurely({ ...options, agent: false, ca });
  sent.end(body);
  const [response]: [IncomingMessage] = await once(sent, 'response').then(([first]) => [first]);
  return { status: response.statusCode ?? 0, headers: response.headers, text: await text(response) };
}
