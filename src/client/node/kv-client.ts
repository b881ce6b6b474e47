/** The client over TCP. */

import { NODE_ENVIRONMENT } from '../../environment.js';
import { Client, type ClientOptions } from '../base-client.js';
import { type TlsOptions, tcpDial } from './tcp.js';

export interface KvClientOptions extends ClientOptions {
  /** TLS for every connection: true, or what Node's `tls.connect` takes, such as `ca`, `cert` and `key`. */
  readonly tls?: boolean | TlsOptions | undefined;
}

/** A client over TCP, or TLS. It connects at its first call, and keeps the process from ending until it is closed. */
export class KvClient extends Client {
  /** Throws ArgumentError. */
  constructor(options: KvClientOptions) {
    const { tls = false, ...others } = options;
    const dial = tcpDial(tls === false ? undefined : tls === true ? {} : tls);
    super(others, { environment: NODE_ENVIRONMENT, dial });
  }
}
