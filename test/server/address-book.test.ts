import { expect } from 'chai';
import { initialConfiguration } from '../../src/raft/configuration.js';
import type { Configuration, Member } from '../../src/raft/types.js';
import { AddressBook } from '../../src/server/clients/address-book.js';

/** The address book of a server of a cluster whose slot n has port 9000 + n. */
function bookOf(configuration: Configuration): { book: AddressBook; raft: { configuration: Configuration } } {
  const raft = { configuration };
  const addresses = new Map([0, 1, 2, 3].map((slot) => [slot, { host: 'here', port: 9000 + slot }]));
  return { raft, book: new AddressBook({ raft, addresses, isUp: (id) => id !== 7 }) };
}

function configurationOf(voters: Member[], outgoing: Member[] = []): Configuration {
  return { voters, outgoing, learners: [], nextId: 10 };
}

describe('the address book', () => {
  it('finds servers by their slots, whatever their identities', () => {
    const { book } = bookOf(
      configurationOf([
        { id: 9, slot: 3 },
        { id: 7, slot: 1 },
      ]),
    );
    expect(book.addressOf(9)).to.deep.equal({ host: 'here', port: 9003 });
    expect(book.voters.map(({ id, address, isUp }) => [id, address.port, isUp])).to.deep.equal([
      [7, 9001, false],
      [9, 9003, true],
    ]);
    expect(book.addressOf(3)).to.equal(undefined);
  });

  it('still knows a leader whose removal is not committed yet', () => {
    const { book, raft } = bookOf(initialConfiguration(3));
    expect(book.addressOf(2)?.port).to.equal(9002);
    raft.configuration = configurationOf([{ id: 0, slot: 0 }]);
    expect(book.addressOf(2)?.port).to.equal(9002);
    expect(book.voters.map(({ id }) => id)).to.deep.equal([0]);
  });

  it('counts the replicas of a write by the larger half of a joint configuration', () => {
    const { book, raft } = bookOf(initialConfiguration(3));
    expect(book.replicasOfWrite).to.equal(1);
    const five = initialConfiguration(5).voters;
    raft.configuration = { ...initialConfiguration(1), outgoing: five };
    expect(book.replicasOfWrite).to.equal(2);
  });
});
