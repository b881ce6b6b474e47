/** A command that waits for etcd, and what it asks of it. */

import type { Ordered } from '../../etcd/command-order.js';
import { type Reach, reachOf } from '../../etcd/reach.js';
import { isWrite } from '../../protocol/request.js';
import type { ClientConnection, PendingCommand } from '../clients/client-connection.js';
import { tellsOfKeys } from '../clients/replica-reads.js';
import type { AsideReach } from './aside-commands.js';

/** What a command asks of etcd; or that another server may have executed it, so that its outcome is unknown. */
export type Asked = Reach | { readonly type: 'repeated' };

const NO_NAMES: readonly string[] = [];

export class WaitingCommand implements Ordered {
  readonly command: PendingCommand;
  readonly reach: Asked;
  /** Its keys, and its session. */
  readonly names: readonly string[];
  /** Of keys and values that it brings. */
  readonly byteLength: number;

  constructor(command: PendingCommand, reach: Asked) {
    const { request } = command;
    this.command = command;
    this.reach = reach;
    const keys = reach.type === 'keys' ? reach.keys : NO_NAMES;
    this.names = request.type === 'once' ? [...keys, request.id] : keys;
    this.byteLength =
      reach.type === 'keys' ? keys.reduce((sum, key) => sum + key.length, reach.byteLength) : 0;
  }

  get client(): ClientConnection {
    return this.command.client;
  }

  /** It removes all keys. */
  get isAlone(): boolean {
    return this.reach.type === 'clear';
  }
}

/**
 * What may have been executed by another server is not executed again, but for what is executed once all the same, and a last
 * command that only reads.
 */
export function askedBy({ client, request, endOffset }: PendingCommand): Asked {
  const isInfo = request.type === 'redis-local' && request.name === 'info' && tellsOfKeys(request);
  const reach: Reach = isInfo ? { type: 'count' } : reachOf(request);
  const repeatedBytes = client.dedupeKey?.repeatedBytes ?? 0;
  const mayRepeat = isAside(reach) || request.type === 'once';
  if (endOffset > repeatedBytes || mayRepeat || reach.type === 'none' || reach.type === 'refused')
    return reach;
  return !isWrite(request) && endOffset === repeatedBytes ? reach : { type: 'repeated' };
}

export function isAside(reach: Asked): reach is AsideReach {
  return reach.type === 'key-order' || reach.type === 'session' || reach.type === 'changes';
}
