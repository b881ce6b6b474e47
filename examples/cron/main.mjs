/** One cron job among many processes: whoever is elected does it, and when that process dies, another one goes on. */

import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Cluster } from 'threadraft';

const WORKER = fileURLToPath(new URL('worker.mjs', import.meta.url));

const cluster = new Cluster({ servers: 3, port: 0, routerPort: 0, memory: true });
await cluster.start();
const { host, port } = cluster.routerAddress;
const workers = ['a', 'b', 'c'].map((name) => fork(WORKER, [`${host}:${port}`, name]));

/** Resolves to the worker that does the job next. */
function nextToRun() {
  return new Promise((resolve) => {
    for (const worker of workers) worker.on('message', () => resolve(worker));
  });
}

const first = await nextToRun();
first.kill('SIGKILL');
await new Promise((resolve) => first.once('exit', resolve));
for (const worker of workers) worker.removeAllListeners('message');
const second = await nextToRun();
process.stdout.write(second === first ? 'a dead process runs the job\n' : 'another process has taken over\n');

for (const worker of workers) worker.kill('SIGKILL');
await cluster.close();
