/** A web server that counts visits, with its cluster inside: no other service to run, and no count is lost. */

import { createServer } from 'node:http';
import { Cluster } from 'threadraft';

const cluster = new Cluster({ servers: 3, port: 0, routerPort: null, memory: true });
await cluster.start();
const kv = cluster.client();

const server = createServer(async (request, response) => {
  try {
    const visits = await kv.update(`visits:${request.url}`, (old) => String(Number(old ?? 0) + 1));
    response.end(`${visits} visits\n`);
  } catch (error) {
    response.writeHead(503).end(`${error.code}\n`);
  }
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

const { port } = server.address();
const visit = async () => (await fetch(`http://127.0.0.1:${port}/page`)).text();
await Promise.all(Array.from({ length: 20 }, visit));
await cluster.kill(cluster.leader);
process.stdout.write(`after a kill of the leader: ${await visit()}`);

server.close();
server.closeAllConnections();
await cluster.close();
