/** One of the cases, and what others noticed meanwhile. */

import { setTimeout as pause } from 'node:timers/promises';
import { MAX_TURN_MS } from '../../../src/time-limits.js';
import { type LongTurns, MAIN_THREAD } from '../../support/long-turns.js';
import type { Program } from '../../support/program.js';
import type { Bystanders, Noticed } from './bystanders.js';
import { CostlyClient } from './costly-client.js';
import type { CostlyCase } from './making.js';

const MAX_WAIT_MS = 250;
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
  /** The longest turn of the main thread and of the others, in ms of CPU time; 0 when none was long. */
  readonly mainTurnMs: number;
  readonly serverTurnMs: number;
  /** Turns of over MAX_TURN_MS, of all threads together. */
  readonly longTurnCount: number;
}

export interface Site {
  readonly program: Program;
  readonly bystanders: Bystanders;
  readonly turns: LongTurns;
  readonly timeoutMs: number;
}

/** The bounds that somebody holds a program to. */
export interface Bounds {
  readonly waitMs: number;
  readonly turnMs: number;
}

const BOUNDS: Bounds = { waitMs: MAX_WAIT_MS, turnMs: MAX_TURN_MS };

/** Has a client do it, and resolves to what came of it some time later. */
export async function measure(
  { program, bystanders, turns, timeoutMs }: Site,
  name: string,
  run: CostlyCase,
): Promise<Outcome> {
  const { httpPort, routerPort, serverPorts } = program;
  const termBefore = await termOf(program);
  const client = await CostlyClient.connect(routerPort);
  await bystanders.take();
  turns.take();
  const startMs = performance.now();
  const running = run({ client, routerPort, serverPorts, httpPort }).catch((error: unknown) => String(error));
  const answer = await Promise.race([running, pause(timeoutMs, 'not done in time', { ref: false })]);
  const tookMs = performance.now() - startMs;
  client.close();
  // What the client has left behind, and memory that is given back, counts.
  await pause(AFTERMATH_MS);
  const noticed = await bystanders.take();
  const long = turns.take();
  const longest = (isMain: boolean) =>
    Math.max(
      0,
      ...long.filter(({ thread }) => (thread === MAIN_THREAD) === isMain).map(({ cpuMs }) => cpuMs),
    );
  return {
    name,
    answer: JSON.stringify(answer.slice(0, ANSWER_CHARS)),
    tookMs,
    noticed,
    terms: (await termOf(program)) - termBefore,
    mainTurnMs: longest(true),
    serverTurnMs: longest(false),
    longTurnCount: long.filter(({ cpuMs }) => cpuMs > MAX_TURN_MS).length,
  };
}

async function termOf(program: Program): Promise<number> {
  const { servers } = await program.status();
  return Math.max(...servers.map(({ term }) => term));
}

/** What somebody would complain of. */
export function complaints(
  { noticed, terms, mainTurnMs, serverTurnMs }: Outcome,
  { waitMs, turnMs } = BOUNDS,
): readonly string[] {
  const { longestMs, errors } = noticed;
  return [
    ...(longestMs > waitMs ? [`somebody waited ${longestMs.toFixed(0)} ms`] : []),
    ...errors.map((error) => `somebody was told ${error}`),
    ...(terms > 0 ? [`${terms} terms began`] : []),
    ...(mainTurnMs > turnMs ? [`the main thread had a turn of ${mainTurnMs.toFixed(0)} ms`] : []),
    ...(serverTurnMs > turnMs ? [`a server had a turn of ${serverTurnMs.toFixed(0)} ms`] : []),
  ];
}
