/** Server-sent events as a page receives them. */

import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { createInterface, type Interface } from 'node:readline';

export interface ServerSentEvent<T> {
  readonly name: string;
  readonly data: T;
}

export class EventStream<T> {
  readonly #request: ClientRequest;
  readonly #lines: Interface;
  readonly #received: AsyncIterator<string>;

  private constructor(sent: ClientRequest, response: IncomingMessage) {
    this.#request = sent;
    this.#lines = createInterface({ input: response });
    this.#received = this.#lines[Symbol.asyncIterator]();
  }

  /** Rejects unless the server at this port of 127.0.0.1 streams events there. */
  static async open<T>(port: number, path: string): Promise<EventStream<T>> {
    const sent = request({ host: '127.0.0.1', port, path, agent: false });
    sent.end();
    const [response]: [IncomingMessage] = await once(sent, 'response').then(([first]) => [first]);
    if (response.headers['content-type'] !== 'text/event-stream')
      throw new Error(`${response.statusCode} is no stream of events`);
    sent.on('error', () => {});
    response.on('error', () => {});
    return new EventStream<T>(sent, response);
  }

  /** The next event. Rejects when the stream has ended. */
  async next(): Promise<ServerSentEvent<T>> {
    let name = '';
    while (true) {
      const { done, value: line } = await this.#received.next();
      if (done === true) throw new Error('the stream has ended');
      if (line.startsWith('event: ')) name = line.slice('event: '.length);
      if (line.startsWith('data: ')) return { name, data: JSON.parse(line.slice('data: '.length)) };
    }
  }

  close(): void {
    this.#lines.close();
    this.#request.destroy();
  }
}
