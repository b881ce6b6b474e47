/** What every server's thread does for the main thread, whatever keeps its keys: watches its event loop, and answers calls. */

import type { MessagePort } from 'node:worker_threads';
import * as Comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { NODE_ENVIRONMENT } from '../environment.js';
import { LONG_TURN_MS, MAX_STOP_ANSWERING_MS } from '../time-limits.js';
import type { ServerControl, ServerEvent, ServerMeasurements } from '../wire/control.js';
import { LoopWatch } from './loop-watch.js';
import { measureThread } from './thread-measurements.js';
import type { TurnMeter } from './turn-meter.js';

/** A server as its thread runs it. */
export interface ControlledServer extends Omit<ServerControl, 'measure' | 'block' | 'stop'> {
  readonly turns: TurnMeter;
  measure(): Omit<ServerMeasurements, 'thread'>;
  stop(timeoutMs: number): Promise<void>;
}

export interface ControlOptions {
  readonly port: MessagePort;
  readonly report: (event: ServerEvent) => void;
  /** The server was asked to stop, and has. */
  readonly onStopped: () => void;
}

/** Takes the main thread's calls from now on. */
export function takeCalls(
  { turns, measure, stop, ...calls }: ControlledServer,
  { port, report, onStopped }: ControlOptions,
): void {
  const watch = new LoopWatch((blockedMs) => {
    const turn = turns.takeLongest();
    if (blockedMs > LONG_TURN_MS) report({ type: 'blocked', blockedMs, turn });
  });
  const control: ServerControl = {
    ...calls,
    measure: () => ({ ...measure(), thread: measureThread(watch) }),
    block: (durationMs) => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, durationMs);
    },
    stop: async () => {
      await stop(MAX_STOP_ANSWERING_MS);
      // The answer to this call leaves before the port closes.
      NODE_ENVIRONMENT.atEndOfTurn(() => {
        watch.stop();
        onStopped();
      });
    },
  };
  Comlink.expose(control, nodeEndpoint(port));
}
