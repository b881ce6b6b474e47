/** A live view: a map that is always what the keys are, without asking again and again. */

import { Cluster } from 'threadraft';

const cluster = new Cluster({ servers: 3, port: 0, routerPort: null, memory: true });
await cluster.start();
const kv = cluster.client();
await kv.set('price/apple', '3');
await kv.set('price/pear', '4');

const prices = new Map();
for await (const change of kv.watch('price/', { from: 0 })) {
  if (change.type === 'set') prices.set(change.key, change.value);
  if (change.type === 'deleted' || change.type === 'expired') prices.delete(change.key);
  if (change.type === 'reset' || change.type === 'flushed') prices.clear();
  if (change.type === 'synced') {
    process.stdout.write(`at first: ${[...prices].join(' ')}\n`);
    await cluster.kill(cluster.leader);
    await kv.set('price/apple', '5');
    await kv.delete('price/pear');
  }
  if (change.type === 'deleted') break;
}
process.stdout.write(`then: ${[...prices].join(' ')}\n`);

await cluster.close();
