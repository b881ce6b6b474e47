import { expect } from 'chai';
import { COMMANDS } from '../../../src/protocol/resp/commands.js';
import { REPLY_TOO_LARGE } from '../../../src/protocol/resp/reply-size.js';
import { documentation, information } from '../../../src/server/redis/command-table.js';

describe('COMMAND', () => {
  it('INFO describes each name in its place, as often as it stands there', () => {
    const [get, none, again] = information(['GET', 'bogus', 'get']) as readonly unknown[];
    expect(get).to.have.property('0', 'get');
    expect(none).to.equal(null);
    expect(again).to.equal(get);
    expect(information([])).to.have.length(COMMANDS.size);
  });

  it('INFO of more names than a reply has room for is an error, and does not cost the connection', () => {
    expect(information(new Array(100_000).fill('get'))).to.equal(REPLY_TOO_LARGE);
    expect(information(new Array(100_000).fill('bogus'))).to.have.length(100_000);
  });

  it('DOCS tells each command that is named once', () => {
    const { entries } = documentation(new Array(100_000).fill('GET')) as { entries: readonly unknown[] };
    expect(entries).to.have.length(1);
  });
});
