/** What went wrong with a request, as a status code and one line. */
export class HttpError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'HttpError';
    this.status = status;
  }

  /** The fitting status for any error that a call can end with. */
  static of(error: unknown): HttpError {
    if (error instanceof HttpError) return error;
    const message = error instanceof Error ? error.message : String(error);
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    return new HttpError(STATUS_BY_CODE.get(code) ?? 500, message);
  }
}

const STATUS_BY_CODE = new Map([
  ['BAD_FAULT', 400],
  ['UNKNOWN_SERVER', 404],
  ['WRONG_STATE', 409],
  ['SERVER_GONE', 409],
  ['TIMEOUT', 503],
  ['NOT_RUNNING', 503],
]);
