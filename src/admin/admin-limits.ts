/** What the HTTP API takes: of one request, of one client, and at a time, and what happens beyond. */

const KIB = 1024;

/** Bytes of a request's body; a longer one is answered 413, its rest is not read, and the connection is closed. */
export const MAX_BODY_BYTES = 64 * KIB;

/**
 * Bytes of a request's target and headers; more are answered 431, and the connection is closed. It is the same whatever
 * --max-http-header-size Node is started with.
 */
export const MAX_HEADER_BYTES = 16 * KIB;

/** Bytes of one connection that are parsed in a turn of the event loop: a request or two of a browser, dozens of the shortest. */
export const MAX_PARSED_BYTES = KIB;

/**
 * Bytes of a long body that are read and thrown away after the answer, so that who sends it all first can read that; the rest is
 * not read.
 */
export const MAX_DISCARDED_BYTES = 8 * KIB * KIB;

/**
 * How long a connection that ends with its answer stays, in ms, without being parsed: who is sent away can read why, and a
 * hostile one does not come again at once, which would cost more than to leave it alone.
 */
export const FAREWELL_MS = 1_000;

/**
 * How long a client may take, in ms. One that is slower is answered 408 if it has begun a request, and its connection is closed.
 */
export const ADMIN_TIMEOUTS = {
  /** For the headers of a request; for the first one, counted from the connection on. */
  headersTimeout: 10_000,
  /** For the whole request. */
  requestTimeout: 30_000,
  /** For a time in which the client reads nothing of an answer. */
  answerTimeout: 30_000,
  /** How often the first two are checked. */
  connectionsCheckingInterval: 1_000,
};

/**
 * Calls of a kind (see admission.ts) that are answered at a time; more wait, one of each connection, and one address has half of
 * the places at most.
 */
export const MAX_ADMIN_CALLS = 4;

/**
 * Backups that are sent at a time, half of them to one address; more are refused with 503. A client that takes nothing for this
 * long is cut off.
 */
export const MAX_BACKUPS = 2;
export const BACKUP_TIMEOUT_MS = 30_000;

/** Pages that watch the cluster live, half of them at one address; more are refused with 503. */
export const MAX_LIVE_READERS = 32;

/** Requests a second that can be asked for as load; more are 400. What is reached is less: the thread limits how many wait. */
export const MAX_LOAD_PER_S = 1_000_000;

/** How long a server can be asked to stand still, in ms; longer is 400. */
export const MAX_SERVER_PAUSE_MS = 60_000;

/** How long a browser stays logged in, in seconds; then it is answered 401, and the dashboard asks for the password. */
export const LOGIN_S = 12 * 3600;

/** Events that the live feed remembers; the oldest goes when another comes. */
export const MAX_LIVE_EVENTS = 256;
