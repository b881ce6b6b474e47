/** Clients of Redis, unchanged. */

import Redis from 'ioredis';
import { createClient } from 'redis';
import { Cluster } from 'threadraft';

const cluster = new Cluster({ servers: 3, port: 0, routerPort: 0, memory: true });
await cluster.start();
const { host, port } = cluster.routerAddress;

const ioredis = new Redis({ host, port });
const nodeRedis = await createClient({ socket: { host, port } }).connect();
await ioredis.set('greeting', 'hello');
await nodeRedis.incrBy('count', 41);
await ioredis.incr('count');
process.stdout.write(`${await nodeRedis.get('greeting')} ${await ioredis.get('count')}\n`);

ioredis.disconnect();
nodeRedis.destroy();
await cluster.close();
