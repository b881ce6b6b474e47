/**
 * The process of the clients: runs them until its parent says stop, or is gone, leaves their history in a file, and tells the
 * parent what it found wrong by itself.
 */

import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { Random } from '../support/random.js';
import { ChaosClient, type ClientOptions } from './client.js';
import { Findings } from './findings.js';
import type { HistoryLine } from './history-file.js';
import { KvPart } from './kv-part.js';
import { SessionChaosClient } from './session-client.js';

/** The process's only argument, as JSON. */
export interface ClientsOptions {
  readonly clients: number;
  readonly kvClients: number;
  readonly watchers: number;
  readonly keys: readonly string[];
  readonly watchedPrefix: string;
  /** Of the servers, and at the end of the router. */
  readonly ports: readonly number[];
  readonly seed: number;
  readonly historyPath: string;
}

/** What it tells its parent at the end. */
export interface ClientsReport {
  readonly findings: readonly string[];
  /** What its KvClients did, a line each. */
  readonly summary: readonly string[];
}

/** Of as many clients, one writes in a session; and of as many, one is patient, unless it writes in a session. */
const SESSION_EVERY = 4;
const PATIENT_EVERY = 5;

const options: ClientsOptions = JSON.parse(process.argv[2] ?? '');
const { clients, kvClients, watchers, keys, watchedPrefix, ports, seed, historyPath } = options;
const file = createWriteStream(historyPath);
let isOver = false;
process.once('message', () => {
  isOver = true;
});
process.once('disconnect', () => {
  isOver = true;
});
const findings = new Findings();
const note = (line: HistoryLine) => {
  file.write(`${JSON.stringify(line)}\n`);
  kvPart.noteWrite(line);
};
const kvPart = new KvPart({
  clients: kvClients,
  firstClient: clients,
  watchers,
  watchedPrefix,
  keys,
  ports,
  note,
  random: new Random(seed).split('kv clients'),
  findings,
});
await kvPart.begin();
await Promise.all([
  kvPart.run(() => isOver),
  ...Array.from({ length: clients }, (_, client) => {
    const one: ClientOptions = { client, random: new Random(seed + client + 1), ports, keys, note };
    const usesSession = client % SESSION_EVERY === SESSION_EVERY - 1;
    if (usesSession) return new SessionChaosClient(one, findings).run(() => isOver);
    return new ChaosClient({ ...one, isPatient: client % PATIENT_EVERY === 0 }).run(() => isOver);
  }),
]);
file.end();
await finished(file);
if (process.connected) {
  await kvPart.finish().catch((error: unknown) => findings.add(`the clients end in ${String(error)}`));
  const report: ClientsReport = { findings: findings.found, summary: kvPart.summary };
  await new Promise((resolve) => process.send?.(report, resolve));
  process.disconnect();
}
