import { expect } from 'chai';
import fc from 'fast-check';
import { InvariantError } from '../../src/raft/assert.js';
import {
  faultOf,
  hasVoter,
  initialConfiguration,
  isJoint,
  membersOf,
  NO_MEMBERS,
  quorumOf,
  votersOf,
} from '../../src/raft/configuration.js';
import {
  ConfigurationFormatError,
  decodeConfiguration,
  encodeConfiguration,
} from '../../src/raft/configuration-format.js';
import { LOG_ORIGIN, RaftLog } from '../../src/raft/log.js';
import { LogConfigurations } from '../../src/raft/log-configurations.js';
import type { Configuration, Entry } from '../../src/raft/types.js';
import { configurationOf, membersOfIds } from '../support/raft/members.js';

const FIRST = initialConfiguration(3);

function entryWith(index: number, configuration?: Configuration, term = 1): Entry {
  return { index, term, payload: new Uint8Array(0), configuration };
}

describe('a configuration', () => {
  it('of a new cluster has each server in the slot of its number', () => {
    expect(initialConfiguration(2).voters).to.deep.equal([
      { id: 0, slot: 0 },
      { id: 1, slot: 1 },
    ]);
  });

  it('has everybody once, a voter of both halves, too', () => {
    const configuration = configurationOf('1 7 | 1 2 | 9');
    expect(membersOf(configuration)).to.deep.equal(membersOfIds([1, 7, 2, 9]));
    expect(votersOf(configuration)).to.deep.equal(membersOfIds([1, 7, 2]));
    expect([1, 7, 2].every((id) => hasVoter(configuration, id))).to.equal(true);
    expect(hasVoter(configuration, 9)).to.equal(false);
    expect(quorumOf(configuration)).to.deep.equal({ voters: [1, 7], outgoing: [1, 2] });
  });

  it('is joint while it has outgoing voters', () => {
    expect(isJoint(configurationOf('1 | 1 2'))).to.equal(true);
    expect(isJoint(FIRST)).to.equal(false);
  });

  it('may have a learner in the slot of a voter that it is to replace, and no two voters in one', () => {
    const learner = { id: 7, slot: 1 };
    expect(faultOf({ ...FIRST, learners: [learner] })).to.equal(undefined);
    expect(
      faultOf({ ...FIRST, voters: [...membersOfIds([0, 2]), learner], outgoing: FIRST.voters }),
    ).to.equal(undefined);
    expect(faultOf({ ...FIRST, voters: [...FIRST.voters, learner] })).to.equal('gives slot 1 to two voters');
  });

  it('is read as it was written', () => {
    const members = fc.array(fc.record({ id: fc.nat(2 ** 32 - 2), slot: fc.nat(2 ** 32 - 1) }), {
      maxLength: 9,
    });
    fc.assert(
      fc.property(
        fc.record({ voters: members, outgoing: members, learners: members, nextId: fc.nat(2 ** 32 - 1) }),
        (configuration) => {
          expect(decodeConfiguration(encodeConfiguration(configuration))).to.deep.equal(configuration);
        },
      ),
    );
  });

  it('is refused in a format that is not known, and with bytes after it', () => {
    const bytes = encodeConfiguration(FIRST);
    expect(() => decodeConfiguration(Buffer.concat([bytes, Buffer.from([0])]))).to.throw(
      ConfigurationFormatError,
    );
    bytes[0] = 9;
    expect(() => decodeConfiguration(bytes)).to.throw(ConfigurationFormatError, 'its format is 9');
  });
});

describe('the configurations along a log', () => {
  const second = configurationOf('0 1 2 3 | 0 1 2');
  const third = configurationOf('0 1 2 3');

  function log(...entries: readonly Entry[]): RaftLog {
    return new RaftLog(LOG_ORIGIN, entries, new LogConfigurations(0, FIRST));
  }

  it('are in force from when they are appended', () => {
    const growing = log(entryWith(1));
    expect(growing.configurations.latest.configuration).to.equal(FIRST);
    growing.append(entryWith(2, second));
    expect(growing.configurations.latest).to.deep.include({ index: 2, configuration: second });
    expect(growing.configurations.at(1)).to.equal(FIRST);
    expect(growing.configurations.at(2)).to.equal(second);
  });

  it('go with their entries, two at once, too', () => {
    const cut = log(entryWith(1), entryWith(2, second), entryWith(3), entryWith(4, third), entryWith(5));
    cut.truncateFrom(5);
    expect(cut.configurations.latest.configuration).to.equal(third);
    cut.truncateFrom(2);
    expect(cut.configurations.latest).to.deep.include({ index: 0, configuration: FIRST });
  });

  it('may be in force next from the one that is committed on', () => {
    const { configurations } = log(entryWith(1), entryWith(2, second), entryWith(3), entryWith(4, third));
    const from = (commitIndex: number) => configurations.from(commitIndex).map(({ index }) => index);
    expect(from(0)).to.deep.equal([0, 2, 4]);
    expect(from(3)).to.deep.equal([2, 4]);
    expect(from(4)).to.deep.equal([4]);
  });

  it('are dropped where a snapshot stands for them, but not those after it', () => {
    const { configurations } = log(entryWith(1), entryWith(2, second), entryWith(3), entryWith(4, third));
    configurations.compactTo(3);
    expect(configurations.at(3)).to.equal(second);
    expect(configurations.latest.configuration).to.equal(third);
    expect(() => configurations.at(2)).to.throw(InvariantError, 'the configuration at 2 is wanted');
  });

  it('are all replaced by that of a snapshot that takes the place of the log', () => {
    const replaced = log(entryWith(1), entryWith(2, second), entryWith(3, third));
    replaced.resetTo({ index: 2, term: 2 }, FIRST);
    expect(replaced.configurations.latest).to.deep.include({ index: 2, configuration: FIRST });
  });

  it('are those of entries after the snapshot, where the log begins before its end', () => {
    const found = new RaftLog(
      { index: 1, term: 1 },
      [entryWith(2, FIRST), entryWith(3), entryWith(4, third)],
      new LogConfigurations(3, second),
    );
    expect(found.configurations.at(3)).to.equal(second);
    expect(found.configurations.latest.configuration).to.equal(third);
    found.truncateFrom(4);
    expect(found.configurations.latest.configuration).to.equal(second);
  });

  it('are none at first for a server that is to join', () => {
    expect(new RaftLog(LOG_ORIGIN, []).configurations.latest.configuration).to.equal(NO_MEMBERS);
  });
});
