/** The headers and targets of the admin API's requests: nobody is let in without the password, or by a name that may be foreign. */

import { isIP } from 'node:net';
import { Guard } from '../../../src/admin/guard.js';
import { HttpError } from '../../../src/admin/http-error.js';
import { checkSource } from '../../../src/admin/same-origin.js';
import { isHealthCheck, pathOf } from '../../../src/admin/target.js';
import { Password } from '../../../src/gateway/password.js';
import { promise, type Target } from '../target.js';

const SECRET = 'open-sesame';
const PORT = 9180;
const OWN_NAME = 'kv.example.org';
const REFUSALS: readonly number[] = [400, 403];

const password = new Password(Buffer.from(SECRET), Buffer.from('salt'));
const guard = new Guard({
  access: { password, onWrongPassword: () => undefined },
  port: () => PORT,
  isAsset: () => false,
});
/** Good for an hour; a fuzzer does not find the signature by itself. */
const endsAtS = Math.floor(Date.now() / 1000) + 3600;
const cookie = `threadraft-${PORT}=${endsAtS}.${password.sign(`${endsAtS}`)}`;

/** An input is lines: method, target, Host, Origin, Authorization, Cookie. */
export const adminHeaders: Target = {
  name: 'admin-headers',
  seeds: [
    ['GET', '/api/status', 'localhost:9180', '', `Bearer ${SECRET}`, ''],
    ['POST', '/api/heal', OWN_NAME, `http://${OWN_NAME}`, `Basic ${btoa(`x:${SECRET}`)}`, ''],
    ['GET', 'http://localhost/healthz?a=b#c', '[::1]:9180', '', '', `a=b; ${cookie}`],
    ['HEAD', '//healthz/../api', '127.0.0.1', 'null', 'Basic =', `threadraft-${PORT}=1.2`],
  ].map((lines) => Buffer.from(lines.join('\n'))),
  words: [
    'Bearer ',
    'Basic ',
    SECRET,
    cookie,
    'localhost',
    '127.0.0.1',
    '[::1]',
    ':9180',
    '@',
    '%2e',
    '/healthz',
    '?',
    '#',
    ';',
    '\n',
  ],
  maxBytes: 512,
  run(input) {
    const [method = '', url = '', host = '', origin = '', authorization = '', cookies = ''] = Buffer.from(
      input,
    )
      .toString('latin1')
      .split('\n');
    const headers = {
      host,
      ...(origin === '' ? {} : { origin }),
      ...(authorization === '' ? {} : { authorization }),
      ...(cookies === '' ? {} : { cookie: cookies }),
    };
    if (guard.isKnown({ headers }))
      promise(tellsSecret(authorization, cookies), () => 'a stranger is let in');
    promise(pathOf({ url }) !== '' && !pathOf({ url }).includes('?'), () => `the path ${pathOf({ url })}`);
    promise(!isHealthCheck({ method, url }) || /\/healthz/.test(url), () => `${url} is taken for /healthz`);
    try {
      const headersDistinct = { host: [host] };
      checkSource({ headers, headersDistinct, httpVersion: '1.1', method, url }, new Set([OWN_NAME]));
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      promise(REFUSALS.includes(error.status), () => `status ${error.status}`);
      return;
    }
    if (/\/(?:metrics|healthz)/.test(url)) return;
    const name = host.replace(/:\d{1,5}$/, '').toLowerCase();
    const isOwn = name === 'localhost' || name === OWN_NAME || isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0;
    promise(isOwn, () => `the host ${host} is let in`);
    promise(origin === '' || origin === `http://${host}`, () => `the origin ${origin} is let in at ${host}`);
  },
};

/** Whether the secret can be found where it belongs, by other means than the guard's. */
function tellsSecret(authorization: string, cookies: string): boolean {
  const [, basic = ''] = /^basic +(\S+)/i.exec(authorization) ?? [];
  return (
    /^bearer +open-sesame *$/i.test(authorization) ||
    Buffer.from(basic, 'base64').toString('latin1').endsWith(SECRET) ||
    cookies.includes(cookie)
  );
}
