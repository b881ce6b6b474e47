import { connect } from 'node:net';
import { eventually } from './cluster.js';

/** A connection that keeps all lines that come, those of values, too. */
export class Lines {
  readonly lines: string[] = [];
  readonly #socket;
  #rest = '';
  isClosed = false;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.setEncoding('latin1');
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      this.isClosed = true;
    });
    this.#socket.on('data', (text: string) => {
      const lines = (this.#rest + text).split('\r\n');
      this.#rest = lines.pop() ?? '';
      this.lines.push(...lines);
    });
  }

  send(text: string): void {
    this.#socket.write(text, 'latin1');
  }

  async has(count: number): Promise<readonly string[]> {
    await eventually(`${count} lines`, () => this.lines.length >= count);
    return this.lines;
  }

  close(): void {
    this.#socket.destroy();
  }
}
