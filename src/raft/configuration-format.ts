/**
 * How a configuration is written as bytes, in messages between servers and on disk: the format's version (u8); then the lists of
 * voters, outgoing voters and learners, each as its length (u8) and each member's id and slot (u32); then the next unused id
 * (u32).
 */

import { ByteReader } from '../bytes/byte-reader.js';
import { ByteWriter } from '../bytes/byte-writer.js';
import type { Configuration, Member } from './types.js';

const FORMAT_VERSION = 1;

/** The bytes are no configuration, or one of a later version of the program. */
export class ConfigurationFormatError extends Error {
  readonly code = 'BAD_CONFIGURATION';

  constructor(reason: string) {
    super(`this is no list of members: ${reason}`);
    this.name = 'ConfigurationFormatError';
  }
}

export function encodeConfiguration({ voters, outgoing, learners, nextId }: Configuration): Uint8Array {
  const out = new ByteWriter();
  out.u8(FORMAT_VERSION);
  for (const members of [voters, outgoing, learners]) {
    out.u8(members.length);
    for (const { id, slot } of members) {
      out.u32(id);
      out.u32(slot);
    }
  }
  out.u32(nextId);
  return out.take();
}

/** Throws {@link ConfigurationFormatError} or TruncatedBytesError. */
export function decodeConfiguration(bytes: Uint8Array): Configuration {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== FORMAT_VERSION)
    throw new ConfigurationFormatError(`its format is ${version}, not ${FORMAT_VERSION}`);
  const voters = readMembers(reader);
  const outgoing = readMembers(reader);
  const learners = readMembers(reader);
  const nextId = reader.u32();
  if (reader.remaining > 0) throw new ConfigurationFormatError(`${reader.remaining} bytes follow it`);
  return { voters, outgoing, learners, nextId };
}

function readMembers(reader: ByteReader): readonly Member[] {
  return Array.from({ length: reader.u8() }, () => {
    const id = reader.u32();
    return { id, slot: reader.u32() };
  });
}
