import { expect } from 'chai';
import fc from 'fast-check';
import { type ByteSpan, TruncatedBytesError, textOf } from '../../src/bytes/byte-reader.js';
import { ByteWriter } from '../../src/bytes/byte-writer.js';
import { DEFAULT_MAX_VALUE_BYTES, MAX_VALUE_BYTES, setMaxValueBytes } from '../../src/limits.js';
import { BatchError, type Command } from '../../src/protocol/command.js';
import type { ArgSource } from '../../src/state-machine/arg-source.js';
import { BatchEncoder } from '../../src/state-machine/batch-encoder.js';
import { visitKeys } from '../../src/state-machine/batch-keys.js';
import { BatchReader } from '../../src/state-machine/batch-reader.js';
import type { BatchVisitor, TransactionCommands } from '../../src/state-machine/batch-visitor.js';
import { anyCommand, bytesOf, payloadOf } from '../support/commands.js';

class Recorder implements BatchVisitor {
  readonly seen: unknown[] = [];

  valueLimit(bytes: number): void {
    this.seen.push({ type: 'value limit', bytes });
  }

  set(key: ByteSpan, value: ByteSpan, exptimeS: number): void {
    this.seen.push({ type: 'set', key: textOf(key), value: bytesOf(textOf(value)), exptimeS });
  }

  cas(key: ByteSpan, value: ByteSpan, exptimeS: number, version: number): void {
    this.seen.push({ type: 'cas', key: textOf(key), value: bytesOf(textOf(value)), exptimeS, version });
  }

  casRevision(key: ByteSpan, value: ByteSpan, exptimeS: number, revision: number): void {
    const valueBytes = bytesOf(textOf(value));
    this.seen.push({ type: 'cas-revision', key: textOf(key), value: valueBytes, exptimeS, revision });
  }

  add(key: ByteSpan, value: ByteSpan, exptimeS: number): void {
    this.seen.push({ type: 'add', key: textOf(key), value: bytesOf(textOf(value)), exptimeS });
  }

  deleteIf(key: ByteSpan, by: 'version' | 'revision', expected: number): void {
    this.seen.push({ type: 'delete-if', key: textOf(key), by, expected });
  }

  delete(key: ByteSpan): void {
    this.seen.push({ type: 'delete', key: textOf(key) });
  }

  redis(args: readonly string[]): void {
    this.seen.push({ type: 'redis', args });
  }

  workRule(number: number): void {
    this.seen.push({ type: 'work rule', number });
  }

  longRedis(name: string, args: ArgSource): void {
    const read: string[] = [name];
    while (args.left > 0) {
      const arg = args.next();
      read.push(typeof arg === 'string' ? arg : textOf(arg));
    }
    this.seen.push({ type: 'redis', args: read });
  }

  redisTransaction(watched: readonly object[], transaction: TransactionCommands): void {
    const commands: (readonly string[])[] = [];
    while (transaction.left > 0) {
      const args = transaction.next();
      if (args !== undefined) commands.push(args);
    }
    this.seen.push({ type: 'redis-transaction', watched, commands });
  }

  sessionOpen(name: string, ttlS: number): void {
    this.seen.push({ type: 'session-open', name, ttlS });
  }

  sessionClose(id: string): void {
    this.seen.push({ type: 'session-close', id });
  }

  once(id: string, seq: number, done: number): void {
    this.seen.push({ type: 'once', id, seq, done });
  }

  routerStart(start: string): void {
    this.seen.push({ type: 'router start', start });
  }

  dedupe(row: number, connection: number, place: number): void {
    this.seen.push({ type: 'dedupe', row, connection, place });
  }

  stride(bytes: number): void {
    this.seen.push({ type: 'stride', bytes });
  }

  dedupeEnd(): void {
    this.seen.push({ type: 'dedupe end' });
  }
}

/** A batch of deletes as earlier versions of the program made it. */
function formerPayload(stampMs: number, keys: readonly string[]): Uint8Array {
  const out = new ByteWriter();
  out.f64(stampMs);
  out.u32(keys.length);
  for (const key of keys) {
    out.u8(3);
    out.u8(key.length);
    out.latin1(key);
  }
  return out.take();
}

function visitsOf(payload: Uint8Array): unknown[] {
  const recorder = new Recorder();
  const batch = new BatchReader(payload);
  if (batch.stampMs !== undefined) recorder.seen.push(batch.stampMs);
  while (!batch.isAtEnd) batch.next(recorder);
  return recorder.seen;
}

describe('a batch of commands', () => {
  afterEach(() => setMaxValueBytes(DEFAULT_MAX_VALUE_BYTES));

  it('tells the largest value that its commands may make, if that is not the usual one', () => {
    setMaxValueBytes(2 * DEFAULT_MAX_VALUE_BYTES);
    const payload = payloadOf(7, [{ type: 'redis', args: ['APPEND', 'k', 'v'] }]);
    expect(visitsOf(payload)).to.deep.equal([
      7,
      { type: 'value limit', bytes: 2 * DEFAULT_MAX_VALUE_BYTES },
      { type: 'redis', args: ['APPEND', 'k', 'v'] },
    ]);
    const keys: string[] = [];
    visitKeys(payloadOf(7, [{ type: 'delete', key: 'gone' }]), (key) => keys.push(textOf(key)));
    expect(keys).to.deep.equal(['gone']);
  });

  it('is read as it was encoded', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.array(anyCommand), (stampMs, commands) => {
        expect(visitsOf(payloadOf(stampMs, commands))).to.deep.equal([stampMs, ...commands]);
      }),
      { seed: 1 },
    );
  });

  it('holds the opening and closing of sessions, and what is executed once in them', () => {
    const encoder = new BatchEncoder('name');
    const command: Command = { type: 'delete', key: 'k' };
    encoder.add({ type: 'session-open', ttlS: 30 });
    encoder.add({ type: 'once', id: '1-name', seq: 7, done: 5, command });
    encoder.add({ type: 'session-close', id: '1-name' });
    expect(visitsOf(encoder.finish(1))).to.deep.equal([
      1,
      { type: 'session-open', name: 'name', ttlS: 30 },
      { type: 'once', id: '1-name', seq: 7, done: 5 },
      command,
      { type: 'session-close', id: '1-name' },
    ]);
  });

  it('tells the keys of sets, cas and deletes alone, up to the first transaction', () => {
    const redis = fc.constantFrom<Command>(
      { type: 'redis', args: ['mset', 'a', '1', 'b', ''] },
      { type: 'session-open', ttlS: 30 },
      { type: 'session-close', id: 'one' },
      { type: 'once', id: 'one', seq: 1, done: 0, command: { type: 'redis', args: ['incr', 'a'] } },
      { type: 'redis-transaction', watched: [], commands: [['incr', 'a']] },
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(anyCommand, redis), { maxLength: 20 }), (commands) => {
        const keys: string[] = [];
        visitKeys(payloadOf(1, commands), (key) => keys.push(textOf(key)));
        const end = commands.findIndex(({ type }) => type === 'redis-transaction');
        const before = end === -1 ? commands : commands.slice(0, end);
        expect(keys).to.deep.equal(before.flatMap((command) => ('key' in command ? [command.key] : [])));
      }),
      { seed: 1 },
    );
  });

  it('holds keys of 250 bytes and values of the largest size, whatever their bytes', () => {
    const key = Buffer.alloc(250, 0xff).toString('latin1');
    const value = Uint8Array.from({ length: MAX_VALUE_BYTES }, (_, index) => index);
    const [, command] = visitsOf(payloadOf(1, [{ type: 'set', key, value, exptimeS: 0 }]));
    expect(command).to.deep.equal({ type: 'set', key, value, exptimeS: 0 });
  });

  it('says that revisions are counted, unless an earlier version has made it', () => {
    expect(new BatchReader(payloadOf(1, [])).countsRevisions).to.equal(true);
    expect(new BatchReader(formerPayload(1, [])).countsRevisions).to.equal(false);
    expect(visitsOf(formerPayload(1, ['k']))).to.deep.equal([1, { type: 'delete', key: 'k' }]);
  });

  it('holds the conditions of transactions, also those that an earlier version has made', () => {
    const commands = [['incr', 'a']];
    const watched = [{ key: 'k', mark: 1e15 }];
    const transaction: Command = { type: 'redis-transaction', watched, commands };
    expect(visitsOf(payloadOf(1, [transaction])).at(-1)).to.deep.equal(transaction);
    const out = new ByteWriter();
    out.f64(1);
    out.u32(1);
    out.u8(5);
    out.u32(1);
    out.u32(1);
    out.latin1('k');
    for (const number of [2, 0, 77]) out.f64(number);
    out.u32(0);
    const former = [{ key: 'k', version: 2, deadlineMs: 0, valueHash: 77 }];
    expect(visitsOf(out.take())).to.deep.equal([
      1,
      { type: 'redis-transaction', watched: former, commands: [] },
    ]);
  });

  it('may hold no command and only move the time', () => {
    expect(visitsOf(payloadOf(42, []))).to.deep.equal([42]);
  });

  it('is not there in an empty payload', () => {
    expect(visitsOf(new Uint8Array())).to.deep.equal([]);
  });

  it('is refused wherever it was cut short', () => {
    fc.assert(
      fc.property(fc.array(anyCommand, { minLength: 1, maxLength: 5 }), fc.nat(), (commands, cut) => {
        const payload = payloadOf(1, commands);
        const byteCount = 1 + (cut % (payload.byteLength - 1));
        const error = byteCount < 12 ? BatchError : TruncatedBytesError;
        expect(() => visitsOf(payload.subarray(0, byteCount)), `${byteCount} bytes`).to.throw(error);
      }),
      { seed: 1 },
    );
  });

  it('is refused when bytes follow it', () => {
    const payload = Uint8Array.of(...payloadOf(1, [{ type: 'delete', key: 'k' }]), 0);
    expect(() => visitsOf(payload)).to.throw(BatchError, '1 bytes are left over');
  });

  it('is refused when it names an operation that there is not', () => {
    const out = new ByteWriter();
    out.f64(1);
    out.u32(1);
    out.u8(99);
    out.u8(0);
    expect(() => visitsOf(out.take())).to.throw(BatchError, 'there is no operation 9');
  });

  it('is refused with one of the two errors, or read to its end, when it is garbage', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (garbage) => {
        try {
          visitsOf(garbage);
        } catch (error) {
          expect(error).to.satisfy(
            (e: unknown) => e instanceof BatchError || e instanceof TruncatedBytesError,
          );
        }
      }),
      { seed: 1 },
    );
  });
});

describe('BatchEncoder', () => {
  it('knows the length of its payload', () => {
    const encoder = new BatchEncoder();
    encoder.add({ type: 'delete', key: 'k' });
    encoder.add({ type: 'set', key: 'k', value: bytesOf('v'), exptimeS: 0 });
    expect(encoder.byteLength).to.equal(encoder.finish(1).byteLength);
  });

  it('starts anew when a payload is finished and when it is cleared', () => {
    const encoder = new BatchEncoder();
    encoder.add({ type: 'delete', key: 'first' });
    encoder.finish(1);
    encoder.add({ type: 'delete', key: 'cleared' });
    encoder.clear();
    encoder.add({ type: 'delete', key: 'second' });
    expect(visitsOf(encoder.finish(2))).to.deep.equal([2, { type: 'delete', key: 'second' }]);
  });

  it('copies the bytes of a value', () => {
    const encoder = new BatchEncoder();
    const value = bytesOf('ab');
    encoder.add({ type: 'set', key: 'k', value, exptimeS: 0 });
    value.fill(0);
    const [, command] = visitsOf(encoder.finish(1));
    expect(command).to.deep.equal({ type: 'set', key: 'k', value: bytesOf('ab'), exptimeS: 0 });
  });
});
