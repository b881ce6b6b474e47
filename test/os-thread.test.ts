import { once } from 'node:events';
import { getPriority } from 'node:os';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { lowerPriority, osThreadId } from '../src/os-thread.js';

const TELLS_ITS_NUMBER = `
  import { parentPort } from 'node:worker_threads';
  import { osThreadId } from '${new URL('../src/os-thread.js', import.meta.url)}';
  parentPort.once('message', () => {});
  parentPort.postMessage(osThreadId());
`;

describe('a thread of the operating system', () => {
  it('can be given a lower priority than the others of the process', async function () {
    const own = osThreadId();
    if (own === undefined) this.skip();
    const url = new URL(`data:text/javascript,${encodeURIComponent(TELLS_ITS_NUMBER)}`);
    const worker = new Worker(url);
    const [other] = await once(worker, 'message');
    const ordinary = getPriority(own);
    expect(other).not.to.equal(own);
    lowerPriority(other);
    expect([getPriority(own), getPriority(other)]).to.deep.equal([ordinary, 19]);
    await worker.terminate();
    // It is not there any more.
    lowerPriority(other);
  });
});
