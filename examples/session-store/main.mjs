/** Sessions of an Express app, in a cluster that loses its leader between two requests. */

import { RedisStore } from 'connect-redis';
import express from 'express';
import session from 'express-session';
import { createClient } from 'redis';
import { Cluster } from 'threadraft';

const cluster = new Cluster({ servers: 3, port: 0, routerPort: 0, memory: true });
await cluster.start();
const { host, port } = cluster.routerAddress;
const redis = await createClient({ socket: { host, port } }).connect();

const app = express();
app.use(
  session({
    store: new RedisStore({ client: redis, ttl: 3600 }),
    secret: 'of this example',
    resave: false,
    saveUninitialized: false,
  }),
);
app.get('/', (request, response) => {
  request.session.visits = (request.session.visits ?? 0) + 1;
  response.send(`visit ${request.session.visits}`);
});
const server = app.listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));

let cookie = '';
const visit = async () => {
  const response = await fetch(`http://127.0.0.1:${server.address().port}/`, { headers: { cookie } });
  cookie = response.headers.get('set-cookie')?.split(';')[0] ?? cookie;
  return response.text();
};
const visits = [await visit(), await visit()];
await cluster.kill(cluster.leader);
visits.push(await visit());
process.stdout.write(`${visits.join(', ')}\n`);

server.close();
server.closeAllConnections();
redis.destroy();
await cluster.close();
