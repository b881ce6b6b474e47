import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { type HistoryLine, operationOf, readHistory } from '../../tools/chaos/history-file.js';
import { bytesOf, nameOf, valueName } from '../../tools/chaos/values.js';
import { temporaryDirectory } from '../support/cluster.js';

const LINE: HistoryLine = {
  client: 3,
  op: 'cas',
  key: 'key-1',
  value: 'c3-7',
  version: 5,
  ttlMs: null,
  expected: 4,
  call: 100,
  return: 200,
  outcome: 'ok',
};

describe('a history in a file', () => {
  it('is read as it was written', async () => {
    const { path, remove } = await temporaryDirectory();
    const lines: HistoryLine[] = [LINE, { ...LINE, op: 'get', expected: null }];
    await writeFile(join(path, 'history'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    expect(await readHistory(join(path, 'history'))).to.deep.equal(lines);
    await remove();
  });

  it('tells the checker what was asked for and what was answered', () => {
    expect(operationOf(LINE)).to.deep.equal({
      client: 3,
      key: 'key-1',
      action: { op: 'cas', value: 'c3-7', expected: 4 },
      outcome: { type: 'stored', version: 5 },
      call: 100,
      return: 200,
      position: undefined,
    });
  });

  it('has no end for an operation of unknown outcome', () => {
    const unknown = operationOf({ ...LINE, op: 'delete', return: null, outcome: 'unknown' });
    expect(unknown).to.deep.include({ outcome: { type: 'unknown' }, return: Number.POSITIVE_INFINITY });
  });

  it('tells nothing by what was turned down, and by a read that was not answered', () => {
    expect(operationOf({ ...LINE, outcome: 'failed' })).to.equal(undefined);
    expect(operationOf({ ...LINE, op: 'get', return: null, outcome: 'unknown' })).to.equal(undefined);
  });
});

describe('a value', () => {
  it('is known by its bytes, be it short or long', () => {
    for (const count of [1, 40]) {
      const name = valueName(12, count);
      expect(nameOf(bytesOf(name))).to.equal(name);
    }
    expect(bytesOf(valueName(1, 40)).length).to.be.greaterThan(10_000);
  });

  it('is not taken for another one when a byte is missing, or too many', () => {
    const bytes = bytesOf(valueName(12, 40));
    for (const torn of [bytes.slice(1), bytes.slice(0, -1), `${bytes}.`, '', 'c1-1'])
      expect(nameOf(torn)).to.match(/^torn: /);
  });
});
