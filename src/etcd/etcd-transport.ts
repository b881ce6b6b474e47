/** How requests get to etcd. Their messages and methods are in rpc/messages.ts. */

import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { WatchResponse, WatchStart } from './rpc/messages.js';

export interface EtcdTransport {
  /**
   * Resolves to the answer, of which only the form was looked at. A request that may have been sent is never sent again. Rejects
   * with EtcdUnreachableError, EtcdNoAnswerError, EtcdRefusalError or EtcdLongAnswerError. Calls may be under way side by side,
   * and etcd may do them in any order.
   *
   * @param method such as `KV.txn`
   */
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    timeoutMs: number,
  ): Promise<MessageShape<O>>;

  /**
   * Renews the lease, and resolves to the seconds that it has from now on, as etcd's leader at the time says: 0 if there is no
   * such lease. Rejects as {@link call} does; the lease may have been renewed nevertheless.
   */
  keepAlive(lease: bigint, timeoutMs: number): Promise<number>;

  /** Opens a watch, by a stream of its own: what refuses or ends it ends no other. Nothing is sent before it is iterated. */
  watch(start: WatchStart): EtcdWatch;

  /** Gives up what is under way, and closes the connections. */
  close(): void;
}

/**
 * Iterates over etcd's answers, once, in the order of their revisions. The first has `created`; ask for `startRevision` to know
 * what is missing before it. One without events tells that there is nothing up to the revision of its header.
 *
 * It ends after an answer with `canceled`, which says why (`compactRevision` is not 0 if what was asked for is no longer kept),
 * and after {@link close}. Whatever else ends it rejects the iteration as {@link EtcdTransport.call} rejects: then go on by a new
 * watch, from the revision after the last one that came whole. Also a member that has lost the others ends it so, within some
 * election timeouts, and one that answers no pings. While nobody asks for the next answer, etcd keeps them.
 */
export interface EtcdWatch extends AsyncIterable<WatchResponse> {
  /** Has etcd answer without events, once all before the revision that it then has were told. No effect before `created`. */
  askProgress(): void;
  close(): void;
}
