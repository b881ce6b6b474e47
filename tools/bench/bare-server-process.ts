/**
 * A {@link BareServer} in a process of its own; tells its parent the port, and ends with it.
 */

import { BareServer } from './bare-server.js';

const server = await BareServer.listen({ port: 0, store: new Map() });
process.once('disconnect', () => process.exit());
process.send?.(server.port);
