import { expect } from 'chai';
import { MAX_CLIENT_NAME_BYTES } from '../../../src/limits.js';
import { RedisStream } from '../../../src/protocol/resp/redis-stream.js';
import { VerbatimText } from '../../../src/protocol/resp/value.js';
import { client } from '../../../src/server/redis/client.js';
import { ClusterQuestion } from '../../../src/server/redis/cluster-question.js';
import type { RedisContext } from '../../../src/server/redis/context.js';
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

describe('CLIENT LIST of very many ids', () => {
  const ids = (count: number) => Array.from({ length: count }, (_, i) => `${2 * i + 1}`);

  function question(count: number): ClusterQuestion {
    const context = {} as RedisContext;
    const asked = client(['LIST', 'ID', ...ids(count)], new RedisStream(1), context);
    return asked instanceof ClusterQuestion ? asked : expect.fail();
  }

  it('does not have all servers read the ids', () => {
    expect(question(1_000).args).to.have.length(1_002);
    expect(question(100_000).args).to.deep.equal(['LIST']);
  });

  it('shows those alone', () => {
    const reply = question(100_000).conclude([
      'id=7 name=a\nid=2 name=b\n',
      'id=1 name=c\nid=9999999 name=d\n',
    ]);
    expect(reply).to.deep.equal(new VerbatimText('id=1 name=c\nid=7 name=a\n'));
  });
});
