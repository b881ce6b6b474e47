/**
 * The process of the clients: runs them until its parent says stop, or is gone, and leaves their history in a file.
 */

import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { Random } from '../support/random.js';
import { ChaosClient, type ClientOptions } from './client.js';
import { SessionChaosClient } from './session-client.js';

/** The process's only argument, as JSON. */
export interface ClientsOptions {
  readonly clients: number;
  readonly keys: readonly string[];
  readonly ports: readonly number[];
  readonly seed: number;
  readonly historyPath: string;
}

/** Of as many clients, one writes in a session. */
const SESSION_EVERY = 4;

const { clients, keys, ports, seed, historyPath }: ClientsOptions = JSON.parse(process.argv[2] ?? '');
const file = createWriteStream(historyPath);
let isOver = false;
process.once('message', () => {
  isOver = true;
});
process.once('disconnect', () => {
  isOver = true;
});
await Promise.all(
  Array.from({ length: clients }, (_, client) => {
    const options: ClientOptions = {
      client,
      random: new Random(seed + client + 1),
      ports,
      keys,
      note: (line) => file.write(`${JSON.stringify(line)}\n`),
    };
    const usesSession = client % SESSION_EVERY === SESSION_EVERY - 1;
    return (usesSession ? new SessionChaosClient(options) : new ChaosClient(options)).run(() => isOver);
  }),
);
file.end();
await finished(file);
if (process.connected) process.disconnect();
