/** Clients that send the same commands again and again for as long as the system takes them. */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface Rudeness {
  readonly port: number;
  readonly clients: number;
  /** Sent again and again. */
  readonly commands: string;
  /** Whether they read the replies. */
  readonly reads: boolean;
}

export class RudeClients {
  readonly #sockets: Socket[] = [];

  /** Resolves once all of them are connected and have begun to send. */
  async open({ port, clients, commands, reads }: Rudeness): Promise<void> {
    const bytes = Buffer.from(commands, 'latin1');
    for (let count = 0; count < clients; count += 1) {
      const socket = connect(port, '127.0.0.1');
      this.#sockets.push(socket);
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      if (reads) socket.resume();
      else socket.pause();
      const send = () => {
        while (!socket.destroyed && socket.write(bytes));
      };
      socket.on('drain', send);
      send();
    }
  }

  /** How many of them were disconnected. */
  get disconnected(): number {
    return this.#sockets.filter((socket) => socket.destroyed).length;
  }

  close(): void {
    for (const socket of this.#sockets.splice(0)) socket.destroy();
  }
}
