/** A client that asks for too much. */

import { askForMuch, COSTS } from './costly-client.js';
import type { FaultAction } from './faults.js';

/** It may come through a server's port, too, which sends it elsewhere if it does not lead. */
const ROUTER_CHANCE = 0.5;

export const costlyClient: FaultAction = async ({ site, random, begin, hold }) => {
  const cost = random.of(COSTS);
  const { leader } = await site.tell((program) => program.status());
  const { serverPorts, routerPort } = await site.program();
  const ownPort = serverPorts[leader ?? -1];
  const port = ownPort === undefined || random.chance(ROUTER_CHANCE) ? routerPort : ownPort;
  begin(`client asks for ${cost.name} at ${port === routerPort ? 'the router' : `server ${leader}`}`);
  let isOver = false;
  const asking = askForMuch(cost, port, () => isOver);
  await hold();
  isOver = true;
  await asking;
};
