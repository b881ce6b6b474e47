/**
 * Clients that set and get a key of their own, one command at a time, in a process of their own: what somebody else does to
 * the program must not show here. Tells its parent what they have noticed since it was asked last.
 */

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { TextClient } from '../../support/text-client.js';
import type { Noticed } from './bystanders.js';

interface Request {
  /** The ports of new clients. */
  readonly open?: readonly number[];
}

const PAUSE_MS = 2;
const NS_PER_MS = 1e6;
const LOOP_RESOLUTION_MS = 5;
const MAX_ERRORS = 10;

const delays = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
delays.enable();
/** When the commands that are not answered were sent. */
const sentAtMs = new Set<{ readonly atMs: number }>();
let longestMs = 0;
let commands = 0;
let errors: string[] = [];

process.on('message', ({ open = [] }: Request) => {
  for (const port of open) void bystander(port);
  const nowMs = performance.now();
  for (const { atMs } of sentAtMs) longestMs = Math.max(longestMs, nowMs - atMs);
  const ownBlockMs = Math.max(0, delays.max / NS_PER_MS - LOOP_RESOLUTION_MS);
  const noticed: Noticed = { commands, longestMs, errors, ownBlockMs };
  process.send?.(noticed);
  delays.reset();
  longestMs = 0;
  commands = 0;
  errors = [];
});

process.once('disconnect', () => process.exit());

async function bystander(port: number): Promise<void> {
  const client = await TextClient.connect(port);
  const key = `bystander:${port}:${sentAtMs.size}:${process.hrtime.bigint()}`;
  for (let count = 0; ; count += 1) {
    const sent = { atMs: performance.now() };
    sentAtMs.add(sent);
    try {
      const { type } = await (count % 2 === 0 ? client.set(key, `${count}`) : client.get(key));
      if (!EXPECTED.has(type)) note(`${type} at port ${port}`);
    } catch (error) {
      note(`${String(error)} at port ${port}`);
      return;
    } finally {
      sentAtMs.delete(sent);
    }
    longestMs = Math.max(longestMs, performance.now() - sent.atMs);
    commands += 1;
    await pause(PAUSE_MS);
  }
}

/** A key that was flushed meanwhile is not there. */
const EXPECTED = new Set(['OK', 'VALUE', 'ERR_NOT_FOUND', 'ERR_REDIRECT']);

function note(error: string): void {
  if (errors.length < MAX_ERRORS) errors.push(error);
}
