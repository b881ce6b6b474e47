/**
 * The certificate that this program shows, and what it asks of clients': the same on every port, and renewed without closing a
 * connection.
 */

import { constants, createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions, type Server } from 'node:tls';

/** In PEM. */
export interface TlsMaterial {
  /** The certificate, with those that it was signed by after it. */
  readonly cert: string;
  readonly key: string;
  /** The certificates by which clients' must be signed; without it, clients need none. */
  readonly ca?: string | undefined;
}

/** A certificate cannot be used. The message is one line, and shows nothing of the key. */
export class CertificateError extends Error {
  readonly code = 'BAD_CERTIFICATE';

  constructor(reason: string) {
    super(reason);
    this.name = 'CertificateError';
  }
}

export interface ServerRules {
  /** Clients are not to resume what was agreed on before, so that each shows its certificate. */
  readonly resumes: boolean;
}

export class TlsIdentity {
  #material: TlsMaterial;
  readonly #servers = new Map<Server, ServerRules>();

  /** Throws {@link CertificateError}. */
  constructor(material: TlsMaterial) {
    check(material);
    this.#material = material;
  }

  /** Whether clients must show a certificate. */
  get asksClients(): boolean {
    return this.#material.ca !== undefined;
  }

  /** Until when the certificate is good, in ms since 1970. */
  get expiresAtMs(): number {
    return Date.parse(new X509Certificate(this.#material.cert).validTo);
  }

  /** What a server is made with. */
  contextOptions({ resumes }: ServerRules): SecureContextOptions {
    return contextOptions(this.#material, resumes);
  }

  /** Has the server show the certificates to come, too, until it is closed. */
  keepUpToDate(server: Server, rules: ServerRules): void {
    this.#servers.set(server, rules);
    server.once('close', () => this.#servers.delete(server));
  }

  /**
   * Shows another certificate from now on. Connections stay; whoever comes anew must have what this one asks for.
   * Throws {@link CertificateError}; then nothing changes.
   */
  renew(material: TlsMaterial): void {
    if ((material.ca === undefined) === this.asksClients)
      throw new CertificateError('whether clients must show a certificate is decided at the start');
    check(material);
    this.#material = material;
    // What is not passed again would be as if it had never been.
    for (const [server, { resumes }] of this.#servers)
      server.setSecureContext(contextOptions(material, resumes));
  }
}

function contextOptions({ cert, key, ca }: TlsMaterial, resumes: boolean): SecureContextOptions {
  return {
    cert,
    key,
    ...(ca === undefined ? {} : { ca }),
    minVersion: 'TLSv1.2',
    sessionIdContext: 'threadraft',
    // Each handshake costs this side a signature, and TLS 1.2 lets a client ask for another on the same connection.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | (resumes ? 0 : constants.SSL_OP_NO_TICKET),
  };
}

/** A certificate in PEM. */
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/**
 * Throws {@link CertificateError} unless the key fits the certificate, and all can be read. Node would pass over what is no
 * certificate, and take those of well-known CAs in place of none: then their customers could come in.
 */
function check(material: TlsMaterial): void {
  const { cert, key, ca } = material;
  const authorities = ca?.match(CERTIFICATE) ?? [];
  if (ca !== undefined && authorities.length === 0)
    throw new CertificateError('the file of the CA has no certificate in it');
  for (const authority of authorities)
    readable('the certificates of the CA', () => new X509Certificate(authority));
  const certificate = readable('the certificate', () => new X509Certificate(cert));
  const privateKey = readable('the key', () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey))
    throw new CertificateError('the key does not fit the certificate');
  readable('the certificates of the CA', () => createSecureContext(contextOptions(material, true)));
}

function readable<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CertificateError(`${what} cannot be read: ${reason}`);
  }
}
