/** The errors that a call of a client may end in. Their codes are stable, their messages are one line. */

/** What all of them are. */
export abstract class KvError extends Error {
  abstract readonly code: string;
}

/** No answer within the time limit, and the call has changed nothing. */
export class TimeoutError extends KvError {
  readonly code = 'ERR_TIMEOUT';

  constructor(what: string, timeoutMs: number, trouble?: Error) {
    super(`${what} was not answered within ${timeoutMs} ms${because(trouble)}`, { cause: trouble });
    this.name = 'TimeoutError';
  }
}

/** The write may or may not have happened, and may still happen: read before you repeat it. */
export class UnknownOutcomeError extends KvError {
  readonly code = 'ERR_UNKNOWN_OUTCOME';

  constructor(what: string, reason: string, cause?: unknown) {
    super(`${what} may or may not have happened: ${reason}`, { cause });
    this.name = 'UnknownOutcomeError';
  }
}

/** The key has another version or revision than the call named. */
export class VersionMismatchError extends KvError {
  readonly code = 'ERR_VERSION';

  constructor(key: string) {
    super(`${JSON.stringify(key)} has another version: read it again`);
    this.name = 'VersionMismatchError';
  }
}

/** There is no such key. */
export class NotFoundError extends KvError {
  readonly code = 'ERR_NOT_FOUND';

  constructor(key: string) {
    super(`there is no ${JSON.stringify(key)}`);
    this.name = 'NotFoundError';
  }
}

/** The key holds another type than a string, such as a list of Redis. */
export class WrongTypeError extends KvError {
  readonly code = 'ERR_TYPE';

  constructor(key: string) {
    super(`${JSON.stringify(key)} holds another type than a string`);
    this.name = 'WrongTypeError';
  }
}

/** The password is wrong, or one is needed. */
export class AuthError extends KvError {
  readonly code = 'ERR_AUTH';

  constructor(hasPassword: boolean) {
    super(hasPassword ? 'the password is wrong' : 'the server asks for a password: give the client one');
    this.name = 'AuthError';
  }
}

/** The client is closed. The call has changed nothing. */
export class ClosedError extends KvError {
  readonly code = 'ERR_CLOSED';

  constructor() {
    super('the client is closed');
    this.name = 'ClosedError';
  }
}

/** A lock or a leadership is not held any more: the reason of its signal. */
export class LockLostError extends KvError {
  readonly code = 'ERR_LOCK_LOST';

  constructor(key: string, reason: string) {
    super(`${JSON.stringify(key)} is lost: ${reason}`);
    this.name = 'LockLostError';
  }
}

/** The call was aborted by its signal, whose reason is the `cause`. A write may have happened all the same. */
export class AbortedError extends KvError {
  readonly code = 'ABORT_ERR';

  constructor(what: string, reason: unknown) {
    super(`${what} was aborted`, { cause: reason });
    this.name = 'AbortError';
  }
}

/** Too many calls wait already. This one has changed nothing. */
export class OverloadedError extends KvError {
  readonly code = 'ERR_OVERLOADED';

  constructor(reason: string) {
    super(`${reason}: wait for some of them`);
    this.name = 'OverloadedError';
  }
}

/** The server does not take the command, such as a value over its limit. The call has changed nothing. */
export class RefusedError extends KvError {
  readonly code = 'ERR_REFUSED';

  constructor(what: string, reason: string) {
    super(`the server refuses ${what}: ${reason}`);
    this.name = 'RefusedError';
  }
}

/** An argument or an option makes no sense. Nothing was sent. */
export class ArgumentError extends KvError {
  readonly code = 'ERR_ARGUMENT';

  constructor(message: string) {
    super(message);
    this.name = 'ArgumentError';
  }
}

function because(trouble: Error | undefined): string {
  return trouble === undefined ? '' : ` (${trouble.message})`;
}
