import { expect } from 'chai';
import { MAX_LOCKED_COMMAND_BYTES } from '../../../src/access-limits.js';
import { spanOf } from '../../../src/bytes/byte-reader.js';
import type { TextRequest } from '../../../src/protocol/request.js';
import { GuardedText, textStream } from '../../../src/protocol/text/guarded-text.js';
import { TextParser } from '../../../src/protocol/text/text-parser.js';

const LOCKED: TextRequest = { type: 'locked' };

function newStream(): GuardedText {
  return new GuardedText({ place: 'locked', at: { place: 'command' } });
}

function push(stream: GuardedText, text: string): void {
  stream.push(spanOf(Buffer.from(text, 'latin1')));
}

function take(stream: GuardedText): TextRequest[] {
  const requests: TextRequest[] = [];
  for (let request = stream.next(); request !== undefined; request = stream.next()) requests.push(request);
  return requests;
}

describe('a text stream with a password', () => {
  it('refuses every command before it, good or bad, and takes their values along', () => {
    const stream = newStream();
    push(
      stream,
      'get k\r\nset k 0 5 noreply\r\nget x\r\nset k zero 3\r\nabc\r\nbogus\r\nauth\r\ndelete k\r\n',
    );
    expect(take(stream)).to.deep.equal([LOCKED, LOCKED, LOCKED, LOCKED, LOCKED, LOCKED]);
    expect(stream.halfStart).to.equal(undefined);
  });

  it('takes nothing after `auth` before that is answered', () => {
    const stream = newStream();
    push(stream, 'auth secret\r\nget k\r\n');
    expect(take(stream)).to.deep.equal([{ type: 'auth', password: 'secret' }]);
    stream.authenticated(true);
    expect(take(stream)).to.deep.equal([{ type: 'get', key: 'k' }]);
    expect(stream.checkpoint()).to.deep.equal({ place: 'unlocked', at: { place: 'command' } });
  });

  it('stays locked after a wrong password, and unlocked when one is told later', () => {
    const stream = newStream();
    push(stream, 'auth wrong\r\nget k\r\nauth right\r\nget k\r\nauth wrong\r\nget k\r\n');
    take(stream);
    stream.authenticated(false);
    expect(take(stream)).to.deep.equal([LOCKED, { type: 'auth', password: 'right' }]);
    stream.authenticated(true);
    expect(take(stream)).to.deep.equal([
      { type: 'get', key: 'k' },
      { type: 'auth', password: 'wrong' },
    ]);
    stream.authenticated(false);
    expect(take(stream)).to.deep.equal([{ type: 'get', key: 'k' }]);
  });

  it('ends with a command that is too long, be it there or only announced', () => {
    const tooLong = MAX_LOCKED_COMMAND_BYTES + 1;
    const announced = newStream();
    push(announced, `set k 0 ${10 * 1024 * 1024}\r\n`);
    expect(take(announced)).to.deep.equal([LOCKED]);
    expect(announced.isClosing).to.equal(true);
    const growing = newStream();
    push(growing, `set k 0 ${tooLong}\r\n${'x'.repeat(tooLong)}`);
    expect(take(growing)).to.deep.equal([]);
    expect(growing.isClosing).to.equal(true);
    const whole = newStream();
    push(whole, `set k 0 ${tooLong}\r\n${'x'.repeat(tooLong)}\r\nget k\r\n`);
    expect(take(whole)).to.deep.equal([LOCKED]);
    expect(whole.isClosing).to.equal(true);
  });

  it('ends with a line that does not end, although that is thrown away as it comes', () => {
    const stream = newStream();
    const piece = 'x'.repeat(MAX_LOCKED_COMMAND_BYTES / 4);
    for (let n = 0; n < 4; n += 1) {
      push(stream, piece);
      take(stream);
      expect(stream.isClosing).to.equal(false);
    }
    push(stream, 'x');
    take(stream);
    expect(stream.isClosing).to.equal(true);
  });

  it('counts a bad command and the next one apart', () => {
    const stream = newStream();
    const line = 'x'.repeat(MAX_LOCKED_COMMAND_BYTES - 1);
    for (let n = 0; n < 4; n += 1) {
      for (const piece of [line.slice(0, 30_000), `${line.slice(30_000)}\n`]) {
        push(stream, piece);
        take(stream);
      }
      push(stream, `set k zero 60000\r\n${'x'.repeat(60_000)}`);
      take(stream);
      push(stream, `\r\nset k 0 60000\r\n${'x'.repeat(60_000)}\r\n`);
      expect(take(stream)).to.deep.equal([LOCKED]);
    }
    expect(stream.isClosing).to.equal(false);
  });

  it('takes as many short commands as come', () => {
    const stream = newStream();
    push(stream, 'get k\r\n'.repeat(20_000));
    expect(take(stream)).to.have.length(20_000);
    expect(stream.isClosing).to.equal(false);
  });

  it('goes on where another server has left it, locked or not', () => {
    const stream = newStream();
    push(stream, 'set k zero 3\r\nab');
    take(stream);
    const at = stream.checkpoint();
    expect(at).to.deep.equal({ place: 'locked', at: { place: 'bad value', byteCount: 1 } });
    const next = textStream(at);
    if (!(next instanceof GuardedText)) throw new TypeError('the password is forgotten');
    push(next, 'c\r\nget k\r\n');
    expect(take(next)).to.deep.equal([LOCKED]);
    expect(textStream({ place: 'command' })).to.be.instanceOf(TextParser);
  });
});
