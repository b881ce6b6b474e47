/** The Redis commands about the connection, the server or the cluster, by name. */

import type { PushReply } from '../../protocol/reply.js';
import type { RedisLocalRequest } from '../../protocol/request.js';
import type { RedisStream } from '../../protocol/resp/redis-stream.js';
import type { RespValue } from '../../protocol/resp/value.js';
import { client } from './client.js';
import { cluster } from './cluster-command.js';
import type { ClusterQuestion } from './cluster-question.js';
import { command } from './command-table.js';
import { config } from './config.js';
import type { LocalCommand } from './container.js';
import type { RedisContext } from './context.js';
import { auth, hello, reset } from './hello.js';
import { info } from './info.js';
import { latency } from './latency.js';
import { monitor } from './monitor.js';
import { PUBSUB_COMMANDS } from './pubsub.js';
import { lastsave, role } from './role.js';
import { slowlog } from './slowlog.js';
import { time, wait } from './time.js';

export const LOCAL_COMMANDS: ReadonlyMap<string, LocalCommand> = new Map<string, LocalCommand>(
  Object.entries({
    auth,
    client,
    cluster,
    command,
    config,
    hello,
    info,
    lastsave,
    latency,
    monitor,
    reset,
    role,
    slowlog,
    time,
    wait,
    ...PUBSUB_COMMANDS,
  }),
);

/** Executes the command. HELLO, CLIENT SETNAME and RESET change the stream. */
export function executeLocal(
  { name, args }: RedisLocalRequest,
  stream: RedisStream,
  context: RedisContext,
): RespValue | PushReply | ClusterQuestion {
  const run = LOCAL_COMMANDS.get(name);
  if (run === undefined) throw new TypeError(`no server executes ${name} by itself`);
  return run(args, stream, context);
}
