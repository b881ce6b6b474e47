/** What strangers may do to each port, as fast as they can. */

import { setMaxListeners } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectSecurely } from 'node:tls';

/** Where the program is that they attack. */
export interface Victim {
  /** Of the router, or of a server. */
  readonly clientPort: number;
  readonly httpPort: number;
  /** Of its certificate; undefined if it speaks plain text. */
  readonly ca: string | undefined;
}

/** Goes on until the signal comes. */
export type Attack = (victim: Victim, over: AbortSignal) => Promise<void>;

const AT_ONCE = 20;
const MANY = 300;
const KIB = 1024;
const HOST = '127.0.0.1';
/** A connection that is not closed by the other side is left after this long. */
const LINGER_MS = 200;
const AUTH_WRONG = '*2\r\n$4\r\nAUTH\r\n$5\r\nwrong\r\n';
const HALF_HELLO = Buffer.from('1603010200010001fc0303', 'hex');

const get = (path: string, headers: string) => `GET ${path} HTTP/1.1\r\n${headers}\r\n\r\n`;
const LOCAL = 'Host: localhost';
const client = ({ clientPort }: Victim) => connect(clientPort, HOST);
const admin = ({ httpPort }: Victim) => connect(httpPort, HOST);

/** On a program that asks for a password. */
export const PLAIN_ATTACKS: Readonly<Record<string, Attack>> = {
  'commands before the password': pours(client, 'SET k v\r\n'.repeat(100)),
  'MULTI before the password': pours(client, `MULTI\r\n${'SET k v\r\n'.repeat(100)}EXEC\r\n`),
  'text before the password': pours(client, 'set k 0 1\r\nv\r\n'.repeat(100)),
  'wrong passwords': pours(client, AUTH_WRONG),
  'half commands': holds(client, 'get k\r\nget '),
  'lines without end': pours(client, 'x'.repeat(64 * KIB)),
  connections: comesAndGoes(client, ''),
  'too many connections': holds(client, ''),
  'TLS on a plain port': comesAndGoes(client, HALF_HELLO),
  'web pages': comesAndGoes(client, get('/', LOCAL)),
  'calls without the password': pours(admin, get('/api/status', LOCAL)),
  'wrong passwords by HTTP': pours(admin, get('/metrics', `${LOCAL}\r\nAuthorization: Bearer wrong`)),
  'an expectation that nobody has': pours(admin, get('/', `${LOCAL}\r\nExpect: pudding`)),
  'the shortest requests, and many': holds(admin, 'GET / HTTP/1.1\r\nHost:a\r\n\r\n'.repeat(2 * KIB)),
  'a foreign host': pours(admin, get('/api/status', 'Host: evil.example')),
  'a page that points its own name here': pours(
    admin,
    'POST /api/heal HTTP/1.1\r\nHost: rebound.test\r\nOrigin: http://rebound.test\r\nContent-Length: 0\r\n\r\n',
  ),
  'two lengths of a body': comesAndGoes(
    admin,
    `POST /api/heal HTTP/1.1\r\n${LOCAL}\r\nContent-Length: 0\r\nContent-Length: 9\r\n\r\n`,
  ),
  'pages that watch': holds(admin, get('/api/live', LOCAL)),
  'a foreign origin': pours(admin, get('/api/status', `${LOCAL}\r\nOrigin: http://evil.example`)),
  'path traversal': pours(admin, get('/assets/../../../../etc/passwd', LOCAL)),
  'half requests': holds(admin, `GET / HTTP/1.1\r\n${LOCAL}\r\nX:`),
  'a body of 1 GB': pours(
    admin,
    `POST /api/login HTTP/1.1\r\n${LOCAL}\r\nContent-Length: 1000000000\r\n\r\n`,
    'x'.repeat(64 * KIB),
  ),
  'headers of 1 MB': pours(admin, `GET / HTTP/1.1\r\n${LOCAL}\r\nX: `, 'x'.repeat(64 * KIB)),
};

/** On a program that has few descriptors, all of which they take. */
export const DESCRIPTOR_ATTACKS: Readonly<Record<string, Attack>> = {
  'all descriptors': holds(client, ''),
  'all descriptors, by HTTP': holds(admin, `GET / HTTP/1.1\r\n${LOCAL}\r\nX:`),
};

/** On a program that speaks TLS, and asks for certificates. */
export const CERTIFICATE_ATTACKS: Readonly<Record<string, Attack>> = {
  'no certificate every 20 ms': comesAndGoes(secure, 'PING\r\n', { atOnce: 1, pauseMs: 20 }),
};

/** On a program that speaks TLS. */
export const TLS_ATTACKS: Readonly<Record<string, Attack>> = {
  'plain text on a TLS port': comesAndGoes(client, 'PING\r\n'),
  'half handshakes': holds(client, HALF_HELLO),
  'handshakes that break off': comesAndGoes(client, HALF_HELLO),
  /** What is renewed meanwhile is the caller's business. */
  'a renewed certificate, and a client every 20 ms': comesAndGoes(secure, '', { atOnce: 1, pauseMs: 20 }),
  'a client every 20 ms': comesAndGoes(secure, '', { atOnce: 1, pauseMs: 20 }),
};

export const ALL_ATTACKS: ReadonlyMap<string, Attack> = new Map(
  Object.entries({ ...PLAIN_ATTACKS, ...TLS_ATTACKS, ...DESCRIPTOR_ATTACKS, ...CERTIFICATE_ATTACKS }),
);

function secure({ clientPort: port, ca = '' }: Victim): Socket {
  return connectSecurely({ port, host: HOST, ca });
}

/** Clients that send the first text once, the second again and again, and come back when they are closed. */
function pours(open: (victim: Victim) => Socket, first: string, rest = first): Attack {
  return (victim, over) =>
    each(AT_ONCE, over, async () => {
      const socket = open(victim);
      const send = () => {
        while (!socket.destroyed && socket.write(rest, 'latin1'));
      };
      socket.on('drain', send).resume();
      await untilClosed(socket, over, () => {
        socket.write(first, 'latin1');
        send();
      });
    });
}

/** Many clients that send something and stay. */
function holds(open: (victim: Victim) => Socket, bytes: string | Uint8Array): Attack {
  return (victim, over) =>
    each(MANY, over, async () => {
      const socket = open(victim);
      await untilClosed(socket, over, () => socket.write(bytes));
      await pause(LINGER_MS);
    });
}

/** Clients that connect, send something and leave, again and again. */
function comesAndGoes(
  open: (victim: Victim) => Socket,
  bytes: string | Uint8Array,
  { atOnce = AT_ONCE, pauseMs = 0 } = {},
): Attack {
  return (victim, over) =>
    each(atOnce, over, async () => {
      const socket = open(victim);
      await untilClosed(socket, AbortSignal.any([over, AbortSignal.timeout(LINGER_MS)]), () => {
        if (bytes.length > 0) socket.write(bytes);
        socket.end();
      });
      await pause(pauseMs);
    });
}

async function each(count: number, over: AbortSignal, act: () => Promise<void>): Promise<void> {
  setMaxListeners(count, over);
  await Promise.all(
    Array.from({ length: count }, async () => {
      while (!over.aborted) await act();
    }),
  );
}

/** Resolves at the end of the connection, which comes with the signal at the latest. */
async function untilClosed(socket: Socket, over: AbortSignal, onConnect: () => void): Promise<void> {
  const leave = () => socket.destroy();
  over.addEventListener('abort', leave, { once: true });
  await new Promise<void>((resolve) => {
    socket.on('error', () => undefined).once('close', () => resolve());
    socket.once('connect', onConnect);
    if (over.aborted) leave();
  });
  over.removeEventListener('abort', leave);
}
