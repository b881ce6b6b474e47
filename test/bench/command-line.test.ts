import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const MAIN = fileURLToPath(new URL('../../tools/bench/main.js', import.meta.url));

describe('the command line of the throughput benchmark', () => {
  for (const [args, complaint] of [
    ['--connections 0', /--connections.*It must be a whole number from 1 to 1000/],
    ['--connections 1,50,1001', /--connections.*It must be a whole number from 1 to 1000/],
    ['--value-bytes 16,,64', /--value-bytes.*It must be a whole number from 1 to 1048576/],
    ['--value-bytes 1048577', /--value-bytes.*It must be a whole number from 1 to 1048576/],
    ['--servers 1,3,10', /--servers.*It must be a whole number from 1 to 9/],
    ['--operations set,cas', /--operations.*It must be of set, get, mixed/],
    ['--protocol etcd', /--protocol.*It must be of text, resp/],
    ['--durability fsync --no-fsync', /--no-fsync.*--durability/],
    ['--keys 10000 --value-bytes 65536', /--keys times --value-bytes.*over 256 MiB/],
    ['--port 9000 --keys 10,20', /--port has one store/],
    ['--port 9000 --servers 5', /--port.*--servers/],
    ['--bogus', /unknown option '--bogus'/],
  ] as const)
    it(`refuses ${args} in one line, with exit code 2`, () => {
      const { status, stdout, stderr } = bench(args.split(' '));
      expect(stderr).to.match(complaint);
      expect(stderr).to.match(/^bench: .+\n$/);
      expect(stdout).to.equal('');
      expect(status).to.equal(2);
    });

  it('tells of a sweep on the terminal, in a file, and as a drawing', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'threadraft-bench-test-'));
    try {
      const [json, plot] = [join(directory, 'rounds.json'), join(directory, 'plot.svg')];
      const { status, stdout, stderr } = bench([
        ...['--ceiling', '--value-bytes', '16,65536,16', '--connections', '3', '--depth', '4'],
        ...['--keys', '8', '--requests', '40', '--rounds', '1', '--json', json, '--plot', plot],
      ]);
      expect(stderr).to.equal('');
      expect(stdout.match(/^threadraft .*$/gm)).to.have.length(6);
      const { series }: { series: { valueBytes: number; rounds: { requests: number }[] }[] } = JSON.parse(
        await readFile(json, 'utf8'),
      );
      expect(series.map(({ valueBytes, rounds }) => [valueBytes, rounds[0]?.requests])).to.deep.equal([
        ...[16, 65_536, 16, 65_536, 16, 65_536].map((valueBytes) => [valueBytes, 40]),
      ]);
      expect(await readFile(plot, 'utf8')).to.match(
        /^<svg .*\n<title>Throughput and latency by length of values</,
      );
      expect(status).to.equal(0);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

function bench(args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
}
