/** How clients are told of their sessions, in either protocol. */

import { expect } from 'chai';
import { Leader, resp } from '../../support/server/server-side.js';

/** A leader whose clients' commands are answered at once. */
class Talk {
  readonly leader = new Leader();

  say(client: number, text: string): string {
    const before = this.leader.toldTo(client).length;
    this.leader.send(client, text);
    this.leader.turn();
    this.leader.acknowledge();
    return this.leader.toldTo(client).slice(before);
  }
}

describe('a session', () => {
  it('is opened, used and closed in the text protocol', () => {
    const talk = new Talk();
    expect(talk.say(1, 'session open\r\n')).to.equal('SESSION 1-test\r\n');
    const write = 'once 1-test 1 0 set k 0 1\r\nx\r\n';
    expect(talk.say(1, write)).to.equal('OK 1\r\n');
    expect(talk.say(2, write), 'repeated').to.equal('OK 1\r\n');
    expect(talk.say(2, 'once 1-test 2 1 cas k 0 7 1\r\nx\r\n')).to.equal('ERR_VERSION\r\n');
    expect(talk.say(2, write), 'done').to.equal('ERR_CMD_ERR\r\n');
    expect(talk.say(2, 'once 1-test 3 1 delete k\r\n')).to.equal('DELETED\r\n');
    expect(talk.say(2, 'session close 1-test\r\nsession close 1-test\r\n')).to.equal('CLOSED\r\nCLOSED\r\n');
    expect(talk.say(2, 'once 1-test 3 1 delete k\r\n')).to.equal('ERR_SESSION\r\n');
  });

  it('is opened, used and closed in the Redis protocol', () => {
    const talk = new Talk();
    expect(talk.say(1, resp('SESSION OPEN 60'))).to.equal('$6\r\n1-test\r\n');
    const incr = resp('ONCE 1-test 1 0 INCR n');
    expect(talk.say(1, incr)).to.equal(':1\r\n');
    expect(talk.say(2, incr), 'repeated').to.equal(':1\r\n');
    expect(talk.say(1, resp('ONCE 1-test 2 1 SET n 7'))).to.equal('+OK\r\n');
    expect(talk.say(1, incr)).to.match(/^-ERR /);
    expect(talk.say(1, resp('SESSION CLOSE 1-test'))).to.equal('+CLOSED\r\n');
    expect(talk.say(1, resp('ONCE 1-test 3 1 INCR n'))).to.match(/^-SESSION there is no such session/);
  });

  it('repeats a result in the protocol of whoever repeats', () => {
    const talk = new Talk();
    talk.say(1, 'session open\r\n');
    talk.say(1, 'once 1-test 1 0 set k 0 1\r\nx\r\nonce 1-test 2 0 cas k 0 7 1\r\nx\r\n');
    talk.say(1, 'once 1-test 3 0 delete k\r\nonce 1-test 4 0 delete k\r\n');
    const again = [1, 2, 3, 4].map((seq) => resp(`ONCE 1-test ${seq} 0 INCR n`)).join('');
    expect(talk.say(2, again)).to.equal('+OK\r\n-ERR the key is not at that version\r\n:1\r\n$-1\r\n');
    expect(talk.say(2, resp('ONCE 1-test 5 0 INCR n', 'ONCE 1-test 6 0 GETDEL n'))).to.equal(
      ':1\r\n$1\r\n1\r\n',
    );
    expect(talk.say(1, 'once 1-test 5 0 delete n\r\nonce 1-test 6 0 delete n\r\n')).to.equal(
      'VALUE 4\r\n:1\r\n\r\nVALUE 7\r\n$1\r\n1\r\n\r\n',
    );
  });

  it('does not keep a result that is too large, and says that the command is done', () => {
    const talk = new Talk();
    talk.say(1, resp('SESSION OPEN'));
    talk.say(1, resp(`SET k ${'x'.repeat(70_000)}`));
    expect(talk.say(1, resp('ONCE 1-test 1 0 GETDEL k'))).to.match(/^\$70000/);
    expect(talk.say(1, resp('ONCE 1-test 1 0 GETDEL k'))).to.match(/^-SESSION done/);
    expect(talk.say(2, 'once 1-test 1 0 delete k\r\n')).to.equal('ERR_SESSION done\r\n');
  });

  it('shows in MONITOR what is executed in it', () => {
    const talk = new Talk();
    talk.say(1, resp('MONITOR'));
    talk.say(2, 'session open\r\nonce 1-test 1 0 delete k\r\nsession close 1-test\r\n');
    const shown = talk.leader.toldTo(1);
    expect(shown).to.match(
      /"session" "open" "300"\r\n.*"once" "1-test" "1" "0" "delete" "k"\r\n.*"session" "close" "1-test"/,
    );
  });
});
