/** Reads what one server holds: it answers while it leads, so it is handed the lead, and again if it loses it. */

import { setTimeout as pause } from 'node:timers/promises';
import { type Program, ProgramError } from './program.js';
import { TextClient, type TextReply } from './text-client.js';

/** For a busy machine. A hand-over takes milliseconds. */
const TIMEOUT_MS = 60_000;
const PAUSE_MS = 50;

/** Reads a key. Rejects when the server does not lead any more. */
export type ReadKey = (key: string) => Promise<TextReply>;

/**
 * Has the server lead, once it has applied all that is committed, and does `act`: again from its beginning when the server
 * lost the lead meanwhile. Rejects as `act` does, and with ProgramError when the server does not lead for long enough within
 * a minute.
 */
export async function whileLeading<T>(
  program: Program,
  id: number,
  act: (read: ReadKey) => Promise<T>,
): Promise<T> {
  const deadlineMs = performance.now() + TIMEOUT_MS;
  while (true) {
    try {
      await lead(program, id);
      return await withClient(program.portOf(id), (client) => act((key) => readOwn(client, key)));
    } catch (error) {
      const isPassing = error instanceof LeadLostError || isNotTakenOver(error);
      if (!isPassing || performance.now() > deadlineMs) throw error;
      await pause(PAUSE_MS);
    }
  }
}

async function lead(program: Program, id: number): Promise<void> {
  await program.waitFor(`server ${id} has caught up`, ({ leader, servers }) => {
    const commitIndex = servers.find((server) => server.id === leader)?.commitIndex;
    const lastApplied = servers.find((server) => server.id === id)?.lastApplied ?? 0;
    return commitIndex !== undefined && lastApplied >= commitIndex;
  });
  if ((await program.leader()) !== id) await program.lead(id);
}

async function withClient<T>(port: number, act: (client: TextClient) => Promise<T>): Promise<T> {
  const client = await TextClient.connect(port);
  try {
    return await act(client);
  } finally {
    client.close();
  }
}

async function readOwn(client: TextClient, key: string): Promise<TextReply> {
  const reply = await client.getm(key);
  if (reply.type === 'ERR_REDIRECT' || reply.type === 'ERR_INTERNAL')
    throw new LeadLostError(`a read of ${key} was answered ${reply.type}`);
  return reply;
}

/** The hand-over took longer than the program waits for, or no server could do it. */
function isNotTakenOver(error: unknown): boolean {
  return error instanceof ProgramError && / answered (?:409|503)/.test(error.message);
}

/** Another server leads now. */
class LeadLostError extends Error {
  override readonly name = 'LeadLostError';
}
