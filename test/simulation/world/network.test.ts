import type { NetworkListener } from '../../../src/gateway/network.js';
import { Random } from '../../../tools/support/random.js';
import { describeNetwork, type NetworkUnderTest, type Peer } from '../../gateway/network-suite.js';
import { SimulatedNetwork } from './network.js';
import type { ClientEnd } from './socket.js';
import { SimulatedThread } from './thread.js';
import { World } from './world.js';

const SETTLED_MS = 100;
/** What has not come to pass by then never will. */
const TIMEOUT_MS = 10_000;

function onVirtualTime(): NetworkUnderTest {
  const world = new World();
  const random = new Random(1);
  const network = new SimulatedNetwork({ world, random, maxDelayMs: 2, sendBufferBytes: 1000 });
  const onError = (error: unknown) => {
    throw error;
  };
  const ofThread = network.of(new SimulatedThread({ name: 'gateway', world, random, onError }));

  /** Lets time pass until the promise is settled. */
  async function settled<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settle = () => {
      isSettled = true;
    };
    promise.then(settle, settle);
    await world.run(() => isSettled);
    return promise;
  }

  return {
    network: {
      listen: (address, accept): Promise<NetworkListener> => settled(ofThread.listen(address, accept)),
    },
    connect: (address) =>
      settled(
        new Promise((resolve, reject) => {
          const received: Uint8Array[] = [];
          let hasEnded = false;
          let isConnected = false;
          const end = () => {
            hasEnded = true;
            if (!isConnected) reject(new Error('connection refused'));
          };
          network.connect(address, {
            onConnected: (client) => {
              isConnected = true;
              resolve(peerOf(client, received, () => hasEnded));
            },
            onData: (bytes) => received.push(bytes),
            onEnd: end,
            onReset: end,
          });
        }),
      ),
    until: async (description, condition) => {
      if (!(await world.run(condition, world.nowMs + TIMEOUT_MS))) throw new Error(`never: ${description}`);
    },
    settle: async () => {
      await world.run(() => false, world.nowMs + SETTLED_MS);
    },
    clear: async () => {},
  };
}

function peerOf(client: ClientEnd, received: readonly Uint8Array[], hasEnded: () => boolean): Peer {
  return {
    get received() {
      return Buffer.concat(received);
    },
    get hasEnded() {
      return hasEnded();
    },
    send: (bytes) => client.write(bytes),
    end: () => client.end(),
    reset: () => client.destroy(),
    stopReading: () => client.pauseReading(),
    readOn: () => client.resumeReading(),
  };
}

describeNetwork('the simulation', onVirtualTime);
