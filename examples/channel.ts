/**
 * Go's channels between two threads of Node: this thread sends numbers, and a worker sends their squares back.
 *
 * Run it with `node dist/examples/channel.js` after `npm ci`.
 */

import { isMainThread, MessageChannel, type MessagePort, Worker, workerData } from 'node:worker_threads';
import { after, openChannel, receiveFrom, select, sendTo } from '../src/channel/index.js';

const COUNT = 10;

if (isMainThread) await askForSquares();
else await square(workerData);

async function askForSquares(): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  new Worker(new URL(import.meta.url), { workerData: port2, transferList: [port2] });
  const { sender: numbers, receiver: squares } = openChannel<number>(port1, { capacity: 2 });
  let next = 1;
  let sum = 0;
  for (let isOpen = true; isOpen; ) {
    // Exactly one of these happens. The case of an undefined channel never does, as with Go's nil channels.
    isOpen = await select([
      receiveFrom(squares, ({ value, ok }) => {
        if (ok) sum += value;
        return ok;
      }),
      sendTo(next <= COUNT ? numbers : undefined, next, () => {
        next += 1;
        if (next > COUNT) numbers.close();
        return true;
      }),
      after(10_000, () => {
        throw new Error('the worker does not answer');
      }),
    ]);
  }
  console.log(`the sum of the first ${COUNT} squares is ${sum}`);
}

async function square(port: MessagePort): Promise<void> {
  const { sender: squares, receiver: numbers } = openChannel<number>(port, { capacity: 2 });
  // Ends once the other end is closed and all that it sent was received: Go's `for n := range numbers`.
  for await (const number of numbers) await squares.send(number * number);
  squares.close();
}
