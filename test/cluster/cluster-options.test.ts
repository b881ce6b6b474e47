import { expect } from 'chai';
import {
  type ClusterOptions,
  checkOptions,
  completeOptions,
  DEFAULT_OPTIONS,
  OptionError,
  serverPorts,
} from '../../src/cluster/cluster-options.js';

function problemWith(options: Partial<ClusterOptions>): string | undefined {
  try {
    checkOptions({ ...DEFAULT_OPTIONS, ...options }, { isAnySize: false });
    return undefined;
  } catch (error) {
    if (error instanceof OptionError) return error.message;
    throw error;
  }
}

describe('the options of a cluster', () => {
  it('are fine by default, and at their limits', () => {
    for (const options of [
      {},
      { servers: 1 },
      { servers: 9 },
      { port: 65_519, servers: 9 },
      { port: 0, routerPort: 0 },
      { routerPort: null },
      { dataDir: ['a', 'b', 'c'] },
      { dataDir: ['a'] },
      { electionTimeoutMs: 150, heartbeatMs: 50 },
    ]) {
      expect(problemWith(options), JSON.stringify(options)).to.equal(undefined);
    }
  });

  for (const [options, problem] of [
    [{ servers: 0 }, 'servers: 0 is not a whole number from 1 to 9'],
    [{ servers: 10 }, 'servers: 10 is not a whole number from 1 to 9'],
    [{ servers: 2.5 }, 'servers: 2.5 is not a whole number from 1 to 9'],
    [{ host: '' }, 'host: "" is neither a name nor an address'],
    [{ dataDir: '' }, 'dataDir: is empty: name a directory'],
    [{ dataDir: [] }, 'dataDir: is empty: name a directory'],
    [{ dataDir: ['a', '', 'c'] }, 'dataDir: is empty: name a directory'],
    [
      { dataDir: ['a', 'b'] },
      'dataDir: is given 2 times for 3 servers: give it once, or 3 times, or start with -n 2',
    ],
    [{ dataDir: ['a', 'b', './a'] }, 'dataDir: ./a is given twice: name another directory for each server'],
    [{ port: 65_536 }, 'port: 65536 is not a whole number from 0 to 65535'],
    [{ port: 65_532 }, 'port: 65532 leaves server 2 port 65536, over 65535'],
    [{ routerPort: 9004 }, 'routerPort: 9004 is the port of server 2'],
    [{ routerPort: -1 }, 'routerPort: -1 is not a whole number from 0 to 65535'],
    [{ heartbeatMs: 0 }, 'heartbeatMs: 0 is not a whole number from 1 to 3600000'],
    [{ heartbeatMs: 101 }, 'heartbeatMs: 101 is over 100, a third of an election timeout of 300 ms'],
    [{ watchHistory: 0 }, 'watchHistory: 0 is not a whole number from 1 to 1000000'],
    [{ electionTimeoutMs: Number.NaN }, 'electionTimeoutMs: NaN is not a whole number from 3 to 3600000'],
  ] as const) {
    it(`are refused with ${JSON.stringify(options)}`, () => {
      expect(problemWith(options)).to.equal(problem);
    });
  }

  for (const [misspelt, problem] of [
    ['server', 'server: is no option: did you mean servers?'],
    ['electionTimeout', 'electionTimeout: is no option: did you mean electionTimeoutMs?'],
    ['datadir', 'datadir: is no option: did you mean dataDir?'],
    ['replicationFactor', /^replicationFactor: is no option: there are servers, host, .*watchHistory$/],
  ] as const) {
    it(`are refused with an option named ${misspelt}`, () => {
      expect(() => completeOptions({ [misspelt]: 3 })).to.throw(OptionError, problem);
    });
  }

  it('take the defaults for what is not given', () => {
    expect(completeOptions({ servers: 5 })).to.deep.equal({ ...DEFAULT_OPTIONS, servers: 5 });
  });

  it('take no text for true or false', () => {
    expect(() => completeOptions(JSON.parse('{"fsync":"false"}'))).to.throw(
      OptionError,
      'fsync: "false" is neither true nor false',
    );
  });

  it('number the ports of servers by twos', () => {
    expect([...serverPorts({ port: 9000, servers: 3 }).values()]).to.deep.equal([9000, 9002, 9004]);
  });
});
