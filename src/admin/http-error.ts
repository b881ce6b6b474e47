/** What goes wrong with a request: a status code and one line, sent as `{ "error": "..." }`. */

export type HttpErrorStatus = 400 | 401 | 403 | 404 | 405 | 409 | 413 | 500 | 503;

export class HttpError extends Error {
  readonly status: HttpErrorStatus;

  constructor(status: HttpErrorStatus, message: string) {
    super(message);
    this.name = 'HttpError';
    this.status = status;
  }

  /** The status that fits an error of a call: 500 for an error that was not foreseen. */
  static of(error: unknown): HttpError {
    if (error instanceof HttpError) return error;
    const message = error instanceof Error ? error.message : String(error);
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    return new HttpError(STATUS_BY_CODE.get(code) ?? 500, message);
  }
}

const STATUS_BY_CODE = new Map<string, HttpErrorStatus>([
  ['BAD_FAULT', 400],
  ['UNKNOWN_SERVER', 404],
  ['WRONG_STATE', 409],
  ['SERVER_GONE', 409],
  ['CANNOT_LISTEN', 409],
  ['DATA_DIRECTORY_REFUSED', 409],
  ['MEMBERS_GIVEN_UP', 503],
  ['TIMEOUT', 503],
  ['NOT_RUNNING', 503],
]);

/** The headers of every answer in JSON. */
export const JSON_HEADERS: Readonly<Record<string, string>> = {
  'Content-Type': 'application/json; charset=utf-8',
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
};

/** One line. */
export function jsonText(body: unknown): string {
  return `${JSON.stringify(body)}\n`;
}
