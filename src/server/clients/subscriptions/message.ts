/** A message to those who are subscribed to a channel, written once for all of them who speak the same version. */

import type { RespVersion } from '../../../protocol/resp/writer.js';

export class Message {
  readonly #parts: readonly string[];
  readonly #written: { [version in RespVersion]?: string } = {};

  private constructor(parts: readonly string[]) {
    this.#parts = parts;
  }

  static ofChannel(channel: string, payload: string): Message {
    return new Message(['message', channel, payload]);
  }

  static ofPattern(pattern: string, channel: string, payload: string): Message {
    return new Message(['pmessage', pattern, channel, payload]);
  }

  /** One character per byte. */
  text(version: RespVersion): string {
    this.#written[version] ??= written(this.#parts, version);
    return this.#written[version];
  }
}

function written(parts: readonly string[], version: RespVersion): string {
  const mark = version === 3 ? '>' : '*';
  return `${mark}${parts.length}\r\n${parts.map((part) => `$${part.length}\r\n${part}\r\n`).join('')}`;
}
