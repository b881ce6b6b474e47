import { once } from 'node:events';
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { expect } from 'chai';
import { type Certificate, newAuthority, signedBy } from '../../tools/support/certificates.js';
import { type Ports, programPorts, Workplace } from '../support/workplace.js';

const EXTRA = 'NODE_EXTRA_CA_CERTS';

describe('The program with --tls-cert', () => {
  let workplace: Workplace;
  let ports: Ports;
  let authority: Certificate;
  let args: readonly string[];

  beforeEach(async () => {
    workplace = await Workplace.open();
    ports = await programPorts();
    authority = await newAuthority();
    await writeFile(file('ca'), authority.cert);
    await put(await signedBy(authority, { days: 3 }));
    args = [...ports.args, '--memory', '-n', '1', '--tls-cert', file('cert'), '--tls-key', file('key')];
  });

  afterEach(() => workplace.close());

  function file(name: string): string {
    return join(workplace.cwd, `${name}.pem`);
  }

  async function put({ cert, key }: Certificate): Promise<void> {
    await writeFile(file('cert'), cert);
    await writeFile(file('key'), key);
  }

  /** The number of the certificate that the router shows. */
  async function shown(): Promise<string> {
    const socket = connect({ port: ports.router, host: '127.0.0.1', ca: authority.cert });
    await once(socket, 'secureConnect');
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  }

  it('speaks it with clients and its own subcommands, and reads renewed files on SIGHUP', async () => {
    const program = workplace.run(...args);
    const ready = await program.ready();
    expect(ready.http).to.equal(`https://127.0.0.1:${ports.http}`);
    await program.logged('the certificate is about to expire');
    const first = await shown();
    const told = workplace.run('members', 'list', '--http-port', `${ports.http}`, '--tls-ca', file('ca'));
    expect((await told.ended()).code, told.stderr).to.equal(0);
    expect(told.stdout).to.equal('voters=0\n');
    const backup = workplace.run('backup', 'saved', '--http-port', `${ports.http}`, '--tls-ca', file('ca'));
    expect((await backup.ended()).code, backup.stderr).to.equal(0);

    const renewed = await signedBy(authority);
    await writeFile(file('cert'), renewed.cert);
    program.signal('SIGHUP');
    await program.logged('the key does not fit the certificate');
    expect(await shown()).to.equal(first);
    await put(renewed);
    program.signal('SIGHUP');
    await program.logged('the certificate was read again');
    expect(await shown()).not.to.equal(first);
    expect(program.stderr).not.to.contain('PRIVATE');
    expect(await program.stop('SIGTERM')).to.equal(0);
  });

  it('reads files that have changed by itself, also where a link to their directory was swapped', async () => {
    // As Kubernetes mounts a secret: what changes is where ..data points.
    const mounted = join(workplace.cwd, 'mounted');
    const versions = [await signedBy(authority), await signedBy(authority)];
    for (const [number, { cert, key }] of versions.entries()) {
      await mkdir(join(mounted, `v${number}`), { recursive: true });
      await writeFile(join(mounted, `v${number}`, 'cert.pem'), cert);
      await writeFile(join(mounted, `v${number}`, 'key.pem'), key);
    }
    await symlink('v0', join(mounted, '..data'));
    for (const name of ['cert.pem', 'key.pem']) await symlink(join('..data', name), join(mounted, name));
    const files = ['--tls-cert', join(mounted, 'cert.pem'), '--tls-key', join(mounted, 'key.pem')];
    const program = workplace.run(...ports.args, '--memory', '-n', '1', ...files);
    await program.ready();
    const first = await shown();
    await symlink('v1', join(mounted, '..next'));
    await rename(join(mounted, '..next'), join(mounted, '..data'));
    await program.logged('the certificate was read again');
    expect(await shown()).not.to.equal(first);
  }).timeout(60_000);

  it('is spoken by subcommands with --tls as well, if a CA that everybody knows has signed the certificate', async () => {
    await workplace.run(...args).ready();
    const list = ['members', 'list', '--http-port', `${ports.http}`];
    const plain = workplace.run(...list);
    expect((await plain.ended()).code).to.equal(1);
    expect(plain.complaints[0]).to.contain('--tls');
    const unknown = workplace.run(...list, '--tls');
    expect((await unknown.ended()).code).to.equal(1);
    expect(unknown.complaints).to.have.length(1);
    process.env[EXTRA] = file('ca');
    try {
      const known = workplace.run(...list, '--tls');
      expect((await known.ended()).code, known.stderr).to.equal(0);
      expect(known.stdout).to.equal('voters=0\n');
    } finally {
      delete process.env[EXTRA];
    }
    for (const half of ['--tls-cert', '--tls-key']) {
      const refused = workplace.run(...list, half, file('cert'));
      expect((await refused.ended()).code, half).to.equal(2);
    }
  });

  it('starts with a certificate that has expired, and says so', async () => {
    await put(await signedBy(authority, { days: -1 }));
    const program = workplace.run(...args);
    await program.ready();
    await program.logged('the certificate has expired');
  });

  it('refuses, in one line, files that are not there or do not fit', async () => {
    await writeFile(file('key'), (await signedBy(authority)).key);
    const good = await signedBy(authority);
    const garbage = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    for (const [name, text] of Object.entries({
      cert2: good.cert,
      key2: good.key,
      empty: '',
      wrong: good.key,
      garbage,
    }))
      await writeFile(file(name), text);
    const wrong = [
      args,
      [...ports.args, '--memory', '--tls-cert', file('cert')],
      [...ports.args, '--memory', '--tls-key', file('key')],
      [...args, '--tls-ca', file('missing')],
      ...['empty', 'wrong', 'garbage'].map((name) => [
        ...ports.args,
        ...['--memory', '--tls-cert', file('cert2'), '--tls-key', file('key2'), '--tls-ca', file(name)],
      ]),
    ];
    for (const one of wrong) {
      const program = workplace.run(...one);
      expect((await program.ended()).code).to.equal(2);
      expect(program.complaints).to.have.length(1);
      expect(program.complaints[0]).to.match(/^threadraft: --tls-/);
    }
  });
});
