/** What clients of a cluster must tell before they are served, and what the log says of those who tell a wrong one. */

import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { Doors } from '../gateway/doorkeeper.js';
import { Password } from '../gateway/password.js';
import { MAX_TOLD_WRONG_PASSWORDS_PER_S } from '../limits.js';
import type { ClientAddress } from '../wire/control.js';
import { checkPassword } from './cluster-options.js';

const OWN_PASSWORD_BYTES = 32;

export class ClusterAccess implements Doors {
  readonly password: Password;
  /**
   * What the program's own clients tell, drawn anew at each start.
   * @internal
   */
  readonly ownPassword = randomBytes(OWN_PASSWORD_BYTES).toString('base64url');
  readonly #logger: Logger;
  /** Wrong passwords since the count began, in ms of the monotonic clock; beyond the limit they are counted, not told. */
  #countedSinceMs = Number.NEGATIVE_INFINITY;
  #count = 0;

  /** Throws OptionError. */
  constructor(password: string, logger: Logger) {
    checkPassword(password);
    this.password = new Password(Buffer.from(password), Buffer.from(this.ownPassword));
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
