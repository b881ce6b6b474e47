import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';

const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync('docs').map((name) => join('docs', name)),
].filter((path) => path.endsWith('.md'));
const FOLDERS = ['src', 'test', 'tools', 'web', 'docs', 'workers', 'examples', '.github', '.ci'];

/** Paths, with a slash before each and, for folders, one after it. */
const PATHS = [
  ...readdirSync('.').map((name) => `/${name}`),
  ...FOLDERS.flatMap((folder) => [
    `/${folder}/`,
    ...readdirSync(folder, { recursive: true, withFileTypes: true }).map(
      (entry) => `/${join(entry.parentPath, entry.name)}${entry.isDirectory() ? '/' : ''}`,
    ),
  ]),
].filter((path) => !path.includes('/node_modules/'));

/** How docs/testing.md names a test: below test/, without its ending. */
const TEST = /^[a-z][\w-]*(\/[\w-]+)+$/;
const FILE = /^[\w./-]+\.(ts|tsx|cts|mjs|md|css)$/;
/** One name alone may be a folder that the program makes. */
const FOLDER = /^[\w.-]+\/[\w./-]+\/$/;

/** What a page has in code spans, and where its links to files lead. */
function namedIn(page: string): { readonly spans: readonly string[]; readonly links: readonly string[] } {
  const text = readFileSync(page, 'utf8').replace(/^```.*?^```/gms, '');
  const spans = [...text.matchAll(/`([^`]+)`/g)].map(([, span = '']) => span);
  const links = [...text.matchAll(/\]\(([^)#:]+)(#[^)]*)?\)/g)].map(([, link = '']) => link);
  return { spans, links };
}

describe('the docs', () => {
  for (const page of PAGES) {
    it(`name files and folders that there are: ${page}`, () => {
      const { spans, links } = namedIn(page);
      const named = spans.filter((span) => FILE.test(span) || FOLDER.test(span));
      const missing = named.filter((span) => !PATHS.some((path) => path.endsWith(`/${span}`)));
      expect(missing, 'named').to.deep.equal([]);
      const dead = links.filter((link) => !PATHS.includes(`/${join(dirname(page), link)}`));
      expect(dead, 'linked').to.deep.equal([]);
    });
  }

  it('name tests that there are: docs/testing.md', () => {
    const named = namedIn('docs/testing.md').spans.filter((span) => TEST.test(span));
    const isThere = (span: string) =>
      [`/test/${span}.test.ts`, `/test/${span}.ts`, `/test/${span}/`].some((path) => PATHS.includes(path));
    expect(named.filter((span) => !isThere(span))).to.deep.equal([]);
  });

  it('tell of each room', () => {
    const text = readFileSync('docs/architecture.md', 'utf8');
    const rooms = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(rooms.map(({ name }) => name).filter((name) => !text.includes(`| \`${name}/\``))).to.deep.equal(
      [],
    );
  });

  it('name what there is in the core beside each rule of Raft', () => {
    const text = readFileSync('docs/architecture.md', 'utf8');
    const rules = text.slice(text.indexOf('## The rules of Raft'), text.indexOf('## Bounds'));
    const spans = [...rules.matchAll(/`(?:(?:Core|RaftLog)\.)?(\w+)`/g)].map(([, name = '']) => name);
    const core = readdirSync('src/raft')
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(join('src/raft', name), 'utf8'))
      .join('\n');
    expect(spans.filter((name) => !new RegExp(`\\b${name}\\(`).test(core))).to.deep.equal([]);
  });
});
