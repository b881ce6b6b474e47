/** A rate limiter whose count is in a cluster: all processes share it, and it survives the leader. */

import express from 'express';
import { rateLimit } from 'express-rate-limit';
import Redis from 'ioredis';
import { Cluster } from 'threadraft';

/** Where express-rate-limit counts: a key for each client, which expires with its window. */
class RedisCounts {
  constructor(redis) {
    this.redis = redis;
  }

  init({ windowMs }) {
    this.windowMs = windowMs;
  }

  async increment(client) {
    const key = `rate:${client}`;
    const [, [, totalHits], [, leftMs]] = await this.redis
      .multi()
      .set(key, 0, 'PX', this.windowMs, 'NX')
      .incr(key)
      .pttl(key)
      .exec();
    return { totalHits, resetTime: new Date(Date.now() + leftMs) };
  }

  async decrement(client) {
    await this.redis.decr(`rate:${client}`);
  }

  async resetKey(client) {
    await this.redis.del(`rate:${client}`);
  }
}

const cluster = new Cluster({ servers: 3, port: 0, routerPort: 0, memory: true });
await cluster.start();
const redis = new Redis(cluster.routerAddress);

const app = express();
app.use(rateLimit({ windowMs: 60_000, limit: 3, store: new RedisCounts(redis) }));
app.get('/', (_request, response) => response.send('hello'));
const server = app.listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));

const statuses = [];
for (let request = 0; request < 4; request += 1) {
  if (request === 2) await cluster.kill(cluster.leader);
  statuses.push((await fetch(`http://127.0.0.1:${server.address().port}/`)).status);
}
process.stdout.write(`${statuses.join(' ')}\n`);

server.close();
server.closeAllConnections();
redis.disconnect();
await cluster.close();
