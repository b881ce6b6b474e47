/** Reads password and certificates again while the program runs: when SIGHUP comes, and certificates when their files change. */

import type { Logger } from 'pino';
import type { Cluster } from '../cluster/cluster.js';
import { messageOf } from '../error-message.js';
import { readPassword } from './password-option.js';
import { givenTls, readTextAgain, type TlsArguments } from './tls-options.js';

/**
 * Files are looked at this often. Watching them would miss a link that is set to another directory, and would see files that
 * are half written: a key that does not fit is tried again when the files have changed.
 */
const LOOK_MS = 10_000;

/** From this long before its end on, a certificate is a line in the log each day. */
const EXPIRES_SOON_MS = 14 * 24 * 3600 * 1000;
const DAY_MS = 24 * 3600 * 1000;

export interface SecretFiles extends TlsArguments {
  readonly passwordFile: string | undefined;
}

/** Whether there is anything to read again. */
export function canReload({ passwordFile, tlsCert }: SecretFiles): boolean {
  return passwordFile !== undefined || tlsCert !== undefined;
}

/** What cannot be used leaves what was there, and is told in the log. */
export function reloadSecrets(cluster: Cluster, files: SecretFiles, logger: Logger): void {
  const certificates = new Certificates(cluster, files, logger);
  process.on('SIGHUP', () => {
    const { passwordFile } = files;
    if (passwordFile !== undefined)
      attempt(logger, 'the password was not read again: the last one stays', () =>
        cluster.security.access?.change(readPassword(passwordFile, readTextAgain)),
      );
    certificates.look({ isAsked: true });
  });
  certificates.tellOfEnd();
  setInterval(() => certificates.look({ isAsked: false }), LOOK_MS).unref();
}

class Certificates {
  readonly #cluster: Cluster;
  readonly #files: SecretFiles;
  readonly #logger: Logger;
  /** What was tried last. */
  #tried: string;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(cluster: Cluster, files: SecretFiles, logger: Logger) {
    this.#cluster = cluster;
    this.#files = files;
    this.#logger = logger;
    this.#tried = this.#read() ?? '';
  }

  look({ isAsked }: { readonly isAsked: boolean }): void {
    const { tls } = this.#cluster.security;
    if (tls === undefined) return;
    const found = this.#read();
    if (found !== undefined && (isAsked || found !== this.#tried)) {
      this.#tried = found;
      attempt(this.#logger, 'the certificate was not read again: the last one stays', () => {
        const material = givenTls(this.#files, readTextAgain);
        if (material !== null) tls.renew(material);
        this.#logger.info(
          { expires: new Date(tls.expiresAtMs).toISOString() },
          'the certificate was read again',
        );
        this.#toldAtMs = Number.NEGATIVE_INFINITY;
      });
    }
    this.tellOfEnd();
  }

  tellOfEnd(): void {
    const { tls } = this.#cluster.security;
    const nowMs = Date.now();
    if (tls === undefined || tls.expiresAtMs > nowMs + EXPIRES_SOON_MS || nowMs < this.#toldAtMs + DAY_MS)
      return;
    this.#toldAtMs = nowMs;
    this.#logger.warn(
      { expires: new Date(tls.expiresAtMs).toISOString() },
      tls.expiresAtMs <= nowMs ? 'the certificate has expired' : 'the certificate is about to expire',
    );
  }

  /** All that the files hold; undefined while one cannot be read. */
  #read(): string | undefined {
    try {
      return JSON.stringify(givenTls(this.#files, readTextAgain));
    } catch {
      return undefined;
    }
  }
}

function attempt(logger: Logger, failure: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    logger.error({ reason: messageOf(error) }, failure);
  }
}
