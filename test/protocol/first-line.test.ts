import { expect } from 'chai';
import { MAX_LINE_BYTES } from '../../src/limits.js';
import { AT_COMMAND_START, AT_RESP_START } from '../../src/protocol/checkpoint.js';
import { startOf } from '../../src/protocol/first-line.js';

function start(text: string): unknown {
  return startOf(Buffer.from(text, 'latin1'));
}

const TEXT = AT_COMMAND_START;
const RESP = AT_RESP_START;

describe('the first line of a connection', () => {
  it('speaks RESP if it begins with an asterisk, however little of it is there', () => {
    for (const text of ['*', '*1\r\n', '*1 HTTP/1.1\r\n']) expect(start(text), text).to.equal(RESP);
  });

  it('tells nothing until it is whole', () => {
    for (const text of ['P', 'PING', 'get a', 'set k 0 1 \r', 'x'.repeat(MAX_LINE_BYTES + 1)])
      expect(start(text), text).to.equal(undefined);
    expect(start('x'.repeat(MAX_LINE_BYTES + 2))).to.equal(TEXT);
    expect(start(`PING ${'x'.repeat(MAX_LINE_BYTES - 5)}\r\n`)).to.equal(RESP);
  });

  it('speaks the text protocol if its first word is one of its commands in small letters', () => {
    for (const word of 'set get getm gets cas add delete session once watch unwatch auth'.split(' '))
      expect(start(`${word} a\r\nPING\r\n`), word).to.equal(TEXT);
  });

  it('speaks RESP if its first word is another Redis command, in whatever letters', () => {
    for (const line of [
      'PING\r\n',
      'ping\n',
      ' info\r\n',
      'config get save\r\n',
      'SET k v\r\n',
      'Watch k\r\n',
    ])
      expect(start(line), line).to.equal(RESP);
  });

  it('is a bad command of the text protocol else', () => {
    for (const line of ['\r\n', '\n', 'bogus\r\n', 'GETM a\r\n', '\0\r\n'])
      expect(start(line), line).to.equal(TEXT);
  });

  it('is not to be answered if it is HTTP', () => {
    for (const line of [
      'GET / HTTP/1.1\r\n',
      'POST /set HTTP/1.0\n',
      'PING HTTP/1.1\r\n',
      'get HTTP/1.1 \r\n',
      'POST x\r\n',
      'Host: a\r\n',
      `POST /${'x'.repeat(1_000)}`,
    ])
      expect(start(line), line).to.equal('http');
  });
});
