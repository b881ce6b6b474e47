/** What clients of a cluster must tell before they are served, and what the log says of those who tell a wrong one. */

import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { Doors } from '../gateway/doorkeeper.js';
import { CertificateError, TlsIdentity } from '../gateway/node/tls-identity.js';
import { Password } from '../gateway/password.js';
import { MAX_TOLD_WRONG_PASSWORDS_PER_S } from '../time-limits.js';
import type { ClientAddress } from '../wire/control.js';
import { type ClusterOptions, checkPassword, OptionError } from './cluster-options.js';

const SALT_BYTES = 32;

/** What of a cluster's options nobody is shown. */
export interface Security {
  /** What clients must tell; undefined for nothing. */
  readonly access: ClusterAccess | undefined;
  /** What all ports show; undefined for plain text. */
  readonly tls: TlsIdentity | undefined;
}

/** Throws OptionError. */
export function securityOf(
  { password, tls }: Pick<ClusterOptions, 'password' | 'tls'>,
  logger: Logger,
): Security {
  try {
    return {
      access: password === null ? undefined : new ClusterAccess(password, logger),
      tls: tls === null ? undefined : new TlsIdentity(tls),
    };
  } catch (error) {
    throw error instanceof CertificateError ? new OptionError('tls', error.message) : error;
  }
}

export class ClusterAccess implements Doors {
  readonly password: Password;
  readonly #logger: Logger;
  /** Wrong passwords since the count began, in ms of the monotonic clock; beyond the limit they are counted, not told. */
  #countedSinceMs = Number.NEGATIVE_INFINITY;
  #count = 0;

  /** Throws OptionError. */
  constructor(password: string, logger: Logger) {
    checkPassword(password);
    this.password = new Password(Buffer.from(password), randomBytes(SALT_BYTES));
    this.#logger = logger;
  }

  /** From now on clients must tell this one; those that are connected stay. Throws OptionError. */
  change(password: string): void {
    checkPassword(password);
    this.password.change(Buffer.from(password));
    this.#logger.info('the password was changed');
  }

  /** One line of the log, of a limited number in a second. */
  onWrongPassword({ host }: Pick<ClientAddress, 'host'>): void {
    const nowMs = performance.now();
    if (nowMs >= this.#countedSinceMs + 1000) {
      const untold = this.#count - MAX_TOLD_WRONG_PASSWORDS_PER_S;
      if (untold > 0) this.#logger.warn({ count: untold }, 'more wrong passwords were told');
      this.#countedSinceMs = nowMs;
      this.#count = 0;
    }
    this.#count += 1;
    if (this.#count <= MAX_TOLD_WRONG_PASSWORDS_PER_S)
      this.#logger.warn({ from: host }, 'a wrong password was told');
  }
}
