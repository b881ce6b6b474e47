/** Where a server is between its start and its end, and what is known of it there. */

import type { Term } from '../raft/types.js';
import type { MemberThread, ServerReport } from './server-thread.js';

export type RoleEvent = Extract<ServerReport, { type: 'role' }>;

/** Where a server keeps its data; or why that is lost, so that the server cannot run. */
export type Place = { readonly path: string } | { readonly lost: unknown };

interface Up {
  readonly is: 'up';
  readonly thread: MemberThread;
  readonly sinceMs: number;
  readonly role: RoleEvent | undefined;
  /** The last term in which it served clients as the leader. */
  readonly servingTerm: Term | undefined;
}

export type MemberState =
  /** Stays down until somebody starts it: it was killed or stopped, or cannot run. */
  | { readonly is: 'down' }
  /** Its thread runs and does not take calls yet. */
  | { readonly is: 'starting'; readonly thread: MemberThread }
  | Up
  /** Its thread was told to end and has not ended yet. What it still reports is ignored. */
  | { readonly is: 'ending' }
  /** Its thread died by itself. The timer starts it again. */
  | { readonly is: 'pausing'; readonly timer: NodeJS.Timeout };
