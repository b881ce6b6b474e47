/**
 * What a benchmark runs against: the built program, something that already runs, or the least that can answer.
 */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { newCertificateFiles } from '../support/certificates.js';
import { Program, ProgramError, type ProgramStorage } from '../support/program.js';

export interface Target {
  /** Where the load goes now, on 127.0.0.1: a leader may have been replaced by another since the last time. */
  port(): Promise<number>;
  /** The CA of its certificate, if it speaks TLS. */
  readonly ca?: string;
  /** The process, if it was started here and is one. */
  readonly pid?: number;
  close(): Promise<void>;
}

export const DURABILITIES = ['fsync', 'no-fsync', 'memory'] as const;

/** How a started program keeps what it acknowledges. */
export type Durability = (typeof DURABILITIES)[number];

export const TRANSPORTS = ['plain', 'tls'] as const;

export type Transport = (typeof TRANSPORTS)[number];

export type TargetChoice = ProgramTarget | RunningTarget | { readonly type: 'ceiling' };

export interface ProgramTarget {
  readonly type: 'program';
  readonly servers: number;
  readonly durability: Durability;
  /** The port that the load goes to. */
  readonly via: 'leader' | 'router';
  /** Plain text unless it says otherwise. */
  readonly transport?: Transport;
  /** Script to run; the built command line unless a test brings its own. */
  readonly entry?: string;
}

export interface RunningTarget {
  readonly type: 'running';
  readonly port: number;
}

const BARE_SERVER = fileURLToPath(new URL('./bare-server-process.js', import.meta.url));

/** Rejects with ProgramError when it cannot be started. */
export async function openTarget(choice: TargetChoice): Promise<Target> {
  switch (choice.type) {
    case 'running':
      return { port: async () => choice.port, close: async () => undefined };
    case 'ceiling':
      return openBareServer();
    case 'program':
      return startProgram(choice);
  }
}

async function startProgram({ durability, via, transport, ...options }: ProgramTarget): Promise<Target> {
  const { storage, flags } = startOptionsFor(durability);
  const certificate = transport === 'tls' ? await newCertificateFiles() : undefined;
  const ca = certificate?.ca;
  const allFlags = [...flags, ...(certificate?.flags ?? [])];
  const program = await Program.start({ ...options, storage, flags: allFlags, ca }).finally(() =>
    certificate?.remove(),
  );
  return {
    port: async () => (via === 'router' ? program.routerPort : leaderPort(program)),
    pid: program.pid,
    ...(ca === undefined ? {} : { ca }),
    close: () => program.stop(),
  };
}

async function leaderPort(program: Program): Promise<number> {
  const port = program.serverPorts[await program.leader()];
  if (port === undefined) throw new ProgramError('the leader is none of the servers', '');
  return port;
}

function startOptionsFor(durability: Durability): { storage: ProgramStorage; flags: readonly string[] } {
  switch (durability) {
    case 'fsync':
      return { storage: 'temporary', flags: [] };
    case 'no-fsync':
      return { storage: 'temporary', flags: ['--no-fsync'] };
    case 'memory':
      return { storage: 'memory', flags: [] };
  }
}

async function openBareServer(): Promise<Target> {
  const child = fork(BARE_SERVER, { execArgv: [] });
  const [port]: unknown[] = await once(child, 'message');
  return {
    port: async () => Number(port),
    close: async () => {
      const exited = once(child, 'exit');
      child.kill();
      await exited;
    },
  };
}
