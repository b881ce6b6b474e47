import { expect } from 'chai';
import { isShortage, isSpaceShortage, ShortageRetries } from '../../src/storage/shortage-retries.js';
import { rejection } from '../support/storage.js';

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: no`), { code, syscall: 'write' });
}

describe('an error of the operating system', () => {
  for (const code of ['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN'])
    it(`${code} is a shortage: the same is tried until it succeeds`, async () => {
      const retries = new ShortageRetries();
      const [waits, seen]: [unknown[], unknown[]] = [[], []];
      let isOver = false;
      retries.retryWith({
        wait: async (cause) => {
          waits.push(cause);
        },
        over: () => {
          isOver = true;
        },
      });
      const shortage = failure(code);
      const result = await retries.retry(async (last) => {
        seen.push(last);
        if (seen.length < 4) throw shortage;
        return 'done';
      });
      expect(result).to.equal('done');
      expect(seen).to.deep.equal([undefined, shortage, shortage, shortage]);
      expect(waits).to.deep.equal([shortage, shortage, shortage]);
      expect(isOver).to.equal(true);
      expect(isShortage(shortage)).to.equal(true);
      expect(isSpaceShortage(shortage)).to.equal(code === 'ENOSPC' || code === 'EDQUOT');
    });

  for (const code of ['EIO', 'EROFS', 'EACCES', 'ENOENT', 'EBADF'])
    it(`${code} is none, and ends the retries of one`, async () => {
      const retries = new ShortageRetries();
      retries.retryWith({ wait: async () => {}, over: () => expect.fail('it was not over') });
      const wrong = failure(code);
      let tries = 0;
      const attempt = async () => {
        tries += 1;
        throw tries === 1 ? failure('ENOMEM') : wrong;
      };
      expect(await rejection(retries.retry(attempt))).to.equal(wrong);
      expect(tries).to.equal(2);
      expect(await rejection(retries.retry(attempt))).to.equal(wrong);
      expect(tries).to.equal(3);
    });
});
