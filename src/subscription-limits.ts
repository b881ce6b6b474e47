/** Limits of SUBSCRIBE and PSUBSCRIBE (docs/redis.md), and what happens when they are reached. */

const KIB = 1024;
const MIB = KIB * KIB;

/** Length of a channel's name or of a pattern in bytes; a longer one is refused. */
export const MAX_SUBSCRIBED_NAME_BYTES = KIB;

/**
 * Bytes of the channels and patterns that one connection is subscribed to, with what each counts besides its own; what goes
 * beyond is refused. They are part of the connection's checkpoint (protocol/checkpoint.ts).
 */
export const MAX_SUBSCRIPTION_BYTES = 64 * KIB;
export const SUBSCRIPTION_OVERHEAD_BYTES = 32;

/**
 * Bytes of those of all connections of a server; what goes beyond is refused, but not to a connection that comes from another
 * server.
 */
export const MAX_TOTAL_SUBSCRIPTION_BYTES = 16 * MIB;

/** Bytes that all subscribers together are told in a turn, or what else of work counts as such; the rest in the next ones. */
export const SUBSCRIBER_BYTES_PER_TURN = MIB;

/**
 * A subscriber that does not read is told no more; after that many ms its connection is closed, or when what it missed is not
 * kept any more.
 */
export const MAX_STALLED_SUBSCRIBER_MS = 60_000;

/** A server that knows of no leader for that many ms closes its subscribers' connections. */
export const LEADERLESS_SUBSCRIBER_MS = 5_000;

/** The router is told how far a subscriber was told after that many changes that it was not told of. */
export const SUBSCRIBER_TOLD_CHANGES = 10_000;

/** How often a server looks for those that the limits above are about, in ms. */
export const SUBSCRIBER_LOOK_MS = 500;

/** Closed subscribers make a line in the log that often at most, in ms. */
export const CLOSED_SUBSCRIBERS_REPORT_MS = 10_000;

/** Units of work (see state-machine/work.ts) of one PUBSUB CHANNELS: about 10 ms; a longer one is refused. */
export const MAX_PUBSUB_WORK = 10_000_000;
