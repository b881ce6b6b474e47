import { expect } from 'chai';
import { MAX_CLIENT_NAME_BYTES } from '../../../src/limits.js';
import { Leader, resp } from '../../support/server/server-side.js';

describe('a connection’s name', () => {
  it('is refused when it is too long, by CLIENT and by HELLO, and the old one stays', () => {
    const leader = new Leader();
    const tooLong = 'n'.repeat(MAX_CLIENT_NAME_BYTES + 1);
    const refusal = `-ERR Client names cannot be longer than ${MAX_CLIENT_NAME_BYTES} bytes\r\n`;
    leader.send(1, resp('CLIENT SETNAME n', `CLIENT SETNAME ${tooLong}`, `HELLO 2 SETNAME ${tooLong}`));
    expect(leader.turn()).to.equal(`+OK\r\n${refusal}${refusal}`);
    leader.send(1, resp('CLIENT GETNAME'));
    expect(leader.turn()).to.equal('$1\r\nn\r\n');
  });
});
