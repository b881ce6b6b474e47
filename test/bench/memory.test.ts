import { expect } from 'chai';
import { memoryOfMappings, processMemory } from '../../tools/bench/memory/process-memory.js';
import { residentBytes } from '../../tools/support/resident-bytes.js';

const SMAPS = `55d0c0000000-55d0c0100000 r-xp 00000000 08:01 1234                       /usr/bin/node
Size:               1024 kB
KernelPageSize:        4 kB
Rss:                 100 kB
Pss:                 100 kB
VmFlags: rd ex mr mw me
55d0c2000000-55d0c2100000 rw-p 00000000 00:00 0                          [heap]
Size:               1024 kB
Rss:                  20 kB
VmFlags: rd wr mr mw me ac
7f0004000000-7f0005000000 rw-p 00000000 00:00 0
Size:              16384 kB
Rss:                3000 kB
VmFlags: rd wr mr mw me nr
7f0005000000-7f0008000000 ---p 00000000 00:00 0
Size:              49152 kB
Rss:                   0 kB
VmFlags: mr mw me nr
7f0009040000-7f0009080000 rw-p 00000000 00:00 0
Size:                256 kB
Rss:                 256 kB
VmFlags: rd wr mr mw me
`;

describe('the memory of a process', () => {
  it('is told apart by what maps it', () => {
    const { resident, arenas, arenaCount, mapped, files } = memoryOfMappings(SMAPS);
    expect({ arenas, arenaCount, mapped, files }).to.deep.equal({
      arenas: 3020 * 1024,
      arenaCount: 2,
      mapped: 256 * 1024,
      files: 100 * 1024,
    });
    expect(resident).to.equal(arenas + mapped + files);
  });

  it('adds up to what the system says', async function () {
    if (process.platform !== 'linux') this.skip();
    const told = await residentBytes(process.pid);
    const { resident } = await processMemory(process.pid);
    expect(resident).to.be.within(0.8 * told, 1.2 * told);
  });
});
