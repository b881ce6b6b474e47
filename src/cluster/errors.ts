import type { ServerId } from '../raft/types.js';

/** A call to a server whose thread has ended meanwhile. */
export class ServerGoneError extends Error {
  readonly code = 'SERVER_GONE';

  constructor(id: ServerId) {
    super(`server ${id} is not running`);
    this.name = 'ServerGoneError';
  }
}

/** There is no server of that number. */
export class UnknownServerError extends Error {
  readonly code = 'UNKNOWN_SERVER';

  constructor(id: unknown) {
    super(`there is no server ${String(id)}`);
    this.name = 'UnknownServerError';
  }
}

/** The cluster, or the server, is in no state in which that can be done. */
export class WrongStateError extends Error {
  readonly code = 'WRONG_STATE';

  constructor(reason: string) {
    super(reason);
    this.name = 'WrongStateError';
  }
}

/** A fault that was asked for makes no sense. */
export class FaultError extends Error {
  readonly code = 'BAD_FAULT';

  constructor(reason: string) {
    super(reason);
    this.name = 'FaultError';
  }
}

/** A server cannot run: its disk refuses. The message is one line that tells what the user can do. */
export class StartError extends Error {
  readonly code: string;

  constructor({ code, message }: { readonly code: string; readonly message: string }) {
    super(message);
    this.name = 'StartError';
    this.code = code;
  }
}
