/** One of the cases, and what others noticed meanwhile. */

import { setTimeout as pause } from 'node:timers/promises';
import { MAX_TURN_MS } from '../../../src/time-limits.js';
import type { Program } from '../../support/program.js';
import type { Bystanders, Noticed } from './bystanders.js';
import type { CostlyCase } from './cases.js';
import { CostlyClient } from './costly-client.js';
import { readLoops } from './loops.js';

const MAX_WAIT_MS = 250;
/** The gauge of the longest block forgets after this long. */
const FORGOTTEN_AFTER_MS = 16_500;
/** Less than that of an earlier case does not stand in the way. */
const NEGLIGIBLE_MS = MAX_TURN_MS / 2;
const CHECK_MS = 250;
const AFTERMATH_MS = 1_500;
const ANSWER_CHARS = 60;

export interface Outcome {
  readonly name: string;
  /** The beginning of what the costly client was answered. */
  readonly answer: string;
  readonly tookMs: number;
  /** By the bystanders. */
  readonly noticed: Noticed;
  /** That began meanwhile. */
  readonly terms: number;
  /** Of each thread, its longest block. */
  readonly longestMs: ReadonlyMap<string, number>;
  /** Seconds with a block of over MAX_TURN_MS, of all threads together. */
  readonly blockedSeconds: number;
}

export interface Site {
  readonly program: Program;
  readonly bystanders: Bystanders;
  readonly timeoutMs: number;
}

/** Has a client do it, and resolves to what came of it some time later. */
export async function measure(
  { program, bystanders, timeoutMs }: Site,
  name: string,
  run: CostlyCase,
): Promise<Outcome> {
  const { httpPort, routerPort } = program;
  const before = await readLoops(httpPort);
  const termBefore = await termOf(program);
  const client = await CostlyClient.connect(routerPort);
  await bystanders.take();
  const startMs = performance.now();
  const running = run({ client, httpPort }).catch((error: unknown) => String(error));
  const answer = await Promise.race([running, pause(timeoutMs, 'not done in time', { ref: false })]);
  const tookMs = performance.now() - startMs;
  client.close();
  // What the client has left behind, and memory that is given back, counts.
  await pause(AFTERMATH_MS);
  const noticed = await bystanders.take();
  const after = await readLoops(httpPort);
  return {
    name,
    answer: JSON.stringify(answer.slice(0, ANSWER_CHARS)),
    tookMs,
    noticed,
    terms: (await termOf(program)) - termBefore,
    longestMs: after.longestMs,
    blockedSeconds: [...after.blockedSeconds].reduce(
      (sum, [thread, seconds]) => sum + seconds - (before.blockedSeconds.get(thread) ?? 0),
      0,
    ),
  };
}

/** Resolves once the longest block of an earlier case is forgotten, if it was long. */
export async function forgotten({ httpPort }: Program): Promise<void> {
  const deadlineMs = performance.now() + FORGOTTEN_AFTER_MS;
  while (true) {
    const { longestMs } = await readLoops(httpPort);
    if (Math.max(...longestMs.values()) < NEGLIGIBLE_MS || performance.now() > deadlineMs) return;
    await pause(CHECK_MS);
  }
}

async function termOf(program: Program): Promise<number> {
  const { servers } = await program.status();
  return Math.max(...servers.map(({ term }) => term));
}

/** What somebody would complain of, who waits that long at most. */
export function complaints({ noticed, terms }: Outcome, maxWaitMs = MAX_WAIT_MS): readonly string[] {
  const { longestMs, errors } = noticed;
  return [
    ...(longestMs > maxWaitMs ? [`somebody waited ${longestMs.toFixed(0)} ms`] : []),
    ...errors.map((error) => `somebody was told ${error}`),
    ...(terms > 0 ? [`${terms} terms began`] : []),
  ];
}
