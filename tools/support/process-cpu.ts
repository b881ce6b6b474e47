/** The CPU time of a process, as Linux counts it for its threads. */

import { readdir, readFile } from 'node:fs/promises';

/** In microseconds, of all threads that run now; undefined without a process, or where the system does not tell. */
export async function cpuUsOf(pid: number | undefined): Promise<number | undefined> {
  if (pid === undefined) return undefined;
  const tasks = `/proc/${pid}/task`;
  try {
    const times = (await readdir(tasks)).map((task) => readFile(`${tasks}/${task}/schedstat`, 'latin1'));
    let ns = 0;
    for (const time of await Promise.all(times)) ns += Number(time.split(' ', 1)[0]);
    return ns / 1_000;
  } catch {
    return undefined;
  }
}
