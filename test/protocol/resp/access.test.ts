import { expect } from 'chai';
import { MAX_LOCKED_COMMAND_BYTES } from '../../../src/access-limits.js';
import { spanOf } from '../../../src/bytes/byte-reader.js';
import { respCheckpoint } from '../../../src/protocol/checkpoint.js';
import type { Request } from '../../../src/protocol/request.js';
import { NOT_AUTHENTICATED } from '../../../src/protocol/resp/access.js';
import { RedisStream } from '../../../src/protocol/resp/redis-stream.js';
import { encodeCommand } from '../../../tools/support/redis-client.js';

const REFUSED: Request = { type: 'redis-fixed', value: NOT_AUTHENTICATED };

function newStream(): RedisStream {
  return new RedisStream(1, respCheckpoint({ access: 'locked' }));
}

function push(stream: RedisStream, ...commands: readonly (readonly string[])[]): void {
  stream.push(spanOf(Buffer.from(commands.map(encodeCommand).join(''), 'latin1')));
}

describe('a stream of Redis commands before the password', () => {
  it('refuses all but AUTH, HELLO, QUIT and RESET, plain SET and GET and MULTI as well', () => {
    const stream = newStream();
    push(
      stream,
      ['SET', 'k', 'v'],
      ['GET', 'k'],
      ['MULTI'],
      ['EXEC'],
      ['WATCH', 'k'],
      ['CONFIG', 'GET', '*'],
    );
    for (let n = 0; n < 6; n += 1) expect(stream.next()).to.deep.equal(REFUSED);
    expect(stream.upcomingGets(10)).to.deep.equal([]);
    for (const name of ['AUTH', 'HELLO', 'RESET']) {
      push(stream, name === 'AUTH' ? [name, 'secret'] : [name]);
      expect(stream.next()).to.deep.include({ type: 'redis-local', name: name.toLowerCase() });
      expect(stream.isHeld, `after ${name}`).to.equal(true);
      stream.release();
    }
    push(stream, ['QUIT']);
    stream.next();
    expect(stream.isClosing).to.equal(true);
  });

  it('executes what comes after it is unlocked, and refuses again after RESET', () => {
    const stream = newStream();
    stream.unlock();
    expect(stream.checkpoint().access).to.equal('unlocked');
    push(stream, ['GET', 'k'], ['MULTI']);
    expect(stream.next()).to.deep.equal({ type: 'get', key: 'k' });
    stream.next();
    stream.reset();
    expect(stream.checkpoint().access).to.equal('locked');
    push(stream, ['GET', 'k'], ['EXEC']);
    expect([stream.next(), stream.next()]).to.deep.equal([REFUSED, REFUSED]);
  });

  it('asks for nothing where there is no password, after RESET neither', () => {
    const stream = new RedisStream(1);
    stream.reset();
    push(stream, ['GET', 'k']);
    expect(stream.next()).to.deep.equal({ type: 'get', key: 'k' });
    expect(stream.checkpoint().access).to.equal('free');
  });

  it('ends with a command that is too long, whole, in part or as announced', () => {
    const long = 'x'.repeat(MAX_LOCKED_COMMAND_BYTES + 1);
    const beginnings = [
      encodeCommand(['SET', 'k', long]),
      `*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\n${long}`,
      '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$400000000\r\n',
      `*1000000\r\n${'$1\r\nx\r\n'.repeat(20_000)}`,
    ];
    for (const text of beginnings) {
      const stream = newStream();
      stream.push(spanOf(Buffer.from(text, 'latin1')));
      while (stream.next() !== undefined || stream.isUnfinished);
      expect(stream.isClosing, text.slice(0, 40)).to.equal(true);
    }
    const stream = newStream();
    push(stream, ...Array.from({ length: 20_000 }, () => ['GET', 'k']));
    while (stream.next() !== undefined);
    expect(stream.isClosing, 'many short ones').to.equal(false);
  });
});
