import { expect } from 'chai';
import { Etcd, HAS_ETCD } from '../../tools/support/etcd-process.js';
import { type Ports, programPorts, Workplace } from '../support/workplace.js';

describe('The program with --engine etcd', () => {
  let workplace: Workplace;
  let ports: Ports;

  beforeEach(async () => {
    workplace = await Workplace.open();
    ports = await programPorts();
  });

  afterEach(() => workplace.close());

  const endpoints = ['--etcd-endpoints', 'http://127.0.0.1:1'];
  const refusals: readonly (readonly [string, readonly string[]])[] = [
    ['--etcd-endpoints', ['--engine', 'etcd']],
    ['--etcd-endpoints', ['--engine', 'etcd', '--etcd-endpoints', '127.0.0.1:2379']],
    ['--etcd-endpoints', endpoints],
    ['--data-dir', ['--engine', 'etcd', ...endpoints, '--data-dir', 'here']],
    ['--max-value-bytes', ['--engine', 'etcd', ...endpoints, '--max-value-bytes', '2000000']],
    ['--etcd-user', ['--engine', 'etcd', ...endpoints, '--etcd-password-file', 'secret']],
    ['--etcd-key', ['--engine', 'etcd', ...endpoints, '--etcd-cert', 'cert.pem']],
    ['--etcd-prefix', ['--engine', 'etcd', ...endpoints, '--etcd-prefix', '']],
    ['--engine', ['--engine', 'zookeeper']],
  ];

  for (const [option, args] of refusals)
    it(`names ${option} in one line when it is told ${args.join(' ')}`, async () => {
      const program = workplace.run(...ports.args, ...args);
      expect(await program.ended()).to.deep.include({ code: 2 });
      expect(program.stdout).to.equal('');
      expect(program.stderr.trimEnd().split('\n')).to.have.length(1);
      expect(program.stderr).to.include(option);
    });

  it('waits for an etcd that it cannot reach, and ends at once when it is told to', async () => {
    const program = workplace.run(...ports.args, '--engine', 'etcd', ...endpoints);
    await program.logged('etcd does not answer');
    expect(await program.stop('SIGTERM')).to.equal(0);
    expect(program.stdout).to.equal('');
  });

  (HAS_ETCD ? it : it.skip)(
    'says that it is ready with all addresses, and keeps nothing beside etcd',
    async () => {
      const etcd = await Etcd.start();
      try {
        const program = workplace.run(...ports.args, '--engine', 'etcd', '--etcd-endpoints', etcd.endpoint);
        expect((await program.ready()).line).to.match(/^ready engine=etcd servers=.* router=.* http=/);
        expect(await program.stop('SIGTERM')).to.equal(0);
        expect(await workplace.files()).to.deep.equal([]);
      } finally {
        await etcd.stop();
      }
    },
  );
});
