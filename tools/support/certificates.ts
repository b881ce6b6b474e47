/** Certificates for tests and tools: a CA, and what it has signed. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { generate } from 'selfsigned';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

const KIND = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;

/** A CA, whose certificate is trusted as it is. */
export async function newAuthority(): Promise<Certificate> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'test CA' }], {
    ...KIND,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, digitalSignature: true, critical: true },
    ],
  });
  return { cert, key };
}

/** For this machine's own address, for servers and clients alike. */
export async function signedBy(ca: Certificate, { days = 365 } = {}): Promise<Certificate> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }], {
    ...KIND,
    ca,
    notAfterDate: new Date(Date.now() + days * 24 * 3600 * 1000),
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true },
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  });
  return { cert, key };
}

/** A certificate in files, and the CA that has signed it. */
export interface CertificateFiles {
  readonly flags: readonly string[];
  /** In PEM. */
  readonly ca: string;
  /** That of the program, which a client may show as well. */
  readonly identity: Certificate;
  /** Puts another certificate of the same CA into the files. */
  renew(): Promise<void>;
  remove(): Promise<void>;
}

/**
 * For the command line of a program that is to speak TLS.
 *
 * @param asksClients whether clients must show a certificate of the same CA
 */
export async function newCertificateFiles({ asksClients = false } = {}): Promise<CertificateFiles> {
  const authority = await newAuthority();
  const identity = await signedBy(authority);
  const directory = await mkdtemp(join(tmpdir(), 'threadraft-certificate-'));
  const [certFile, keyFile] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  const caFile = join(directory, 'ca.pem');
  const write = async ({ cert, key }: Certificate) => {
    await writeFile(certFile, cert);
    await writeFile(keyFile, key);
  };
  await write(identity);
  await writeFile(caFile, authority.cert);
  return {
    flags: ['--tls-cert', certFile, '--tls-key', keyFile, ...(asksClients ? ['--tls-ca', caFile] : [])],
    ca: authority.cert,
    identity,
    renew: async () => write(await signedBy(authority)),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}
