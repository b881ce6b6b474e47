/**
 * What stands between nodes of etcd on one machine, to cut some of them off: each node's peers reach it through a port here. A
 * connection begins with a request that names its sender, so both directions of a node can be cut.
 */

import { connect, createServer, type Server, type Socket } from 'node:net';

/** etcd's nodes say by this header of HTTP who they are. */
const SENDER = /^x-server-from: ([0-9a-f]+)\r$/im;
const MAX_HEAD_BYTES = 16_384;

interface Link {
  /** The port that the connection goes to. */
  readonly to: number;
  /** The sender's id in etcd; undefined where it does not say. */
  readonly from: string | undefined;
  end(): void;
}

export class PeerNetwork {
  readonly #servers: Server[] = [];
  readonly #links = new Set<Link>();
  readonly #sockets = new Set<Socket>();
  /** Of the node that is cut off. */
  #cut: { readonly port: number; readonly id: string } | undefined;

  /** Resolves to a port by which the node at `peerPort` is reached. */
  async between(peerPort: number): Promise<number> {
    const server = createServer((socket) => this.#accept(socket, peerPort));
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new TypeError('a TCP server has a port');
    return address.port;
  }

  /**
   * Cuts the node off from all others, and ends its connections with them.
   *
   * @param id of the node in etcd, in hexadecimal digits
   */
  cut(port: number, id: string): void {
    this.#cut = { port, id };
    for (const link of this.#links) if (this.#isCut(link)) link.end();
  }

  heal(): void {
    this.#cut = undefined;
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #isCut({ to, from }: Pick<Link, 'to' | 'from'>): boolean {
    return this.#cut !== undefined && (to === this.#cut.port || from === this.#cut.id);
  }

  #accept(socket: Socket, to: number): void {
    this.#track(socket);
    let head = Buffer.alloc(0);
    const onData = (chunk: Buffer) => {
      head = Buffer.concat([head, chunk]);
      if (!head.includes('\r\n\r\n') && head.length < MAX_HEAD_BYTES) return;
      socket.off('data', onData);
      socket.pause();
      this.#join(socket, head, { to, from: SENDER.exec(head.toString('latin1'))?.[1] });
    };
    socket.on('data', onData);
  }

  #join(socket: Socket, head: Buffer, { to, from }: Pick<Link, 'to' | 'from'>): void {
    if (this.#isCut({ to, from })) {
      socket.destroy();
      return;
    }
    const other = connect(to, '127.0.0.1');
    this.#track(other);
    const link: Link = {
      to,
      from,
      end: () => {
        socket.destroy();
        other.destroy();
      },
    };
    this.#links.add(link);
    for (const one of [socket, other])
      one.once('close', () => {
        this.#links.delete(link);
        link.end();
      });
    other.write(head);
    socket.pipe(other).pipe(socket);
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#sockets.delete(socket));
  }
}
