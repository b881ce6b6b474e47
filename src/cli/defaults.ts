/** Of the command line, beyond what the library has. */

/** Where the admin API listens. */
export const DEFAULT_HTTP_PORT = 9180;
