/** A process that does the job while it is the leader. */

import { setTimeout as sleep } from 'node:timers/promises';
import { KvClient } from 'threadraft/client';

const [, , address, name] = process.argv;
const kv = new KvClient({ servers: [address] });
for (;;) {
  const leadership = await kv.elect('cron', { ttl: 1, candidate: name });
  while (leadership.isHeld) {
    process.send(name);
    await sleep(100, undefined, { signal: leadership.signal }).catch(() => {});
  }
}
