/** Of the command line, beyond what the library has. */

/** Where the admin API listens. */
export const DEFAULT_HTTP_PORT = 9180;

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
