/** What a server is made of. */

import type { PortChannel } from '../channel/port-channel.js';
import type { Environment } from '../environment.js';
import type { LogTime } from '../log-time.js';
import type { RaftOptions } from '../raft/raft-options.js';
import type { SlotId } from '../raft/types.js';
import type { KeyValueStore } from '../state-machine/key-value-store.js';
import type { Storage } from '../storage/storage.js';
import type { ClientAddress, ServerEvent } from '../wire/control.js';

export interface ServerOptions {
  readonly environment: Environment;
  readonly logTime: LogTime;
  readonly raft: RaftOptions;
  readonly storage: Storage;
  /** What the storage's newest snapshot holds. */
  readonly store: KeyValueStore;
  /** Bytes of the log that make a snapshot due. */
  readonly snapshotLogBytes: number;
  /** Client traffic, see wire/client-frames.ts. */
  readonly traffic: PortChannel<Uint8Array>;
  /** Where the clients of each slot connect. */
  readonly addresses: ReadonlyMap<SlotId, ClientAddress>;
  /** What the ids of all sessions contain that the cluster opens: no other cluster has it. */
  readonly sessionName: string;
  readonly onEvent: (event: ServerEvent) => void;
  /** The disk failed or an invariant broke: the server has stopped and will do nothing more. */
  readonly onFailure: (error: unknown) => void;
}
