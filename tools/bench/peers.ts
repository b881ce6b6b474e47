/**
 * Other systems on the same machine, started as a cautious operator would, and gone when the benchmark is over.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, constants, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePorts, isOpen } from '../support/free-ports.js';
import type { Protocol } from './load/dialect.js';
import type { Durability, Target } from './target.js';

export const PEERS = ['redis', 'etcd'] as const;

export type Peer = (typeof PEERS)[number];

/** The protocol that a peer is measured with. */
export const PEER_PROTOCOLS: Readonly<Record<Peer, Protocol>> = { redis: 'resp', etcd: 'etcd' };

/** The program that it needs on the PATH. */
export const PEER_PROGRAMS: Readonly<Record<Peer, string>> = { redis: 'redis-server', etcd: 'etcd' };

const START_TIMEOUT_MS = 15_000;
const POLL_MS = 50;
const ETCD_NODES = 3;
/** etcd keeps what was overwritten, and takes no more writes at 2 GB unless it is told otherwise: rounds with long values get there. */
const ETCD_QUOTA_BYTES = 8 * 1024 * 1024 * 1024;

/** How many servers a peer is started as. */
export const PEER_SERVERS: Readonly<Record<Peer, number>> = { redis: 1, etcd: ETCD_NODES };

/** A peer could not be started. */
export class PeerError extends Error {
  readonly code = 'PEER_FAILED';

  constructor(what: string) {
    super(what);
    this.name = 'PeerError';
  }
}

/** Whether the program is on the PATH. */
export async function isInstalled(program: string): Promise<boolean> {
  const { PATH: path = '' } = process.env;
  const found = await Promise.all(
    path.split(delimiter).map((directory) =>
      access(join(directory, program), constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
}

/** Rejects with {@link PeerError}. */
export async function startPeer(peer: Peer, durability: Durability): Promise<Target> {
  const directory = await mkdtemp(join(tmpdir(), `threadraft-bench-${peer}-`));
  const children: ChildProcess[] = [];
  const close = async () => {
    await Promise.all(children.map(end));
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    const start = peer === 'redis' ? startRedis : startEtcd;
    const port = await start(directory, durability, (program, args) => {
      const child = spawn(program, args, { stdio: 'ignore', cwd: directory });
      children.push(child);
      return child;
    });
    return { port: async () => port, close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Spawn = (program: string, args: readonly string[]) => ChildProcess;

async function startRedis(directory: string, durability: Durability, run: Spawn): Promise<number> {
  const port = await freePorts();
  const persistence =
    durability === 'memory'
      ? ['--appendonly', 'no']
      : ['--appendonly', 'yes', '--appendfsync', durability === 'fsync' ? 'always' : 'no'];
  const child = run('redis-server', ['--port', `${port}`, '--dir', directory, '--save', '', ...persistence]);
  await until('redis-server', [child], async () => ((await isOpen(port)) ? port : undefined));
  return port;
}

/** Three nodes; resolves to the client port of the leader. */
async function startEtcd(directory: string, durability: Durability, run: Spawn): Promise<number> {
  const first = await freePorts();
  const nodes = Array.from({ length: ETCD_NODES }, (_, i) => ({
    name: `node-${i}`,
    client: first + 2 * i,
    peer: `http://127.0.0.1:${first + 2 * i + 1}`,
  }));
  const cluster = nodes.map(({ name, peer }) => `${name}=${peer}`).join(',');
  const children = nodes.map(({ name, client, peer }) =>
    run('etcd', [
      ...['--name', name, '--data-dir', join(directory, name), '--log-level', 'error'],
      ...['--listen-client-urls', `http://127.0.0.1:${client}`],
      ...['--advertise-client-urls', `http://127.0.0.1:${client}`],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
      ...['--initial-cluster', cluster, '--initial-cluster-state', 'new'],
      ...['--quota-backend-bytes', `${ETCD_QUOTA_BYTES}`],
      ...(durability === 'fsync' ? [] : ['--unsafe-no-fsync']),
    ]),
  );
  return until('etcd', children, async () => {
    for (const { client } of nodes) if (await leadsEtcd(client)) return client;
    return undefined;
  });
}

async function leadsEtcd(port: number): Promise<boolean> {
  const url = `http://127.0.0.1:${port}/v3/maintenance/status`;
  const response = await fetch(url, { method: 'POST', body: '{}' }).catch(() => undefined);
  if (response?.ok !== true) return false;
  const { header, leader }: { header?: { member_id?: string }; leader?: string } = JSON.parse(
    await response.text(),
  );
  return leader !== undefined && leader === header?.member_id;
}

async function until(
  what: string,
  children: readonly ChildProcess[],
  find: () => Promise<number | undefined>,
): Promise<number> {
  const giveUpAtMs = performance.now() + START_TIMEOUT_MS;
  let failure: Error | undefined;
  for (const child of children)
    child.once('error', (error) => {
      failure = error;
    });
  while (performance.now() < giveUpAtMs) {
    const found = await find();
    if (found !== undefined) return found;
    if (failure !== undefined || children.some(({ exitCode }) => exitCode !== null)) break;
    await pause(POLL_MS);
  }
  throw new PeerError(`${what} does not start${failure === undefined ? '' : `: ${failure.message}`}`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
