/** Limits of how many connections there are, in all and of one address, and of the descriptors that they take. */

/**
 * Clients of all ports together unless an option says so, or as many as the descriptors allow that the rest of the process
 * does not need; one more is told so and closed.
 */
export const MAX_CONNECTIONS = 20_000;

/** The share of them that one address, or network of IPv6, may have, but for this machine; one more is told so and closed. */
export const MAX_SHARE_OF_ADDRESS = 0.5;

/** Connections of the admin port, of which one address may have the same share; more are closed at once. */
export const MAX_ADMIN_CONNECTIONS = 128;

/**
 * Descriptors that are kept from clients. A server has those of its thread's event loop, of its log, and of snapshots that it
 * writes, receives and sends.
 */
export const DESCRIPTORS_OF_PROCESS = 64;
export const DESCRIPTORS_OF_SERVER = 32;

/** Clients that may wait at a port until they are accepted; the operating system turns more away. */
export const ACCEPT_BACKLOG = 1024;
