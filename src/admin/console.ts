/**
 * The dashboard's console: runs one command as a client of the cluster would, on a connection within this process.
 */

import type { Cluster } from '../cluster/cluster.js';
import { MAX_KEY_BYTES } from '../limits.js';
import { HttpError } from './http-error.js';

export type ConsoleCommand =
  | { readonly command: 'get' | 'delete'; readonly key: string }
  | { readonly command: 'set'; readonly key: string; readonly value: string; readonly exptimeS: number }
  | {
      readonly command: 'cas';
      readonly key: string;
      readonly value: string;
      readonly exptimeS: number;
      readonly version: number;
    };

export interface ConsoleReply {
  /** The reply's line, as the text protocol has it. */
  readonly line: string;
  /** The value that came with it. */
  readonly value: string | null;
}

/** Longer than a server ever lets a command wait. */
const REPLY_TIMEOUT_MS = 10_000;

/** Rejects with HttpError 503 when the cluster cannot be reached or does not answer. */
export async function runCommand(cluster: Cluster, command: ConsoleCommand): Promise<ConsoleReply> {
  const reply = await exchange(cluster, encode(command));
  const end = reply.indexOf('\r\n');
  const line = reply.subarray(0, end).toString('latin1');
  const length = valueLength(line);
  const value = length === undefined ? null : reply.subarray(end + 2, end + 2 + length).toString('utf8');
  return { line, value };
}

function encode(command: ConsoleCommand): Buffer {
  const { key } = command;
  if (!/^[^\s\p{Cc}]+$/u.test(key) || Buffer.byteLength(key) > MAX_KEY_BYTES)
    throw new HttpError(400, `a key is 1 to ${MAX_KEY_BYTES} bytes without spaces`);
  switch (command.command) {
    case 'get':
      return Buffer.from(`getm ${key}\r\n`);
    case 'delete':
      return Buffer.from(`delete ${key}\r\n`);
    case 'set':
      return withValue(`set ${key} ${command.exptimeS}`, command.value);
    case 'cas':
      return withValue(`cas ${key} ${command.exptimeS} ${command.version}`, command.value);
  }
}

function withValue(head: string, value: string): Buffer {
  return Buffer.from(`${head} ${Buffer.byteLength(value)}\r\n${value}\r\n`);
}

/** How many bytes follow the line as a value; undefined for none. */
function valueLength(line: string): number | undefined {
  return line.startsWith('VALUE ') ? Number(line.slice(line.lastIndexOf(' ') + 1)) : undefined;
}

/** Sends the request on a connection of its own, and resolves to the whole reply. */
function exchange(cluster: Cluster, request: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const fail = (reason: string) => {
      end();
      reject(new HttpError(503, `the cluster does not answer: ${reason}`));
    };
    const client = cluster.inProcess.connect({
      onOpen: () => client?.write(request),
      onData: (bytes) => {
        received = Buffer.concat([received, bytes]);
        const lineEnd = received.indexOf('\r\n');
        if (lineEnd === -1) return;
        const length = valueLength(received.subarray(0, lineEnd).toString('latin1'));
        if (received.length < lineEnd + 2 + (length === undefined ? 0 : length + 2)) return;
        end();
        resolve(received);
      },
      onClosed: ({ message }) => fail(message),
    });
    const timer = setTimeout(() => fail(`nothing came within ${REPLY_TIMEOUT_MS} ms`), REPLY_TIMEOUT_MS);
    const end = () => {
      clearTimeout(timer);
      client?.destroy();
    };
    if (client === undefined) fail('it does not run');
  });
}
