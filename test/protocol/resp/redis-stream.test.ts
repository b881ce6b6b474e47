import { expect } from 'chai';
import { type ByteSpan, spanOf } from '../../../src/bytes/byte-reader.js';
import { MAX_TRANSACTION_BYTES } from '../../../src/limits.js';
import { respCheckpoint } from '../../../src/protocol/checkpoint.js';
import { RedisStream } from '../../../src/protocol/resp/redis-stream.js';
import { ErrorReply, NULL_ARRAY } from '../../../src/protocol/resp/value.js';

function encode(...args: readonly string[]): Buffer {
  return Buffer.from(`*${args.length}\r\n${args.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`);
}

function bytesOf(...commands: readonly Buffer[]): ByteSpan {
  return spanOf(Buffer.concat(commands));
}

describe('a Redis client’s stream', () => {
  function watching(): RedisStream {
    const stream = new RedisStream(1);
    stream.push(bytesOf(encode('WATCH', 'k'), encode('MULTI'), encode('SET', 'k', 'v'), encode('EXEC')));
    expect(stream.next()).to.deep.equal({ type: 'redis-watch', keys: ['k'] });
    return stream;
  }

  function exec(stream: RedisStream): unknown {
    stream.release();
    stream.next();
    stream.next();
    return stream.next();
  }

  it('executes a transaction on what its watched keys looked like', () => {
    const stream = watching();
    const watched = { key: 'k', mark: 7 };
    stream.watched([watched]);
    expect(exec(stream)).to.deep.equal({
      type: 'redis-transaction',
      watched: [watched],
      commands: [['SET', 'k', 'v']],
    });
  });

  it('comes to nothing when WATCH was never executed, as if a key had changed', () => {
    const stream = watching();
    stream.loseWatch();
    expect(exec(stream)).to.deep.include({ type: 'redis-transaction', commands: [], lost: NULL_ARRAY });
    stream.push(bytesOf(encode('MULTI'), encode('SET', 'k', 'v'), encode('EXEC')));
    expect(exec(stream), 'the next transaction').to.deep.include({ type: 'redis-transaction', watched: [] });
  });

  it('refuses a transaction of many small commands as one of few large ones', () => {
    const stream = new RedisStream(1);
    const commands = Array.from({ length: Math.floor(MAX_TRANSACTION_BYTES / 36) }, () => encode('GET', 'k'));
    stream.push(bytesOf(encode('MULTI'), ...commands, encode('GET', 'k'), encode('EXEC')));
    for (let count = 0; count <= commands.length; count += 1) stream.next();
    expect(stream.next()).to.deep.equal({
      type: 'redis-fixed',
      value: new ErrorReply('ERR the transaction is too large'),
    });
    expect(stream.next()).to.deep.include({ type: 'redis-fixed' });
  });

  it('tells of each request whether CLIENT REPLY wants it answered, and never within a transaction anew', () => {
    const stream = new RedisStream(1);
    const lines: readonly (readonly [args: readonly string[], isSilenced: boolean, replies: string])[] = [
      [['PING'], false, 'on'],
      [['CLIENT', 'REPLY', 'SKIP'], true, 'skip'],
      [['GET', 'k'], true, 'on'],
      [['GET', 'k'], false, 'on'],
      [['CLIENT', 'REPLY', 'OFF'], true, 'off'],
      [['GET', 'k'], true, 'off'],
      [['CLIENT', 'REPLY', 'SKIP'], true, 'off'],
      [['BOGUS'], true, 'off'],
      [['CLIENT', 'REPLY', 'ON'], false, 'on'],
      [['MULTI'], false, 'on'],
      [['CLIENT', 'REPLY', 'OFF'], false, 'on'],
      [['EXEC'], false, 'on'],
    ];
    for (const [args, isSilenced, replies] of lines) {
      stream.push(bytesOf(encode(...args)));
      stream.next();
      stream.release();
      expect(stream.isSilenced, args.join(' ')).to.equal(isSilenced);
      expect(stream.checkpoint().replies, args.join(' ')).to.equal(replies);
    }
  });

  it('watches no more keys than there may be, however many commands name them', () => {
    const stream = new RedisStream(1);
    const keys = Array.from({ length: 1024 }, (_, place) => `k${place}`);
    let accepted = 0;
    while (accepted < 32 * 1024) {
      stream.push(bytesOf(encode('WATCH', ...keys)));
      if (stream.next()?.type !== 'redis-watch') break;
      stream.watched(keys.map((key) => ({ key, mark: 7 })));
      stream.release();
      accepted += keys.length;
    }
    expect(accepted).to.be.within(8 * 1024, 16 * 1024);
    stream.push(bytesOf(encode('UNWATCH'), encode('WATCH', ...keys)));
    stream.next();
    expect(stream.next(), 'others may be watched instead').to.deep.include({ type: 'redis-watch' });
  });

  it('takes nothing after a name until the name is given, so that checkpoints after it hold it', () => {
    const stream = new RedisStream(1);
    stream.push(bytesOf(encode('CLIENT', 'SETNAME', 'worker'), encode('SET', 'k', 'v')));
    expect(stream.next()).to.include({ type: 'redis-local', name: 'client' });
    expect(stream.next()).to.equal(undefined);
    stream.change({ name: 'worker' });
    stream.release();
    expect(stream.next()).to.include({ type: 'set', key: 'k' });
    expect(stream.checkpoint()).to.deep.equal(respCheckpoint({ name: 'worker' }));
    expect(new RedisStream(1, stream.checkpoint()).settings.name).to.equal('worker');
  });

  it('has the same checkpoint again as long as nothing changes', () => {
    const stream = new RedisStream(1, respCheckpoint({ version: 3, name: 'worker' }));
    const at = stream.checkpoint();
    stream.push(bytesOf(encode('SET', 'k', 'v'), encode('MULTI'), encode('DISCARD')));
    stream.next();
    expect(stream.checkpoint()).to.equal(at);
    stream.next();
    expect(stream.checkpoint()).to.deep.equal({ ...at, transaction: 'open' });
    stream.next();
    expect(stream.checkpoint()).to.deep.equal(at);
  });

  it('makes of SESSION and ONCE the same requests as the text protocol does', () => {
    const stream = new RedisStream(1);
    stream.push(
      bytesOf(
        encode('SESSION', 'OPEN'),
        encode('session', 'open', '10'),
        encode('SESSION', 'CLOSE', '1-f'),
        encode('ONCE', '1-f', '2', '1', 'SET', 'k', 'v'),
        encode('ONCE', '1-f', '3', '1', 'incr', 'n'),
      ),
    );
    expect(stream.next()).to.deep.equal({ type: 'session-open', ttlS: 300 });
    expect(stream.next()).to.deep.equal({ type: 'session-open', ttlS: 10 });
    expect(stream.next()).to.deep.equal({ type: 'session-close', id: '1-f' });
    const value = Buffer.from('v');
    const set = { type: 'set', key: 'k', value, exptimeS: 0, noreply: false };
    const once = { type: 'once', id: '1-f', done: 1 };
    expect(stream.next()).to.deep.equal({ ...once, seq: 2, command: set, slotKey: 'k' });
    const incr = { type: 'redis', args: ['incr', 'n'] };
    expect(stream.next()).to.deep.equal({ ...once, seq: 3, command: incr, slotKey: 'n' });
  });

  for (const [what, args, message] of [
    ['a ttl that is too short', ['SESSION', 'OPEN', '9'], /^ERR a session lives for 10 to 86400 seconds/],
    ['another subcommand', ['SESSION', 'HELP'], /^ERR unknown subcommand/],
    ['an id that is missing', ['SESSION', 'CLOSE'], /^ERR wrong number of arguments for 'session\|close'/],
    ['a number that is done', ['ONCE', 'a', '3', '3', 'INCR', 'n'], /^ERR a command's number is 1 to 1024/],
    ['a number too far', ['ONCE', 'a', '1025', '0', 'INCR', 'n'], /^ERR a command's number is 1 to 1024/],
    ['a read in a session', ['ONCE', 'a', '1', '0', 'GET', 'n'], /^ERR only a command that writes/],
    ['a session in a session', ['ONCE', 'a', '1', '0', 'SESSION', 'OPEN'], /^ERR only a command that writes/],
    ['a bad command in a session', ['ONCE', 'a', '1', '0', 'INCR'], /^ERR wrong number of arguments/],
    ['an unknown one', ['ONCE', 'a', '1', '0', 'NONSENSE'], /^ERR unknown command/],
    ['an id that is too long', ['ONCE', 'a'.repeat(65), '1', '0', 'INCR', 'n'], /^SESSION /],
  ] as const)
    it(`answers ${what} by an error`, () => {
      const stream = new RedisStream(1);
      stream.push(bytesOf(encode(...args)));
      const request = stream.next();
      const value = request?.type === 'redis-fixed' ? request.value : undefined;
      expect(value).to.be.instanceOf(ErrorReply).with.property('message').match(message);
    });

  it('takes no session within a transaction', () => {
    const stream = new RedisStream(1);
    stream.push(bytesOf(encode('MULTI'), encode('ONCE', '1-f', '1', '0', 'INCR', 'n')));
    stream.next();
    expect(stream.next())
      .to.have.nested.property('value.message')
      .match(/not allowed inside a transaction/);
    expect(stream.checkpoint().transaction).to.equal('broken');
  });
});
