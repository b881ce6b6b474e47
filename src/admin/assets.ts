/**
 * The dashboard's files. They are few and small, so they are read once and served from memory, compressed for browsers that
 * accept it.
 */

import { readdirSync, readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { extname } from 'node:path';
import { gzipSync } from 'node:zlib';

const CONTENT_TYPES = new Map([
  ['.html', 'text/html; charset=utf-8'],
  ['.js', 'text/javascript; charset=utf-8'],
  ['.css', 'text/css; charset=utf-8'],
  ['.svg', 'image/svg+xml'],
]);

/** Only what comes from here is run, shown or called, and no other page may frame it. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const FOREVER = 'public, max-age=31536000, immutable';

interface Asset {
  readonly contentType: string;
  readonly bytes: Buffer<ArrayBuffer>;
  readonly gzipped: Buffer<ArrayBuffer>;
  /** Whether the file's name changes with its content. */
  readonly isHashed: boolean;
}

export interface AssetReply {
  readonly headers: Record<string, string>;
  readonly bytes: Buffer<ArrayBuffer>;
}

export class Assets {
  readonly #assets = new Map<string, Asset>();

  /** Reads all files below the directory. Without the directory there are none: the dashboard was not built. */
  constructor(directory: URL) {
    for (const path of filesIn(directory)) {
      const bytes = readFileSync(new URL(path, directory));
      this.#assets.set(path === 'index.html' ? '/' : `/${path}`, {
        contentType: CONTENT_TYPES.get(extname(path)) ?? 'application/octet-stream',
        bytes,
        gzipped: gzipSync(bytes, { level: 9 }),
        isHashed: path.startsWith('assets/'),
      });
    }
  }

  /** Whether there is such a file. */
  has(pathname: string): boolean {
    return this.#assets.has(pathname);
  }

  /** The answer to a GET of this path; undefined when there is no such file. */
  find(pathname: string, { 'accept-encoding': accepted = '' }: IncomingHttpHeaders): AssetReply | undefined {
    const asset = this.#assets.get(pathname);
    if (asset === undefined) return undefined;
    const takesGzip = /\bgzip\b/.test(String(accepted));
    const bytes = takesGzip ? asset.gzipped : asset.bytes;
    return {
      bytes,
      headers: {
        'Content-Type': asset.contentType,
        'Content-Length': String(bytes.byteLength),
        ...(takesGzip ? { 'Content-Encoding': 'gzip' } : {}),
        Vary: 'Accept-Encoding',
        'Cache-Control': asset.isHashed ? FOREVER : 'no-cache',
        'Content-Security-Policy': CONTENT_SECURITY_POLICY,
        'Referrer-Policy': 'no-referrer',
        'X-Content-Type-Options': 'nosniff',
      },
    };
  }
}

/** Paths relative to the directory, with slashes; none when it does not exist. */
function filesIn(directory: URL): string[] {
  try {
    return readdirSync(directory, { recursive: true, encoding: 'utf8', withFileTypes: false })
      .map((path) => path.replaceAll('\\', '/'))
      .filter((path) => extname(path) !== '');
  } catch {
    return [];
  }
}
