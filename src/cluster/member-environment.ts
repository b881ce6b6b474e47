/** The parts of a cluster that one of its servers uses. */

import type { Logger } from 'pino';
import type { ServerId } from '../raft/types.js';
import type { EventLog } from './event-log.js';
import type { Place } from './member-state.js';
import type { MemberThread } from './server-thread.js';
import type { ClientPort } from './slot-ports.js';

export interface MemberEnvironment {
  /** What the servers know it by: no other server ever had it or will. */
  readonly identity: ServerId;
  readonly logger: Logger;
  readonly eventLog: EventLog;
  readonly port: ClientPort;
  /** Where the server's data is. */
  readonly place: Place;
  /** Looks once more for data that was lost. */
  readonly locate: () => Promise<Place>;
  /** Whether the cluster ends: no thread is started any more. */
  readonly isClosing: () => boolean;
  /** Starts a thread for this server, which has been started `lives` times before. */
  readonly newThread: (dataDir: string, lives: number) => MemberThread;
  /** Called when the server takes calls and clients. */
  readonly onUp: () => void;
  /** Called before its clients are cut off and its thread is terminated. */
  readonly onCutOff: () => void;
  /** Called after every change. */
  readonly onChange: () => void;
}
