import { expect } from 'chai';
import { Ledger } from '../../tools/bench/failover/ledger.js';
import { measureFailover } from '../../tools/bench/failover/measure.js';
import { ProgramError } from '../../tools/support/program.js';
import { FAILING_PROGRAM, FORGETTING_PROGRAM, KEEPING_PROGRAM } from './fixtures/entries.js';

const SMALL = { rounds: 2, servers: 3, clients: 4 };

describe('The failover benchmark', () => {
  it('kills one leader after the other, and finds every acknowledged write', async () => {
    const seen: number[] = [];
    const result = await measureFailover({ ...SMALL, entry: KEEPING_PROGRAM }, ({ killed }) =>
      seen.push(killed),
    );
    expect(seen).to.deep.equal([0, 1]);
    expect(result.lost).to.deep.equal([]);
    expect(result.acknowledgedWrites).to.be.at.least(result.keys);
    for (const { routerMs, directMs } of result.rounds) {
      expect(routerMs).to.be.greaterThan(0);
      expect(directMs).to.be.greaterThan(0);
    }
  });

  it('notices when acknowledged writes are lost', async () => {
    const { lost } = await measureFailover({ ...SMALL, entry: FORGETTING_PROGRAM });
    expect(lost).to.not.have.length(0);
  });

  it('says why the program did not start', async () => {
    const error: unknown = await measureFailover({ ...SMALL, entry: FAILING_PROGRAM }).catch(
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(ProgramError).with.property('message').that.includes('the port is taken');
  });
});

describe('The ledger of promises', () => {
  let ledger: Ledger;

  beforeEach(() => {
    ledger = new Ledger();
    ledger.acknowledge('key', 1, 1);
    ledger.acknowledge('key', 3, 4);
  });

  it('is content with the last acknowledged write', () => {
    ledger.check('key', { type: 'META', version: 3, exptimeS: 0, value: '4' });
    expect(ledger.broken).to.deep.equal([]);
  });

  it('is content with a later write whose outcome was unknown', () => {
    ledger.check('key', { type: 'META', version: 4, exptimeS: 0, value: '5' });
    expect(ledger.broken).to.deep.equal([]);
  });

  it('notices an earlier version, a missing key, and another write in the place of the promised one', () => {
    ledger.check('key', { type: 'META', version: 2, exptimeS: 0, value: '3' });
    ledger.check('key', { type: 'ERR_NOT_FOUND' });
    ledger.check('key', { type: 'META', version: 3, exptimeS: 0, value: '5' });
    expect(ledger.broken).to.deep.equal([
      'key: 4 was acknowledged as version 3, a read finds 3 as version 2',
      'key: 4 was acknowledged as version 3, a read finds ERR_NOT_FOUND',
      'key: 4 was acknowledged as version 3, a read finds 5 as version 3',
    ]);
  });

  it('notices a version that is acknowledged twice', () => {
    ledger.acknowledge('key', 3, 5);
    expect(ledger.broken).to.deep.equal(['key: version 3 acknowledged after version 3']);
  });
});
