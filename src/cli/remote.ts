/** Requests of subcommands to the admin API of a running cluster. */

import { type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestSecure } from 'node:https';
import type { Command } from 'commander';
import { checkHost } from '../cluster/cluster-options.js';
import { authorization, givenPassword, type PasswordArguments, passwordOption } from './password-option.js';
import { addTlsOptions, readText, type TlsArguments } from './tls-options.js';

/** Where the API is, and what it asks for. */
export interface Target extends PasswordArguments, TlsArguments {
  readonly host: string;
  readonly httpPort: number;
}

/** The running program does not answer, or refuses. */
export class RemoteError extends Error {}

/** The options of {@link Target} that are about secrets. */
export function addAccessOptions(command: Command): Command {
  return addTlsOptions(
    command.addOption(passwordOption('a file with its password')),
    "the cluster's certificate",
  );
}

/** Resolves to the answer, whatever its status. Rejects with {@link RemoteError}, or OptionError. */
export function send(target: Target, method: string, path: string, body?: object): Promise<IncomingMessage> {
  const { host, httpPort, tlsCert, tlsKey, tlsCa } = target;
  checkHost('host', host);
  const isSecure = tlsCert !== undefined || tlsCa !== undefined;
  const url = `${isSecure ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${httpPort}/api/${path}`;
  const secrets = {
    ...(tlsCert === undefined ? {} : { cert: readText('tlsCert', tlsCert) }),
    ...(tlsKey === undefined ? {} : { key: readText('tlsKey', tlsKey) }),
    ...(tlsCa === undefined ? {} : { ca: readText('tlsCa', tlsCa) }),
  };
  const options = { method, headers: authorization(givenPassword(target)), agent: false as const };
  return new Promise((resolve, reject) => {
    const sent = isSecure
      ? requestSecure(url, { ...options, ...secrets }, resolve)
      : requestPlain(url, options, resolve);
    sent.once('error', ({ message }) => {
      const advice = 'start it, or name its --host, --http-port and --tls-ca';
      reject(new RemoteError(`no cluster answers at ${url} (${message}): ${advice}`));
    });
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** The whole answer as text. */
export async function textOf(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer.setEncoding('utf8')) text += String(chunk);
  return text;
}
