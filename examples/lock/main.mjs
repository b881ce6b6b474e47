/** A lock with fencing: who was stopped while it held the lock cannot spoil what the next holder has written. */

import { Cluster } from 'threadraft';
import { KvClient } from 'threadraft/client';

/** What the lock is for. It refuses a token that is smaller than one that it has seen. */
const store = {
  token: 0,
  content: '',
  write(content, token) {
    if (token < this.token) throw new Error(`token ${token} is over`);
    this.token = token;
    this.content = content;
  },
};

const cluster = new Cluster({ servers: 3, port: 0, routerPort: 0, memory: true });
await cluster.start();
const { host, port } = cluster.routerAddress;
const newClient = () => new KvClient({ servers: [`${host}:${port}`] });
const [slow, quick] = [newClient(), newClient()];

const first = await slow.lock('report', { ttl: 10 });
store.write('from the first holder', first.fencingToken);
// As if the first holder had stood still until its lock expired.
await quick.delete('lock:report');
const second = await quick.lock('report', { ttl: 10 });
store.write('from the second holder', second.fencingToken);
try {
  store.write('late, from the first holder', first.fencingToken);
} catch {
  process.stdout.write('the late write is refused\n');
}
process.stdout.write(`the report is ${store.content}\n`);

await second.release();
await Promise.all([slow.close(), quick.close()]);
await cluster.close();
