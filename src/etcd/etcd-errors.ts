/** What can go wrong between a server and etcd. What matters most is whether something may have been written. */

import { MAX_ATTEMPTS } from '../etcd-limits.js';

/** No endpoint could be reached: nothing was sent, so nothing was done. */
export class EtcdUnreachableError extends Error {
  readonly code = 'ETCD_UNREACHABLE';

  constructor(reason: string) {
    super(`etcd cannot be reached: ${reason}`);
    this.name = 'EtcdUnreachableError';
  }
}

/** The request was sent, and there is no answer that tells its outcome: it may or may not have been done. */
export class EtcdNoAnswerError extends Error {
  readonly code = 'ETCD_NO_ANSWER';

  constructor(reason: string) {
    super(`etcd has not answered: ${reason}`);
    this.name = 'EtcdNoAnswerError';
  }
}

/** etcd has refused the request: nothing was done. */
export class EtcdRefusalError extends Error {
  readonly code = 'ETCD_REFUSED';
  /** The number of the error among those of gRPC. */
  readonly status: number;

  constructor(status: number, reason: string) {
    super(reason);
    this.name = 'EtcdRefusalError';
    this.status = status;
  }

  /** Its space is used up, as the alarm NOSPACE says: it takes no writes until an operator has made room. */
  get isNoSpace(): boolean {
    return this.message.includes('database space exceeded');
  }

  /** A lease that was to be attached is over. */
  get isLeaseGone(): boolean {
    return this.message.includes('requested lease not found');
  }
}

/** The answer of a read is longer than was allowed. */
export class EtcdLongAnswerError extends Error {
  readonly code = 'ETCD_LONG_ANSWER';

  constructor(maxBytes: number) {
    super(`etcd's answer is over ${maxBytes} bytes`);
    this.name = 'EtcdLongAnswerError';
  }
}

/** Others have changed the keys each time before what was made of them could be written. Nothing was done. */
export class ContendedError extends Error {
  readonly code = 'ETCD_CONTENDED';

  constructor() {
    super(`the keys have changed ${MAX_ATTEMPTS} times before they could be written: try again`);
    this.name = 'ContendedError';
  }
}
