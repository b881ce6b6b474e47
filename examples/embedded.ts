/**
 * A cluster inside your own program: write a key, kill the leader, read the key from the next one.
 *
 * Run it with `node dist/examples/embedded.js` after `npm ci`.
 */

import { once } from 'node:events';
import { connect } from 'node:net';
import { Cluster } from '../src/index.js';

const cluster = new Cluster({ memory: true, port: 0, routerPort: 0 });
await cluster.start();
console.log('leader:', cluster.leader);

// The router's port: whoever leads, the connection stays.
const socket = connect(cluster.routerAddress?.port ?? 0, cluster.routerAddress?.host);
socket.setEncoding('utf8');

socket.write('set greeting 0 5\r\nhello\r\n');
console.log('set:', (await once(socket, 'data')).join('').trim());

await cluster.kill(cluster.leader ?? 0);
socket.write('get greeting\r\n');
console.log('get:', JSON.stringify((await once(socket, 'data')).join('')));
console.log('leader:', await cluster.waitForLeader(5_000));

socket.destroy();
await cluster.close();
