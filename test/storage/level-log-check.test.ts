import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { ClassicLevel } from 'classic-level';
import { checkLevelLogs, DamagedLevelError } from '../../src/storage/level-log-check.js';
import { rejection, useDirectory } from '../support/storage.js';

const RECORDS = 30;

describe('the check of LevelDB’s log', () => {
  const directory = useDirectory();
  let path: string;
  let whole: Buffer;

  /** Values of all lengths up to some blocks, so that records begin and end everywhere in a block. */
  beforeEach(async () => {
    const level = new ClassicLevel<string, string>(directory());
    for (let i = 0; i < RECORDS; i += 1) await level.put(`key ${i}`, 'v'.repeat(i * i * 100));
    await level.close();
    const [name = ''] = (await readdir(directory())).filter((one) => one.endsWith('.log'));
    path = join(directory(), name);
    whole = await readFile(path);
  });

  async function countReadable(): Promise<number> {
    const level = new ClassicLevel<string, string>(directory());
    const keys = await level.keys().all();
    await level.close();
    return keys.length;
  }

  it('finds nothing wrong with a whole one', async () => {
    expect(whole.byteLength).to.be.above(10 * 32 * 1024);
    await checkLevelLogs(directory());
  });

  it('takes one that ends anywhere for cut off by a crash', async () => {
    for (let cut = 1; cut < 200; cut += 1) {
      await truncate(path, whole.byteLength - cut * 37);
      await checkLevelLogs(directory());
    }
  });

  it('takes zeros behind the end for space that was never written', async () => {
    await writeFile(path, Buffer.concat([whole, Buffer.alloc(100_000)]));
    await checkLevelLogs(directory());
  });

  it('finds every changed byte', async () => {
    for (let at = 3; at < whole.byteLength; at += 4_999) {
      const damaged = Buffer.from(whole);
      damaged.writeUInt8(damaged.readUInt8(at) ^ 0x40, at);
      await writeFile(path, damaged);
      const error = await rejection(checkLevelLogs(directory()));
      expect(error, `byte ${at}`).to.be.an.instanceOf(DamagedLevelError);
    }
  });

  it('finds what LevelDB itself passes over in silence', async () => {
    const damaged = Buffer.from(whole);
    damaged.writeUInt8(damaged.readUInt8(whole.byteLength - 5) ^ 1, whole.byteLength - 5);
    await writeFile(path, damaged);
    expect(await rejection(checkLevelLogs(directory()))).to.be.an.instanceOf(DamagedLevelError);
    expect(await countReadable()).to.be.below(RECORDS);
  });
});
