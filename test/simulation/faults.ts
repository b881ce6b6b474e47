/** Everything that can be done to a cluster while it runs. */

export const FAULTS = [
  /** A server's thread is terminated, by the operator's way or by itself, and started again later. */
  'kill',
  'crash',
  /** A server that was hardly gone, and that not all reach again. */
  'blip',
  'stop',
  /** More than half of the servers at the same time. */
  'crash a majority',
  /** The whole process ends, and what the operating system had is kept; or the machine, and what was not synced is lost. */
  'process end',
  'power loss',
  /** Directions of links carry nothing until they heal. */
  'cut some',
  'cut one way',
  'cut a pair',
  'partition',
  /** The leader loses the others one after another, and some of them were restarting when it did. */
  'fade',
  /** A server does not hear the leader, and others restart meanwhile and do not hear it either. */
  'deaf',
  /** A follower misses so much that it is sent a snapshot, and another one before it has read that. */
  'lag',
  /** A leader has entries that nobody gets, while the others go on, so far that they have only a snapshot for it. */
  'strand',
  'heal',
  /** The product's own link faults: loss, and delay that reorders. */
  'disturb link',
  /** A thread's event loop stands still: a server's, or the main thread's with the gateway. */
  'stall',
  'stall gateway',
  'transfer',
  /** The wall clock is set, forward or back. */
  'set clock',
  'slow disk',
  'stalled disk',
  'disk errors',
  'full disk',
  'no descriptors',
  /** Not faults, but calls that come now and then. */
  'backup',
  'measure',
] as const;

export type Fault = (typeof FAULTS)[number];

/**
 * When a server is harmed more often than by chance: what a leader has just become or done is known to nobody else yet, and
 * what any other has just said may rely on a disk that has it, or not.
 */
export type Moment =
  | 'elected'
  | 'committed'
  | 'offered leadership'
  | 'campaigning'
  | 'voted'
  | 'acknowledged'
  | 'received a chunk'
  /** It has appended a configuration. */
  | 'changing members'
  /** A write of the log is under way that may be torn; or a file or a directory is being changed. */
  | 'writing'
  | 'changing files';

/** What happens to it then, before what it has just done leaves it or after. */
export type Strike =
  | 'crash at once'
  | 'crash afterwards'
  | 'isolate at once'
  | 'isolate afterwards'
  | 'stall afterwards'
  /** The process ends, or the machine, and with it all servers. */
  | 'process end'
  | 'power loss';

/** A leader that has offered its leadership is no longer needed: it is of interest what it still does. */
export const STRIKES: Readonly<Record<Moment, readonly Strike[]>> = {
  elected: ['crash afterwards', 'isolate at once', 'isolate at once', 'isolate afterwards', 'power loss'],
  committed: ['crash at once', 'isolate at once', 'isolate at once', 'crash afterwards'],
  'offered leadership': ['isolate afterwards', 'stall afterwards', 'stall afterwards'],
  campaigning: ['crash afterwards', 'isolate afterwards', 'power loss'],
  voted: ['crash afterwards', 'crash afterwards', 'power loss'],
  acknowledged: ['crash afterwards', 'crash afterwards', 'power loss'],
  'received a chunk': ['crash afterwards', 'power loss'],
  'changing members': [
    'crash at once',
    'crash afterwards',
    'isolate at once',
    'isolate afterwards',
    'process end',
    'power loss',
  ],
  writing: ['crash afterwards', 'power loss'],
  'changing files': ['crash afterwards', 'crash afterwards', 'power loss'],
};
