/** Asks etcd again for what does not change it, for as long as a client waits for a leader. */

import { type Environment, sleep } from '../environment.js';
import { RETRY_PAUSE_MS } from '../etcd-limits.js';
import { LEADER_WAIT_MS } from '../time-limits.js';
import { EtcdNoAnswerError, EtcdUnreachableError } from './etcd-errors.js';

/** What `ask` resolves to, which is called until etcd answers. Rejects as it does once that has taken too long. */
export async function patiently<Result>(
  environment: Pick<Environment, 'nowMs' | 'startTimer'>,
  ask: () => Promise<Result>,
): Promise<Result> {
  const endMs = environment.nowMs() + LEADER_WAIT_MS;
  while (true) {
    try {
      return await ask();
    } catch (error) {
      if (!isUnanswered(error) || environment.nowMs() >= endMs) throw error;
      await sleep(environment, RETRY_PAUSE_MS);
    }
  }
}

/** Whether etcd has not answered. */
export function isUnanswered(error: unknown): error is EtcdUnreachableError | EtcdNoAnswerError {
  return error instanceof EtcdUnreachableError || error instanceof EtcdNoAnswerError;
}
