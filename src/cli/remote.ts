/** Requests of subcommands to the admin API of a running cluster. */

import { type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestSecure } from 'node:https';
import type { Command } from 'commander';
import { checkHost, OptionError } from '../cluster/cluster-options.js';
import { authorization, givenPassword, type PasswordArguments, passwordOption } from './password-option.js';
import { addTlsOptions, readText, type TlsArguments } from './tls-options.js';

/** Where the API is, and what it asks for. */
export interface Target extends PasswordArguments, TlsArguments {
  readonly host: string;
  readonly httpPort: number;
  /** TLS, with a certificate that a CA known to everybody has signed unless another is named. */
  readonly tls?: boolean;
}

/** The running program does not answer, or refuses. */
export class RemoteError extends Error {}

/** The options of {@link Target} that are about secrets. */
export function addAccessOptions(command: Command): Command {
  return addTlsOptions(
    command
      .addOption(passwordOption('a file with its password'))
      .option('--tls', 'speak TLS; --tls-ca and --tls-cert have it do so, too'),
    "the cluster's certificate (default: the well-known ones)",
  );
}

/** Resolves to the answer, whatever its status. Rejects with {@link RemoteError}, or OptionError. */
export function send(target: Target, method: string, path: string, body?: object): Promise<IncomingMessage> {
  const { host, httpPort } = target;
  checkHost('host', host);
  const secrets = secretsIn(target);
  const isSecure = target.tls === true || Object.keys(secrets).length > 0;
  const url = `${isSecure ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${httpPort}/api/${path}`;
  const options = { method, headers: authorization(givenPassword(target)), agent: false as const };
  return new Promise((resolve, reject) => {
    const sent = isSecure
      ? requestSecure(url, { ...options, ...secrets }, resolve)
      : requestPlain(url, options, resolve);
    sent.once('error', ({ message }) => {
      const advice = 'start it, or name its --host and --http-port, and --tls or --tls-ca if it speaks that';
      reject(new RemoteError(`no cluster answers at ${url} (${message}): ${advice}`));
    });
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** What to show and to trust, as options of a request. Throws OptionError. */
export function secretsIn({ tlsCert, tlsKey, tlsCa }: TlsArguments): Record<string, string> {
  if (tlsKey !== undefined && tlsCert === undefined)
    throw new OptionError('tlsCert', 'is needed with --tls-key');
  if (tlsCert !== undefined && tlsKey === undefined)
    throw new OptionError('tlsKey', 'is needed with --tls-cert');
  return {
    ...(tlsCert === undefined ? {} : { cert: readText('tlsCert', tlsCert) }),
    ...(tlsKey === undefined ? {} : { key: readText('tlsKey', tlsKey) }),
    ...(tlsCa === undefined ? {} : { ca: readText('tlsCa', tlsCa) }),
  };
}

/** The whole answer as text. */
export async function textOf(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer.setEncoding('utf8')) text += String(chunk);
  return text;
}
