import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { newProgram } from '../../src/cli/command-line.js';
import { Workplace } from '../support/workplace.js';

const OPTIONS = newProgram().options;
const namesOf = (options: typeof OPTIONS) => options.flatMap(({ long }) => long ?? []);
const WITH_VALUE = namesOf(OPTIONS.filter(({ required }) => required));
const WITH_NUMBER = namesOf(OPTIONS.filter(({ flags }) => /<(?:count|port|ms|bytes|seconds)>/.test(flags)));

/** Arguments that are refused, and the words that the complaint must have in it. */
const REFUSED: readonly { readonly args: readonly string[]; readonly naming: readonly string[] }[] = [
  { args: ['--bogus'], naming: ['--bogus'] },
  { args: ['--server', '3'], naming: ['--server', 'Did you mean --servers?'] },
  { args: ['backup', 'file', '--hots', '::1'], naming: ['--hots', 'Did you mean --host?'] },
  { args: ['-x'], naming: ['-x'] },
  { args: ['serve'], naming: ['serve'] },
  { args: ['bakcup', 'file'], naming: ['bakcup', 'Did you mean backup?'] },
  { args: ['--two\nlines'], naming: ['--two'] },
  { args: ['backup', 'file', 'other'], naming: ['other'] },
  { args: ['restore', 'file', 'other'], naming: ['other'] },
  { args: ['rebuild', '0', '1'], naming: ['1'] },
  { args: ['rebuild', 'one'], naming: ['one'] },
  { args: ['backup'], naming: ['file'] },
  { args: ['backup', 'file', '--host='], naming: ['--host'] },
  { args: ['restore', 'file', '--data-dir='], naming: ['--data-dir'] },
  { args: ['rebuild', '0', '--data-dir='], naming: ['--data-dir'] },
  ...WITH_VALUE.map((option) => ({ args: [option], naming: [option] })),
  ...WITH_NUMBER.map((option) => ({ args: [option, 'three'], naming: [option, 'three'] })),
  ...['', '-1', '1.5', '0x10', '1e3', ' 7'].map((text) => ({
    args: [`--heartbeat=${text}`],
    naming: ['--heartbeat'],
  })),
  { args: ['-n', 'three'], naming: ['--servers', 'three'] },
  { args: ['-n', '0'], naming: ['--servers', '0', '1', '9'] },
  { args: ['-n', '10'], naming: ['--servers', '10', '1', '9'] },
  { args: ['-n'], naming: ['--servers'] },
  { args: ['-n', '2.5'], naming: ['--servers', '2.5'] },
  { args: ['--port', '-1'], naming: ['--port'] },
  { args: ['--port', '65535'], naming: ['--port', '65535', 'server 2'] },
  { args: ['--port', '65536'], naming: ['--port', '65536'] },
  { args: ['-n', '9', '--port', '65520'], naming: ['--port', '65520'] },
  { args: ['--port', '99999999999999999999999'], naming: ['--port'] },
  { args: ['--router-port', '65536'], naming: ['--router-port', '65536'] },
  { args: ['--http-port', '65536'], naming: ['--http-port', '65536'] },
  { args: ['--election-timeout', '0'], naming: ['--election-timeout'] },
  { args: ['--heartbeat', '0'], naming: ['--heartbeat'] },
  { args: ['--heartbeat', '300'], naming: ['--heartbeat', 'election timeout'] },
  { args: ['--heartbeat', '101'], naming: ['--heartbeat', 'election timeout'] },
  { args: ['--election-timeout', '100'], naming: ['--heartbeat', 'election timeout'] },
  { args: ['--snapshot-log-bytes', '1023'], naming: ['--snapshot-log-bytes', '1024'] },
  { args: ['--max-value-bytes', '0'], naming: ['--max-value-bytes', '1'] },
  { args: ['--max-value-bytes', '16777217'], naming: ['--max-value-bytes', '16777216'] },
  { args: ['--log-level', 'loud'], naming: ['--log-level', 'loud', 'silent'] },
  { args: ['--host='], naming: ['--host'] },
  { args: ['--host', 'two words'], naming: ['--host'] },
  { args: ['--advertise-host='], naming: ['--advertise-host'] },
  { args: ['--advertise-host', 'two\r\nlines'], naming: ['--advertise-host'] },
  { args: ['--data-dir='], naming: ['--data-dir'] },
  { args: ['--data-dir', 'a', '--data-dir', 'b'], naming: ['--data-dir', '2 times', '3 servers', '-n 2'] },
  { args: ['-n', '2', '--data-dir', 'a', '--data-dir', './a'], naming: ['--data-dir', 'given twice'] },
  { args: ['restore', 'file', '--data-dir', 'a', '--data-dir', 'b'], naming: ['--data-dir', '-n 2'] },
  { args: ['rebuild', '0', '--data-dir', 'a', '--data-dir', 'a'], naming: ['--data-dir', 'given twice'] },
  { args: ['--memory=yes'], naming: ['--memory'] },
  { args: ['--memory', '--data-dir', './other'], naming: ['--data-dir', '--memory'] },
  { args: ['--no-router', '--router-port', '9100'], naming: ['--router-port', '--no-router'] },
  { args: ['--router-port', '9100', '--no-router'], naming: ['--router-port', '--no-router'] },
  { args: ['--no-http', '--http-port', '9180'], naming: ['--http-port', '--no-http'] },
  { args: ['--http-port', '9180', '--no-http'], naming: ['--http-port', '--no-http'] },
  { args: ['--router-port', '9004'], naming: ['--router-port', '9004', 'server 2'] },
  { args: ['--http-port', '9002'], naming: ['--http-port', '9002', 'server 1'] },
  { args: ['--http-port', '9100'], naming: ['--http-port', '9100', 'router'] },
  { args: ['-n', '9', '--port', '9090'], naming: ['9100', 'server 5'] },
];

describe('The options of the command line', () => {
  let workplace: Workplace;

  beforeEach(async () => {
    workplace = await Workplace.open();
  });

  afterEach(() => workplace.close());

  for (const { args, naming } of REFUSED) {
    it(`refuse ${JSON.stringify(args.join(' '))} in one line, with exit code 2 and without a trace`, async () => {
      const program = workplace.run(...args);
      expect(await program.ended(), 'how it ended').to.deep.equal({ code: 2, signal: null });
      expect(program.stdout, 'stdout').to.equal('');
      expect(program.stderr, 'stderr').to.match(/^threadraft: [^\n]+\n$/);
      for (const word of naming) expect(program.stderr, 'stderr').to.contain(word);
      expect(await workplace.files(), 'files in the working directory').to.deep.equal([]);
      expect(await workplace.temporaryFiles(), 'temporary files').to.deep.equal([]);
    });
  }

  for (const flag of ['--help', '-h']) {
    it(`are all explained by ${flag}`, async () => {
      const program = workplace.run(flag);
      expect(await program.ended()).to.deep.equal({ code: 0, signal: null });
      expect(program.stderr).to.equal('');
      for (const { flags, description } of OPTIONS) {
        expect(program.stdout, 'the help').to.contain(flags);
        expect(description, flags).to.have.length.above(10);
      }
      expect(await workplace.files(), 'files in the working directory').to.deep.equal([]);
    });
  }

  it('are all told of in the docs', () => {
    const pages = ['README.md', ...readdirSync('docs').map((name) => join('docs', name))];
    const text = pages
      .filter((page) => page.endsWith('.md'))
      .map((page) => readFileSync(page, 'utf8'))
      .join('');
    // A longer option is another one.
    const isToldOf = (name: string) => new RegExp(`${name}(?![\\w-])`).test(text);
    const names = namesOf(OPTIONS).filter((name) => name !== '--version');
    expect(names).to.include.members(['--servers', '--tls-ca', '--max-connections', '--insecure']);
    expect(names.filter((name) => !isToldOf(name))).to.deep.equal([]);
  });

  it('include --version, which prints nothing else', async () => {
    const program = workplace.run('--version');
    expect(await program.ended()).to.deep.equal({ code: 0, signal: null });
    expect(program.stdout).to.match(/^\d+\.\d+\.\d+\n$/);
    expect(program.stderr).to.equal('');
  });
});
