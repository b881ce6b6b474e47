/** How requests get to etcd. */

export interface EtcdCall {
  /** Of etcd's HTTP API: `/v3/kv/txn`. */
  readonly path: string;
  readonly body: object;
  readonly timeoutMs: number;
  /** The longest answer. */
  readonly maxBytes: number;
}

export interface EtcdTransport {
  /**
   * Resolves to the answer, which nobody has looked at. A request that may have been sent is never sent again. Rejects with
   * EtcdUnreachableError, EtcdNoAnswerError, EtcdRefusalError or EtcdLongAnswerError.
   */
  call(call: EtcdCall): Promise<unknown>;
  /** Gives up what is under way, and closes the connections. */
  close(): void;
}
