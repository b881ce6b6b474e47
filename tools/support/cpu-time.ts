import { readdir, readFile } from 'node:fs/promises';

const NS_PER_US = 1000;

/**
 * CPU time that the threads of a process have used, in µs, without those that have ended. Rejects where the system is not
 * Linux, or there is no such process.
 */
export async function cpuTimeUs(pid: number): Promise<number> {
  const directory = `/proc/${pid}/task`;
  const threads = await readdir(directory);
  const times = await Promise.all(threads.map((id) => timeOfUs(`${directory}/${id}/schedstat`)));
  return times.reduce((sum, timeUs) => sum + timeUs, 0);
}

async function timeOfUs(path: string): Promise<number> {
  // A thread may end between the listing and this.
  const [ns] = (await readFile(path, 'utf8').catch(() => '0')).split(' ');
  return Number(ns) / NS_PER_US;
}
