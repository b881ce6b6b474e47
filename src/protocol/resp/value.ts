/**
 * Replies to Redis commands, before they are written as RESP.
 */

/** `+OK` and the like. */
export class SimpleString {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** `-ERR ...`: the first word is the kind of the error. */
export class ErrorReply {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

/** A map in RESP3, a flat list of keys and values in RESP2. */
export class MapReply {
  readonly entries: readonly (readonly [RespValue, RespValue])[];

  constructor(entries: readonly (readonly [RespValue, RespValue])[]) {
    this.entries = entries;
  }
}

/** Text for a human reader: a verbatim string in RESP3. */
export class VerbatimText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** The null of a list. RESP2 writes it in another way than the null of a string. */
export class NullArray {}

/** A string is a bulk string, one character per byte; null is the null of the protocol; numbers are integers. */
export type RespValue =
  | string
  | number
  | bigint
  | null
  | NullArray
  | SimpleString
  | ErrorReply
  | MapReply
  | VerbatimText
  | readonly RespValue[];

export const OK = new SimpleString('OK');
export const QUEUED = new SimpleString('QUEUED');
export const NULL_ARRAY = new NullArray();
