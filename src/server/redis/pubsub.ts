/** SUBSCRIBE and its like, and PUBSUB: who wants to be told of what at this server. */

import type { Args } from '../../protocol/command.js';
import { PushReply } from '../../protocol/reply.js';
import { NO_LEADER } from '../../protocol/resp/error-replies.js';
import type { RedisStream } from '../../protocol/resp/redis-stream.js';
import { mayName, type SubscriptionKind } from '../../protocol/resp/subscriptions.js';
import { ErrorReply, type RespValue } from '../../protocol/resp/value.js';
import { GlobMatch } from '../../state-machine/redis/glob.js';
import { Work } from '../../state-machine/work.js';
import {
  MAX_PUBSUB_WORK,
  MAX_SUBSCRIPTION_BYTES,
  MAX_TOTAL_SUBSCRIPTION_BYTES,
} from '../../subscription-limits.js';
import { container, type LocalCommand, type Subcommand } from './container.js';
import type { RedisContext } from './context.js';

const TOO_MUCH = new ErrorReply('ERR too many subscriptions, or too long a name');
const TOO_MUCH_OF_ALL = new ErrorReply('ERR the connections of this server have too many subscriptions');
const TOO_MUCH_WORK = new ErrorReply('ERR there are too many channels to compare the pattern with');

/** The cost of each channel, besides comparing it: see work.ts. */
const CHANNEL_WORK = 100;

function subscribe(name: string, kind: SubscriptionKind): LocalCommand {
  return (names, stream, { pubSub, keys }) => {
    if (!mayName(names)) return TOO_MUCH;
    // Nobody knows of what was acknowledged before: it would be told of that.
    if (keys === undefined) return NO_LEADER;
    const { subscriptions: before } = stream.settings;
    const { subscriptions, counts } = before.with(kind, names);
    const { byteLength } = subscriptions;
    if (byteLength > MAX_SUBSCRIPTION_BYTES) return TOO_MUCH;
    if (pubSub.byteLength + byteLength - before.byteLength > MAX_TOTAL_SUBSCRIPTION_BYTES)
      return TOO_MUCH_OF_ALL;
    stream.change({ subscriptions });
    return told(name, names, counts);
  };
}

function unsubscribe(name: string, kind: SubscriptionKind): LocalCommand {
  return (names, stream) => {
    if (!mayName(names)) return TOO_MUCH;
    const { subscriptions: before } = stream.settings;
    const left = names.length === 0 ? [...before[kind]] : names;
    if (left.length === 0) return new PushReply([[name, null, before.count]]);
    const { subscriptions, counts } = before.without(kind, left);
    stream.change({ subscriptions });
    return told(name, left, counts);
  };
}

/** One message for each of the names. */
function told(name: string, names: Args, counts: readonly number[]): PushReply {
  return new PushReply(names.map((each, at) => [name, each, counts[at] ?? 0]));
}

function channels(
  [pattern = '*', ...more]: Args,
  _: RedisStream,
  { pubSub: { names } }: RedisContext,
): RespValue {
  if (more.length > 0) return new ErrorReply("ERR wrong number of arguments for 'pubsub|channels' command");
  const match = new GlobMatch(pattern);
  const work = new Work();
  work.allow(MAX_PUBSUB_WORK);
  const found: string[] = [];
  for (const channel of names.channels()) {
    match.begin(channel);
    work.units += CHANNEL_WORK;
    if (match.goOn(work) === true) found.push(channel);
    if (work.isSpent) return TOO_MUCH_WORK;
  }
  return found;
}

const SUBCOMMANDS = new Map<string, Subcommand>([
  [
    'channels',
    {
      arity: -2,
      help: [
        'CHANNELS [<pattern>]',
        'Return the channels that connections of this server are subscribed to.',
      ],
      run: channels,
    },
  ],
  [
    'numpat',
    {
      arity: 2,
      help: ['NUMPAT', 'Return how many patterns connections of this server are subscribed to.'],
      run: (_args, _stream, { pubSub: { names } }) => names.patterns.size,
    },
  ],
  [
    'numsub',
    {
      arity: -2,
      help: [
        'NUMSUB [<channel> ...]',
        'Return how many connections of this server are subscribed to each channel.',
      ],
      run: (args, _stream, { pubSub: { names } }) =>
        mayName(args)
          ? args.flatMap((channel) => [channel, names.receiversOf(channel)?.size ?? 0])
          : TOO_MUCH,
    },
  ],
]);

export const PUBSUB_COMMANDS: Readonly<Record<string, LocalCommand>> = {
  subscribe: subscribe('subscribe', 'channels'),
  unsubscribe: unsubscribe('unsubscribe', 'channels'),
  psubscribe: subscribe('psubscribe', 'patterns'),
  punsubscribe: unsubscribe('punsubscribe', 'patterns'),
  pubsub: container('pubsub', SUBCOMMANDS),
};
