import { RedisClient } from '../../tools/support/redis-client.js';

/** Connects Redis clients to ports of this machine, and closes them after each test. */
export function useRedisClients(): (port: number) => Promise<RedisClient> {
  const clients: RedisClient[] = [];
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });
  return async (port) => {
    const client = await RedisClient.connect(port);
    clients.push(client);
    return client;
  };
}
