/**
 * What servers reply in either protocol, taken from bytes that are cut anywhere.
 */

export type Reply =
  /** A line that is no error: `OK 3`, `DELETED`, `+QUEUED`. */
  | { readonly type: 'status'; readonly text: string }
  /** `ERR_...` of the text protocol, and Redis's errors without their dash. */
  | { readonly type: 'error'; readonly text: string }
  /** A value; the version where `getm` or `gets` tells it, and the revision where `gets` does. */
  | {
      readonly type: 'value';
      readonly text: string;
      readonly version: number | undefined;
      readonly revision?: number | undefined;
    }
  | { readonly type: 'number'; readonly value: number }
  | { readonly type: 'null' }
  | { readonly type: 'list'; readonly items: readonly Reply[] };

export interface ReplyReader {
  push(bytes: Uint8Array): void;
  /** The next whole reply. Throws BadReplyError. */
  next(): Reply | undefined;
}

/** What came is no reply of the protocol. */
export class BadReplyError extends Error {
  constructor(line: string) {
    super(`"${line}" is no reply`);
    this.name = 'BadReplyError';
  }
}

const NOTHING = Buffer.alloc(0);

/** Bytes that have come, and how many of them are read. */
class Incoming {
  #bytes: Buffer = NOTHING;
  #at = 0;

  push(bytes: Uint8Array): void {
    const rest = this.#bytes.subarray(this.#at);
    this.#bytes = rest.byteLength === 0 ? Buffer.from(bytes) : Buffer.concat([rest, bytes]);
    this.#at = 0;
  }

  /** Where reading goes on, to come back to. */
  get mark(): number {
    return this.#at;
  }

  backTo(mark: number): void {
    this.#at = mark;
  }

  /** The next line without its break. */
  line(): string | undefined {
    const end = this.#bytes.indexOf('\r\n', this.#at);
    if (end === -1) return undefined;
    const line = this.#bytes.toString('latin1', this.#at, end);
    this.#at = end + 2;
    return line;
  }

  /** So many bytes, and the line break after them. */
  value(byteLength: number): string | undefined {
    const end = this.#at + byteLength;
    if (this.#bytes.byteLength < end + 2) return undefined;
    const value = this.#bytes.toString('latin1', this.#at, end);
    if (this.#bytes.toString('latin1', end, end + 2) !== '\r\n')
      throw new BadReplyError(`${value.slice(0, 40)}...`);
    this.#at = end + 2;
    return value;
  }
}

export class TextReplyReader implements ReplyReader {
  readonly #incoming = new Incoming();

  push(bytes: Uint8Array): void {
    this.#incoming.push(bytes);
  }

  next(): Reply | undefined {
    const { mark } = this.#incoming;
    const line = this.#incoming.line();
    if (line === undefined) return undefined;
    const [name, ...numbers] = line.split(' ');
    if (name !== 'VALUE') return { type: name?.startsWith('ERR_') ? 'error' : 'status', text: line };
    const text = this.#incoming.value(Number(numbers.at(-1)));
    if (text === undefined) {
      this.#incoming.backTo(mark);
      return undefined;
    }
    const [version, , revision] = numbers.length > 1 ? numbers.slice(0, -1).map(Number) : [];
    return { type: 'value', text, version, revision };
  }
}

export class RespReplyReader implements ReplyReader {
  readonly #incoming = new Incoming();

  push(bytes: Uint8Array): void {
    this.#incoming.push(bytes);
  }

  next(): Reply | undefined {
    const { mark } = this.#incoming;
    const reply = this.#read();
    if (reply === undefined) this.#incoming.backTo(mark);
    return reply;
  }

  #read(): Reply | undefined {
    const line = this.#incoming.line();
    if (line === undefined) return undefined;
    const rest = line.slice(1);
    switch (line[0]) {
      case '+':
        return { type: 'status', text: rest };
      case '-':
        return { type: 'error', text: rest };
      case ':':
        return { type: 'number', value: Number(rest) };
      case '$': {
        if (rest === '-1') return { type: 'null' };
        const text = this.#incoming.value(Number(rest));
        return text === undefined ? undefined : { type: 'value', text, version: undefined };
      }
      case '=':
        return this.#verbatim(Number(rest));
      case '_':
        return { type: 'null' };
      case '%':
        return this.#list(2 * Number(rest));
      case '~':
        return this.#list(Number(rest));
      case '*':
        return rest === '-1' ? { type: 'null' } : this.#list(Number(rest));
      default:
        throw new BadReplyError(line);
    }
  }

  /** A text after the three letters of its kind. */
  #verbatim(byteLength: number): Reply | undefined {
    const text = this.#incoming.value(byteLength);
    return text === undefined ? undefined : { type: 'value', text: text.slice(4), version: undefined };
  }

  #list(length: number): Reply | undefined {
    const items: Reply[] = [];
    while (items.length < length) {
      const item = this.#read();
      if (item === undefined) return undefined;
      items.push(item);
    }
    return { type: 'list', items };
  }
}
