/** Defaults of the command line that the library does not have. */

/** Where the admin API listens. */
export const DEFAULT_HTTP_PORT = 9180;

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
