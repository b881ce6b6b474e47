/** A password that clients must tell. It is kept as a hash, so no log, message or dump of it can show it. */

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

export class Password {
  #hash: Buffer;
  /** With it and the hash, {@link sign} signs. */
  readonly #salt: Uint8Array;

  /**
   * @param password its bytes
   * @param salt drawn at random for each start
   */
  constructor(password: Uint8Array, salt: Uint8Array) {
    this.#hash = hashOf(password);
    this.#salt = salt;
  }

  /** From now on clients must tell this one. Those that have told the last one stay. */
  change(password: Uint8Array): void {
    this.#hash = hashOf(password);
  }

  /** What proves that the text comes from here; not any more once the password is changed. */
  sign(text: string): string {
    const key = Buffer.concat([this.#hash, this.#salt]);
    return createHmac('sha256', key).update(text).digest('base64url');
  }

  hasSigned(text: string, signature: string): boolean {
    return timingSafeEqual(hashOf(Buffer.from(this.sign(text))), hashOf(Buffer.from(signature)));
  }

  /** Whether that is the password. Takes the same time however much of it is right. */
  matches(given: Uint8Array): boolean {
    return timingSafeEqual(hashOf(given), this.#hash);
  }
}

function hashOf(password: Uint8Array): Buffer {
  return createHash('sha256').update(password).digest();
}
