/** Who may come in: tells whether a password is right, and has whoever tells a wrong one wait. */

import type { Environment } from '../environment.js';
import {
  locked,
  type RespCheckpoint,
  type StreamCheckpoint,
  type TextPlace,
} from '../protocol/checkpoint.js';
import { WRONG_PASSWORD_PAUSE_MS } from '../time-limits.js';
import type { ClientAddress } from '../wire/control.js';
import type { Password } from './password.js';

/** What of a password there is to say; `none` where there is none to tell. */
export type Verdict = 'right' | 'wrong' | 'none';

export interface Doors {
  readonly password: Password;
  /** A client has told a wrong one. */
  readonly onWrongPassword: (from: ClientAddress) => void;
}

/** Who comes in. */
interface Visitor {
  readonly isInProcess: boolean;
}

/** There is one user. */
const USER = 'default';

export class Doorkeeper {
  readonly #environment: Pick<Environment, 'startTimer'>;
  readonly #doors: Doors | undefined;

  /** @param doors what is asked for; undefined when anybody may come in */
  constructor(environment: Pick<Environment, 'startTimer'>, doors: Doors | undefined) {
    this.#environment = environment;
    this.#doors = doors;
  }

  /** Whether such a client must tell a password. One of this process could read the memory anyway. */
  asks({ isInProcess }: Visitor): boolean {
    return this.#doors !== undefined && !isInProcess;
  }

  /** Where the stream of a client begins that has just come. */
  admit(at: TextPlace | RespCheckpoint, visitor: Visitor): StreamCheckpoint {
    return this.asks(visitor) ? locked(at) : at;
  }

  /**
   * Looks at a user and a password, one character per byte. `tell` gets the verdict: at once, but for a wrong password, which
   * is told after a pause.
   */
  check(
    [user = '', password = '']: readonly string[],
    from: ClientAddress,
    tell: (verdict: Verdict) => void,
  ): void {
    const doors = this.#doors;
    if (doors === undefined) {
      tell('none');
      return;
    }
    const isRight = doors.password.matches(Buffer.from(password, 'latin1'));
    if (isRight && user === USER) {
      tell('right');
      return;
    }
    doors.onWrongPassword(from);
    this.#environment.startTimer(() => tell('wrong'), WRONG_PASSWORD_PAUSE_MS);
  }
}
