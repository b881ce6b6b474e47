/**
 * The load generator's process: runs the rounds that its parent sends, one after the other, and reports on them.
 * It ends with its parent.
 */

import { RequestSequences } from './request-sequence.js';
import { runRound } from './round.js';
import type { GeneratorMessage, Workload } from './workload.js';

const sequences = new RequestSequences();

process.on('message', (workload: Workload) => {
  runRound(workload, (done) => report({ type: 'progress', done }), sequences).then(
    (result) => report({ type: 'result', result }),
    (error: unknown) =>
      report({ type: 'failed', message: error instanceof Error ? error.message : String(error) }),
  );
});

process.once('disconnect', () => process.exit());

function report(message: GeneratorMessage): void {
  process.send?.(message);
}
